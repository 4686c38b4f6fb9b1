"""The model proposes, the harness acts: constrain, gate, run side by side, and write down both ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextvars import ContextVar

from ..domain.event import EventKind
from ..domain.frozen import dataclass
from ..domain.result import FailureReason
from ..domain.tool import ToolCall, ToolSpec
from .admitted import Admitted
from .admitting import Admitting, Pending
from .chaining import waits_for
from .constrain import Toolbox
from .early import EarlyCalls, same
from .foreign import said
from .gate.budgets import Charge
from .journal import Journal, ended
from .parts import Parts
from .received import is_json, whole
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
        self._slots: asyncio.Semaphore | None = None
        self.early: EarlyCalls | None = None
        if journal.listened and parts.config.early_tools:
            self.early = EarlyCalls(admit=self._early, start=self._begun)

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the model is told of."""
        return self._toolbox.specs

    async def round(self) -> Halt | None:
        """Answer every call of the last answer; return why that cannot be done, or None."""
        # Taken now: with the last result the round is over, and the state forgets its calls.
        state, calls = self._journal.state, self._journal.state.proposed
        undecided: Sequence[int] = range(len(calls))
        admitted: list[Admitted] = []
        held: Halt | None = None
        if state.begun or state.results:
            begun = state.in_doubt
            undecided = sorted(set(undecided) - state.results.keys() - set(begun))
            admitted = [] if self.early is None else self.early.among(begun, calls)
            for position in sorted(set(begun) - {one.position for one in admitted}):
                halt = await self._settle(position, calls[position])
                if halt is not None:
                    return halt
        for position in undecided:
            decided = await self._decided(position, calls[position])
            if isinstance(decided, Admitted):
                admitted.append(decided)
            else:
                held = held or decided
        if held is not None:
            admitted = self._free(admitted, undecided)
        if len(admitted) == 1:
            await self._in_turn(admitted[0], waits_for(calls, admitted[0].spec))
        elif self._slots is not None or any(one.spec.after for one in admitted):
            await self._in_order(admitted)
        elif admitted:
            await self._together(admitted)
        return held

    # --- before: may it run? ---

    async def _decided(self, position: int, call: ToolCall) -> Admitted | Halt | None:
        """Admit a call, or answer it with its refusal, or say that a person must decide first."""
        judged = await self._judged(position, call)
        if isinstance(judged, Refusal):
            await self._refuse(position, call, judged)
            return None
        return judged

    async def _judged(self, position: int, call: ToolCall) -> Admitted | Halt | Refusal:
        judged = await self._admitting.judge(position, call, self._journal.state.session_id)
        if isinstance(judged, Pending):
            what_to_do = f"answer {judged.ticket}, then resume the session"
            return Halt(FailureReason.PENDING_APPROVAL, judged.reason, what_to_do)
        return judged

    async def _early(self, position: int, call: ToolCall) -> Admitted | None:
        """Admit a call before its answer has ended, where it only reads and nothing speaks against it."""
        spec = next((spec for spec in self._toolbox.specs if spec.name == call.name), None)
        if spec is None or not spec.read_only or spec.after or not is_json(call.arguments):
            return None
        if self._journal.state.depth >= self._parts.config.max_tool_depth:
            return None
        judged = await self._judged(position, call)
        if not isinstance(judged, Admitted):
            return None  # what is refused is refused again, and answered, when the answer is there
        if not same(judged.call, call):
            self._admitting.give_back(judged)
            return None
        return judged

    async def _refuse(self, position: int, call: ToolCall, refused: Refusal) -> None:
        await self._journal.tell(EventKind.REFUSED, tool=call.name, id=call.id, **refused.facts)
        await self.answer(position, call, f"Error: {refused.reason}", ok=False)

    def _free(self, admitted: Sequence[Admitted], undecided: Sequence[int]) -> list[Admitted]:
        """Return those that wait for none of the calls on which a person has to decide."""
        calls = self._journal.state.proposed
        open_ = set(undecided) - {one.position for one in admitted} - self._journal.state.results.keys()
        free, left = list(admitted), None
        while left != len(free):
            left = len(free)
            held = [one for one in free if open_.intersection(waits_for(calls, one.spec))]
            open_.update(one.position for one in held)
            free = [one for one in free if one not in held]
        for one in admitted:
            if one not in free:
                self._admitting.give_back(one)
        return free

    # --- the effect ---

    async def _together(self, admitted: Sequence[Admitted]) -> None:
        """Run calls side by side: as many tasks as may be busy, each takes the next call when it is free."""
        self._journal.take_turns()
        waiting = iter(admitted)

        async def work() -> None:
            for one in waiting:
                await self._run(one)

        busy = min(len(admitted), self._parts.config.tool_concurrency)
        await _all_of([asyncio.ensure_future(work()) for _ in range(busy)])

    async def _in_order(self, admitted: Sequence[Admitted]) -> None:
        """Run calls side by side where some wait for others, or some have begun: each is a task."""
        self._journal.take_turns()
        calls, slots = self._journal.state.proposed, self._slots_made()
        tasks: dict[int, asyncio.Task[None]] = {}

        async def run(one: Admitted) -> None:
            before = waits_for(calls, one.spec)
            if others := [tasks[place] for place in before if place in tasks]:
                await asyncio.wait(others)
            async with slots:
                await self._in_turn(one, before)

        tasks.update((one.position, asyncio.ensure_future(run(one))) for one in admitted)
        await _all_of(tasks.values())

    def _slots_made(self) -> asyncio.Semaphore:
        if self._slots is None:
            self._slots = asyncio.Semaphore(self._parts.config.tool_concurrency)
        return self._slots

    async def _in_turn(self, one: Admitted, before: Sequence[int]) -> None:
        """Make a call, but where one that it comes after has failed."""
        state = self._journal.state
        failed = next((state.proposed[place].name for place in before if place in state.unmade), None)
        if failed is None:
            await self._run(one)
            return
        self._admitting.give_back(one)
        why = f"{one.call.name} comes after {failed}, and that failed; it was not called"
        await self._refuse(one.position, one.call, Refusal("constrain", "after", why))

    async def _run(self, one: Admitted) -> None:
        begun = None if self.early is None else self.early.outcome(one.position)
        if begun is None:
            await self._intend(one)
            text, ok = await self._dispatched(one)
        else:
            text, ok = await begun
        await self.answer(one.position, one.call, text, ok=ok)

    async def _begun(self, one: Admitted) -> asyncio.Task[tuple[str, bool]]:
        await ended(self._intend(one))

        async def in_a_slot() -> tuple[str, bool]:
            async with self._slots_made():
                return await self._dispatched(one)

        return asyncio.ensure_future(in_a_slot())

    async def _intend(self, one: Admitted) -> None:
        await self._journal.record(
            EventKind.TOOL_EXECUTION,
            position=one.position,
            tool=one.call.name,
            arguments=one.call.arguments,
            id=one.call.id,
            key=self._name(one.position),
            writes=not one.spec.read_only,
            cost=one.charge.cost,
            at_s=one.charge.at_s,
        )

    async def _dispatched(self, one: Admitted) -> tuple[str, bool]:
        token = _key.set(self._name(one.position))
        try:
            dispatched = self._toolbox.dispatch(one.call)
            if self._journal.traced:
                attributes = {"tool": one.call.name, "id": one.call.id}
                dispatched = self._journal.inside("tool_execution", dispatched, **attributes)
            return await dispatched
        finally:
            _key.reset(token)

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
            await self._run(Admitted(position, call, spec, Charge(0.0, call.name)))
            return None
        key = self._name(position)
        if spec.in_doubt == "lookup":
            try:
                found = await self._toolbox.lookup(call, key)
            except Exception as error:  # noqa: BLE001 - who cannot tell leaves the call in doubt
                return _in_doubt(call, key, position, f"; its lookup failed: {said(error)}")
            if found is None:
                await self._run(Admitted(position, call, spec, Charge(0.0, call.name)))
            else:
                await self.answer(position, call, found, ok=True)
            return None
        return _in_doubt(call, key, position)


async def _all_of(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for all; where one raises, or the waiting is cancelled, no other is left behind."""
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _in_doubt(call: ToolCall, key: str, position: int, why: str = "") -> Halt:
    return Halt(
        FailureReason.IN_DOUBT,
        f"nobody knows whether the call {call.name} took effect before the run stopped (key {key}){why}",
        f"find out, then resume the session with settle={{{position}: 'what it returned'}}, or with None "
        "to make it again; or give the tool in_doubt='idempotent' or 'lookup'",
    )
