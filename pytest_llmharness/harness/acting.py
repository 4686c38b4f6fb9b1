"""The model proposes, the harness acts: constrain, gate, run side by side, and write down both ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from typing import NamedTuple

from ..domain.event import EventKind
from ..domain.frozen import dataclass
from ..domain.result import FailureReason
from ..domain.tool import ToolCall, ToolSpec
from .constrain import Toolbox
from .foreign import said
from .gate.budgets import Account, Charge
from .journal import Journal
from .parts import Parts
from .received import whole
from .refusal import Refusal

_key: ContextVar[str] = ContextVar("llmharness_idempotency_key", default="")


def idempotency_key() -> str:
    """Return the name of the tool call under way, the same when it is made again after a crash.

    A tool with side effects hands it to the service it calls. Outside a tool call it is "".
    """
    return _key.get()


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a run cannot go on by itself: a reason, what is open, and what to do."""

    reason: FailureReason
    what: str
    fix: str


class _Admitted(NamedTuple):
    position: int
    call: ToolCall
    spec: ToolSpec
    charge: Charge


class Acting:
    """Runs the rounds of tool calls of one run.

    Args:
        parts: what the harness is made of.
        journal: where intent is written down before an effect, and the result after it.
        toolbox: the tools, as the session may use them.
    """

    def __init__(self, parts: Parts, journal: Journal, toolbox: Toolbox) -> None:
        self._parts, self._journal, self._toolbox = parts, journal, toolbox
        allowances = () if parts.gate is None else parts.gate.allowances
        spent = journal.state.charges
        self._account = Account(allowances, clock=parts.clock, history=spent) if allowances else None

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the model is told of."""
        return self._toolbox.specs

    async def round(self) -> Halt | None:
        """Answer every call of the last answer; return why that cannot be done, or None."""
        # Taken now: with the last result the round is over, and the state forgets its calls.
        state, calls = self._journal.state, self._journal.state.proposed
        undecided: Sequence[int] = range(len(calls))
        if state.begun or state.results:
            doubtful = state.in_doubt
            undecided = sorted(set(undecided) - state.results.keys() - set(doubtful))
            for position in doubtful:
                halt = await self._settle(position, calls[position])
                if halt is not None:
                    return halt
        admitted: list[_Admitted] = []
        held: Halt | None = None
        for position in undecided:
            decided = await self._decided(position, calls[position])
            if isinstance(decided, _Admitted):
                admitted.append(decided)
            else:
                held = held or decided
        if len(admitted) == 1:
            await self._run(admitted[0])
        elif admitted:
            await self._together(admitted)
        return held

    # --- before: may it run? ---

    async def _decided(self, position: int, call: ToolCall) -> _Admitted | Halt | None:
        """Admit a call, or answer it with its refusal, or say that a person must decide first."""
        parts = self._parts
        blocked = False
        if parts.guardrails is not None:
            call, hits = parts.guardrails.call(call)
            blocked = bool(hits) and parts.guardrails.action == "block"
        if blocked:
            refused = Refusal("guardrails", "blocked_word", "the arguments hold a blocked word; leave it out")
            await self._refuse(position, call, refused)
            return None
        charge = self._toolbox.admit(call)
        if isinstance(charge, Refusal):
            await self._refuse(position, call, charge)
            return None
        spec = self._toolbox.spec(call.name)
        if parts.gate is not None:
            session_id = self._journal.state.session_id
            decision = await parts.gate.decide(call, spec, session_id=session_id, account=self._account)
            if self._journal.observed:
                await self._journal.tell(EventKind.GATE, **decision.facts)
            if decision.verdict != "run":
                self._toolbox.release(charge)
            if decision.verdict == "pending":
                return Halt(
                    FailureReason.PENDING_APPROVAL,
                    decision.reason,
                    f"answer {decision.ticket}, then resume the session",
                )
            if decision.refusal is not None:
                await self._refuse(position, call, decision.refusal)
                return None
            call, charge = decision.call, decision.charge or charge
        return _Admitted(position, call, spec, charge)

    async def _refuse(self, position: int, call: ToolCall, refused: Refusal) -> None:
        await self._journal.tell(EventKind.REFUSED, tool=call.name, id=call.id, **refused.facts)
        await self.answer(position, call, f"Error: {refused.reason}", ok=False)

    # --- the effect ---

    async def _together(self, admitted: Sequence[_Admitted]) -> None:
        """Run calls side by side: as many tasks as may be busy, each takes the next call when it is free."""
        self._journal.take_turns()
        waiting = iter(admitted)

        async def work() -> None:
            for one in waiting:
                await self._run(one)

        busy = min(len(admitted), self._parts.config.tool_concurrency)
        tasks = [asyncio.ensure_future(work()) for _ in range(busy)]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _run(self, one: _Admitted) -> None:
        call, key = one.call, self._name(one.position)
        await self._journal.record(
            EventKind.TOOL_EXECUTION,
            position=one.position,
            tool=call.name,
            arguments=call.arguments,
            id=call.id,
            key=key,
            writes=not one.spec.read_only,
            cost=one.charge.cost,
            at_s=one.charge.at_s,
        )
        token = _key.set(key)
        try:
            dispatched = self._toolbox.dispatch(call)
            if self._journal.traced:
                attributes = {"tool": call.name, "id": call.id}
                dispatched = self._journal.inside("tool_execution", dispatched, **attributes)
            text, ok = await dispatched
        finally:
            _key.reset(token)
        await self.answer(one.position, call, text, ok=ok)

    async def answer(self, position: int, call: ToolCall, text: str, *, ok: bool) -> None:
        """Write down what a call returned, after the scan for attempts to take the model over."""
        text, journal = whole(text), self._journal
        if ok and self._parts.normalize is not None:
            text = self._parts.normalize.tool_result(text).text
        last = len(journal.state.results) + 1 == len(journal.state.proposed)
        write = journal.note if last else journal.record
        await write(EventKind.TOOL_RESULT, position=position, tool=call.name, id=call.id, ok=ok, text=text)

    def _name(self, position: int) -> str:
        state = self._journal.state
        return f"{state.session_id}/{state.runs}/{state.depth}/{position}"

    # --- after a crash ---

    async def _settle(self, position: int, call: ToolCall) -> Halt | None:
        """Decide about a call that began and has no result, as its tool says."""
        if self._parts.guardrails is not None:
            call, _ = self._parts.guardrails.call(call)
        spec = self._toolbox.spec(call.name)
        if spec.read_only or spec.in_doubt == "idempotent":
            await self._run(_Admitted(position, call, spec, Charge(0.0, call.name)))
            return None
        key = self._name(position)
        if spec.in_doubt == "lookup":
            try:
                found = await self._toolbox.lookup(call, key)
            except Exception as error:  # noqa: BLE001 - who cannot tell leaves the call in doubt
                return _in_doubt(call, key, position, f"; its lookup failed: {said(error)}")
            if found is None:
                await self._run(_Admitted(position, call, spec, Charge(0.0, call.name)))
            else:
                await self.answer(position, call, found, ok=True)
            return None
        return _in_doubt(call, key, position)


def _in_doubt(call: ToolCall, key: str, position: int, why: str = "") -> Halt:
    return Halt(
        FailureReason.IN_DOUBT,
        f"nobody knows whether the call {call.name} took effect before the run stopped (key {key}){why}",
        f"find out, then resume the session with settle={{{position}: 'what it returned'}}, or with None "
        "to make it again; or give the tool in_doubt='idempotent' or 'lookup'",
    )
