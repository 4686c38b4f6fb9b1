"""The gate itself: the model proposes, the gate decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from ...domain.frozen import dataclass
from ...domain.tool import ToolCall, ToolSpec
from ...ports.approver import Approver
from ..refusal import Refusal
from .approval import ticket_of
from .budgets import Account, Allowance, Charge
from .policy import Judgement, Policy
from .preview import Previewer, preview
from .sql_rows import RowCounter

Verdict: TypeAlias = Literal["run", "refused", "preview", "pending"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided about one call.

    Args:
        verdict: "run"; "refused"; "preview" (a dry run, nothing may run); "pending" (a person was
            asked and has not answered: end the run, and decide again when it is resumed).
        call: a copy of the call that was decided on. Dispatch this one: later changes to the model's
            own arguments are not covered.
        rule: the rule that decided, such as "destructive-sql", "quota" or "read_only".
        reason: one sentence for the model; "" where it runs.
        preview: what the call would do, where it was worked out.
        ticket: the question's name at the approver; "" where nobody was asked.
        charge: what was charged for a call that runs; give it back if it is not dispatched after all.
    """

    verdict: Verdict
    call: ToolCall
    rule: str = ""
    reason: str = ""
    preview: str = ""
    ticket: str = ""
    charge: Charge | None = None

    @property
    def refusal(self) -> Refusal | None:
        """Why the call does not run, or None where it does."""
        return None if self.verdict == "run" else Refusal("gate", self.rule, self.reason)

    @property
    def facts(self) -> dict[str, Any]:
        """The decision as JSON values for an event; no arguments are in it."""
        told = {"tool": self.call.name, "id": self.call.id, "verdict": self.verdict, "rule": self.rule}
        return {**told, "reason": self.reason, "ticket": self.ticket}


class Gate:
    """Decides about every call with side effects, before it is dispatched.

    Read-only tools need no gate. For the others, in this order: the policy's rules, the budgets, the
    dry run, and a person where a rule asks for one. It keeps no state of its own.

    ```python
    gate = Gate(approver=CallbackApprover(ask))
    decision = await gate.decide(call, spec, session_id="s1", account=account)
    if decision.verdict == "run":
        answer = await toolbox.dispatch(decision.call)
    ```

    Args:
        policy: the rules; None means the default ones.
        approver: asked where a rule says "approve"; None refuses such calls.
        escalation: asked where a rule says "escalate"; None means the approver.
        count: counts database rows for the rules about SQL; give it a read-only connection.
        dry_run: decide and preview, but let nothing with side effects run.
        allowances: what a session may spend on calls.
        prices: the cost of a call by tool name, charged to the account.
        previewers: say what a call would do, by tool name.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        approver: Approver | None = None,
        escalation: Approver | None = None,
        count: RowCounter | None = None,
        dry_run: bool = False,
        allowances: Iterable[Allowance] = (),
        prices: Mapping[str, float] | None = None,
        previewers: Mapping[str, Previewer] | None = None,
    ) -> None:
        self.policy = policy if policy is not None else Policy()
        self.dry_run = dry_run
        self.allowances = tuple(allowances)
        self._approver = approver
        self._escalation = escalation or approver
        self._count = count
        self._prices = dict(prices or {})
        self._previewers = dict(previewers or {})

    async def decide(
        self, call: ToolCall, spec: ToolSpec, *, session_id: str, account: Account | None = None
    ) -> Decision:
        """Decide about one call.

        Args:
            call: the proposed call, its arguments already checked against the schema.
            spec: the tool's contract.
            session_id: the session an approval belongs to.
            account: what the session may spend; None means no budget.

        Raises:
            MissingExtra: a rule about SQL applies, and sqlglot is not installed.
        """
        if spec.read_only:
            return Decision("run", call, "read_only")
        try:
            decision = Decision("run", replace(call, arguments=deepcopy(call.arguments)))
        except RecursionError:
            return Decision("refused", call, "depth", f"the arguments of {call.name} are nested too deeply")
        judged = await self.policy.judge(decision.call, count=self._count)
        if judged.effect == "deny":
            return replace(decision, verdict="refused", rule=judged.rule, reason=_told(call, judged))
        charge = account.reserve(call.name, self._prices.get(call.name, 0.0)) if account else None
        if isinstance(charge, Refusal):
            return replace(decision, verdict="refused", rule=charge.rule, reason=charge.reason)
        try:
            decision = await self._previewed(decision, judged, session_id)
        except BaseException:
            _give_back(account, charge)
            raise
        if decision.verdict == "run":
            return replace(decision, charge=charge)
        _give_back(account, charge)
        return decision

    async def _previewed(self, decision: Decision, judged: Judgement, session_id: str) -> Decision:
        """Preview what runs only in earnest or only with a yes; let the rest run."""
        if judged.effect == "allow" and not self.dry_run:
            return replace(decision, rule=judged.rule)
        shown = await preview(decision.call, self._previewers.get(decision.call.name), judged.notes)
        decision = replace(decision, rule=judged.rule, preview=shown)
        if self.dry_run:
            asked = (
                ""
                if judged.effect == "allow"
                else f"\nwould first need a yes: {_told(decision.call, judged)}"
            )
            return replace(
                decision, verdict="preview", rule=judged.rule or "dry_run", reason=f"dry run: {shown}{asked}"
            )
        return await self._asked(decision, judged, session_id)

    async def _asked(self, decision: Decision, judged: Judgement, session_id: str) -> Decision:
        """Ask the person the rule names; whatever is not a yes is a no, or not an answer yet."""
        approver = self._escalation if judged.effect == "escalate" else self._approver
        why = _told(decision.call, judged)
        if approver is None:
            return replace(
                decision, verdict="refused", reason=f"{why}; it needs an approval, and nobody can give one"
            )
        decision = replace(decision, ticket=ticket_of(session_id, decision.call))
        question = f"{why}\n{decision.preview}"
        try:
            # A copy: an approver that changes the arguments has approved nothing.
            asked_about = replace(decision.call, arguments=deepcopy(decision.call.arguments))
            answer = await approver.approve(session_id, asked_about, question)
        except Exception as error:  # noqa: BLE001 - an approver may fail in any way, and that is no yes
            return replace(
                decision, verdict="refused", reason=f"{why}; the approver failed: {type(error).__name__}"
            )
        if answer is None:
            return replace(
                decision, verdict="pending", reason=f"{why}; a person was asked and has not answered yet"
            )
        if answer is not True:
            return replace(decision, verdict="refused", reason=f"{why}; it was not approved")
        return decision


def _give_back(account: Account | None, charge: Charge | None) -> None:
    if account is not None and charge is not None:
        account.release(charge)


def _told(call: ToolCall, judged: Judgement) -> str:
    return f"{call.name} was held by the rule {judged.rule!r}: {'; '.join(judged.reasons) or judged.effect}"
