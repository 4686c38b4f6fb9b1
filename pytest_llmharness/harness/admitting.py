"""May this call run? Blocked words, then what the session may do, then the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..domain.event import EventKind
from ..domain.tool import ToolCall
from ..ports.clock import Clock
from .admitted import Admitted
from .constrain import Toolbox
from .gate.budgets import Account
from .journal import Journal
from .refusal import Refusal

if TYPE_CHECKING:
    from .gate.decision import Gate
    from .layers import Guard


class Pending(NamedTuple):
    """A call that waits for a person: why, and the name of the question."""

    reason: str
    ticket: str


class Admitting:
    """Decides about the calls of one session, one after the other.

    Args:
        toolbox: the tools, as the session may use them.
        journal: told what the gate decides; knows what the session has spent.
        guardrails: looks for blocked words in arguments; None means no guard.
        gate: decides about calls with side effects; None lets all run.
        clock: tells when a window of the gate's budgets ends.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        journal: Journal,
        *,
        guardrails: Guard | None,
        gate: Gate | None,
        clock: Clock,
    ) -> None:
        self._toolbox, self._journal, self._guardrails, self._gate = toolbox, journal, guardrails, gate
        allowances = () if gate is None else gate.allowances
        spent = journal.state.charges
        self._account = Account(allowances, clock=clock, history=spent) if allowances else None

    async def judge(self, position: int, call: ToolCall, session_id: str) -> Admitted | Refusal | Pending:
        """Charge a call to what it counts against, or say why it does not run (yet)."""
        if self._guardrails is not None:
            call, hits = self._guardrails.call(call)
            if hits and self._guardrails.action == "block":
                return _BLOCKED
        charge = self._toolbox.admit(call)
        if isinstance(charge, Refusal):
            return charge
        spec = self._toolbox.spec(call.name)
        if self._gate is None:
            return Admitted(position, call, spec, charge, charge)
        decision = await self._gate.decide(call, spec, session_id=session_id, account=self._account)
        if self._journal.observed:
            await self._journal.tell(EventKind.GATE, **decision.facts)
        if decision.verdict == "run":
            return Admitted(position, decision.call, spec, decision.charge or charge, charge)
        self._toolbox.release(charge)
        if decision.verdict == "pending":
            return Pending(decision.reason, decision.ticket)
        return Refusal("gate", decision.rule, decision.reason)

    def give_back(self, one: Admitted) -> None:
        """Take an admitted call that is not made off the quotas and budgets."""
        if one.quota is not None:
            self._toolbox.release(one.quota)
        if self._account is not None and one.charge is not one.quota:
            self._account.release(one.charge)


_BLOCKED = Refusal("guardrails", "blocked_word", "the arguments hold a blocked word; leave it out")
