"""The model proposes, the harness acts: constrain, gate, run side by side, and write down both ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from ..domain.event import EventKind
from ..domain.result import FailureReason
from ..domain.tool import ToolCall, ToolSpec
from .admitting import Admitted, Admitting, Pending
from .constrain import Toolbox
from .foreign import said
from .gate.budgets import Charge
from .journal import Journal
from .parts import Parts
from .received import whole

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


class _Placed(NamedTuple):
    """An admitted call, and its place in the answer."""

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
        self._admitting = Admitting(
            toolbox, journal, guardrails=parts.guardrails, gate=parts.gate, clock=parts.clock
        )

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the model is told of."""
        return self._toolbox.specs

    async def round(self) -> Halt | None:
        """Answer every call of the last answer; return why that cannot be done, or None."""
        # Taken now: with the last result the round is over, and the state forgets its calls.
        state, calls = self._journal.state, self._journal.state.proposed
        doubtful = state.in_doubt
        undecided = sorted(set(range(len(calls))) - state.results.keys() - set(doubtful))
        for position in doubtful:
            halt = await self._settle(position, calls[position])
            if halt is not None:
                return halt
        admitted, held = [], None
        for position in undecided:
            decided = await self._decided(position, calls[position])
            if isinstance(decided, _Placed):
                admitted.append(decided)
            held = held or (decided if isinstance(decided, Halt) else None)
        await self._together(admitted)
        return held

    # --- before: may it run? ---

    async def _decided(self, position: int, call: ToolCall) -> _Placed | Halt | None:
        """Admit a call, or answer it with its refusal, or say that a person must decide first."""
        decided = await self._admitting.decide(call, self._journal.state.session_id)
        if isinstance(decided, Admitted):
            return _Placed(position, *decided)
        if isinstance(decided, Pending):
            what_to_do = f"answer {decided.ticket}, then resume the session"
            return Halt(FailureReason.PENDING_APPROVAL, decided.reason, what_to_do)
        await self.answer(position, call, f"Error: {decided.reason}", ok=False)
        return None

    # --- the effect ---

    async def _together(self, admitted: Sequence[_Placed]) -> None:
        if len(admitted) <= 1:
            for one in admitted:
                await self._run(one)
            return
        self._journal.take_turns()
        slots = asyncio.Semaphore(self._parts.config.tool_concurrency)

        async def run(one: _Placed) -> None:
            async with slots:
                await self._run(one)

        tasks = [asyncio.ensure_future(run(one)) for one in admitted]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _run(self, one: _Placed) -> None:
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
        text = whole(text)
        if ok and self._parts.normalize is not None:
            text = self._parts.normalize.tool_result(text).text
        state = self._journal.state
        last = len(state.results) + 1 == len(state.proposed)
        write = self._journal.note if last else self._journal.record
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
            await self._run(_Placed(position, call, spec, Charge(0.0, call.name)))
            return None
        key = self._name(position)
        if spec.in_doubt == "lookup":
            try:
                found = await self._toolbox.lookup(call, key)
            except Exception as error:  # noqa: BLE001 - who cannot tell leaves the call in doubt
                return _in_doubt(call, key, position, f"; its lookup failed: {said(error)}")
            if found is None:
                await self._run(_Placed(position, call, spec, Charge(0.0, call.name)))
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
