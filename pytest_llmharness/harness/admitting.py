"""May this call run? Blocked words, then what the session may do, then the gate; each answer is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..domain.event import EventKind
from ..domain.tool import ToolCall, ToolSpec
from ..ports.clock import Clock
from .constrain import Toolbox
from .gate.budgets import Account, Charge
from .journal import Journal
from .refusal import Refusal

if TYPE_CHECKING:
    from .gate.decision import Gate
    from .layers import Guard


class Admitted(NamedTuple):
    """A call that may run: dispatch this one, it is the one that was decided on."""

    call: ToolCall
    spec: ToolSpec
    charge: Charge


class Pending(NamedTuple):
    """A call that waits for a person: why, and the name of the question."""

    reason: str
    ticket: str


Admission: TypeAlias = Admitted | Refusal | Pending


class Admitting:
    """Decides about the calls of one session, one after the other.

    Args:
        toolbox: the tools, as the session may use them.
        journal: told of every decision.
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

    async def decide(self, call: ToolCall, session_id: str) -> Admission:
        """Charge a call to what it counts against, or say why it does not run (yet)."""
        decided = await self._decided(call, session_id)
        if isinstance(decided, Refusal):
            await self._journal.tell(EventKind.REFUSED, tool=call.name, id=call.id, **decided.facts)
        return decided

    async def _decided(self, call: ToolCall, session_id: str) -> Admission:
        if self._guardrails is not None:
            call, hits = self._guardrails.call(call)
            if hits and self._guardrails.action == "block":
                return _BLOCKED
        charge = self._toolbox.admit(call)
        if isinstance(charge, Refusal):
            return charge
        spec = self._toolbox.spec(call.name)
        if self._gate is None:
            return Admitted(call, spec, charge)
        decision = await self._gate.decide(call, spec, session_id=session_id, account=self._account)
        if self._journal.observed:
            await self._journal.tell(EventKind.GATE, **decision.facts)
        if decision.verdict == "run":
            return Admitted(decision.call, spec, decision.charge or charge)
        self._toolbox.release(charge)
        if decision.verdict == "pending":
            return Pending(decision.reason, decision.ticket)
        return Refusal("gate", decision.rule, decision.reason)


_BLOCKED = Refusal("guardrails", "blocked_word", "the arguments hold a blocked word; leave it out")
