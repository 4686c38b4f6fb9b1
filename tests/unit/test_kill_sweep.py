"""A rich run, killed or cancelled anywhere, ends as if nothing had happened, with each effect once."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    ToolCall,
    VirtualClock,
    fault,
    idempotency_key,
    tool,
)
from pytest_llmharness.adapters.approvers.callback import CallbackApprover
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.domain.event import Event
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.gate import Allowance, Gate

PRIORITY = {"type": "object", "properties": {"priority": {"type": "integer"}}, "required": ["priority"]}
ROUNDS = [
    [ToolCall("pay", {"amount": 10}), ToolCall("look", {"what": "a"}), ToolCall("note", {"text": "x"})],
    [ToolCall("pay", {"amount": 20_000}), ToolCall("pay", {"amount": -5}), ToolCall("look", {"what": "b"})],
    [ToolCall("look", {"what": "c"}), ToolCall("pay", {"amount": 7}), ToolCall("note", {"text": "y"})],
]
EFFECTS = [("note", "x"), ("note", "y"), ("pay", "10"), ("pay", "20000")]
REQUEST = Request("go", session_id="s")
STRIDE = 1 if int(os.environ.get("LLMHARNESS_FUZZ_EXAMPLES", "0")) >= 10_000 else 7
"""Of the pairs of kills one in so many is tried; `make fuzz` tries them all."""


class Crash(BaseException):
    """The process ends here."""


class Dying:
    """A log whose process ends at one append: before the event is kept, or just after."""

    def __init__(self, log: Any, at: int, *, kept: bool) -> None:
        self.log, self.at, self.kept, self.count = log, at, kept, 0

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        self.count += 1
        number = self.count - 1
        if number > self.at or (number == self.at and not self.kept):
            raise Crash  # also what still runs beside it is gone
        await self.log.append(session_id, seq, event)
        if number == self.at:
            raise Crash

    def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        return self.log.read(session_id, after)


class World:
    """What outlives a process: the log, and a bank and a notebook that know idempotency keys."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self.effects: dict[str, tuple[str, str]] = {}
        self.clock = VirtualClock()

    def harness(self, log: Any = None) -> Harness:
        """Start a process."""
        wanted = ScriptedProvider([fault.server_error()] * 9, model="big")
        spare = ScriptedProvider([self.answer] * 99, model="small")
        return Harness(
            wanted,
            fallbacks=[spare],
            tools=self.tools(),
            schema=PRIORITY,
            gate=Gate(
                approver=CallbackApprover(self.approve),
                allowances=[Allowance("payments", ("pay",), calls=2)],
            ),
            layers={"constrain": Constraints(quotas={"look": 2})},
            limiter=TokenBucket(self.clock, capacity=2, refill_s=1),
            config=HarnessConfig(max_tool_depth=4, max_iterations=30, max_retries=1, tool_concurrency=2),
            session_log=log if log is not None else self.log,
            clock=self.clock,
        )

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool:
        """Say yes, after a while."""
        await self.clock.sleep(5)
        return True

    @staticmethod
    def answer(prompt: Any) -> Any:
        """Answer by what is asked, as any process would find it."""
        done = sum(bool(message.tool_calls) for message in prompt.messages)
        if done < len(ROUNDS):
            return [ToolCall(call.name, call.arguments, f"{done}-{n}") for n, call in enumerate(ROUNDS[done])]
        repaired = any("invalid because" in message.text for message in prompt.messages)
        return '{"priority": 1}' if repaired else '{"priority": "1"}'

    def tools(self) -> list[Any]:
        """Make the tools anew, as each process does."""

        async def do(name: str, what: str) -> str:
            await self.clock.sleep(1)
            self.effects.setdefault(idempotency_key(), (name, what))
            await self.clock.sleep(1)
            return f"{name} {what}"

        @tool(in_doubt="idempotent")
        async def pay(amount: int) -> str:
            """Pay somebody."""
            return await do("pay", str(amount))

        @tool(in_doubt="lookup")
        async def note(text: str) -> str:
            """Write a note."""
            return await do("note", text)

        async def lookup(key: str) -> str | None:
            await self.clock.sleep(1)
            return " ".join(self.effects[key]) if key in self.effects else None

        note.lookup = lookup  # type: ignore[attr-defined]

        @tool(read_only=True)
        async def look(what: str) -> str:
            """Look at something."""
            await self.clock.sleep(1)
            return f"seen {what}"

        return [pay, note, look]


def world(store: str) -> World:
    return World(MemorySessionLog() if store == "memory" else SqliteSessionLog(":memory:"))


async def streamed(harness: Harness) -> LLMResult:
    result: LLMResult = [event async for event in harness.stream(REQUEST)][-1].data["result"]
    return result


async def ran(harness: Harness) -> LLMResult:
    return await harness.arun(REQUEST)


async def end_of(world: World) -> tuple[Any, ...]:
    """Go on with whatever there is, in a new process, and say all there is to compare."""
    state = await world.harness().astate_at("s")
    result = await (world.harness().arun(REQUEST) if state.request is None else world.harness().aresume("s"))
    state = await world.harness().astate_at("s")
    # A call that was interrupted is made again: it is one call more, and changes nothing else.
    attempts = [{**attempt, "call": 0} for attempt in result.metadata["attempts"]]
    facts = {**result.metadata, "attempts": attempts, "tried": []}
    charged = sorted(charge.tool for charge in state.charges)
    return result.unwrap(), result.retries, facts, state.messages, charged, sorted(world.effects.values())


async def undisturbed() -> tuple[World, tuple[Any, ...]]:
    calm = world("memory")
    await calm.harness().arun(REQUEST)
    return calm, await end_of(calm)


CALM, EXPECTED = asyncio.run(undisturbed())
EVENTS = len(CALM.log._sessions["s"])
BOUNDARIES = list(itertools.product(range(EVENTS), [False, True]))


def test_the_run_is_as_rich_as_it_claims() -> None:
    """Gate, approval, quota, budget, repair, fallback and parallel tools all take part."""
    value, retries, facts, messages, charged, effects = EXPECTED
    told = [message.text for message in messages if message.role == "tool"]
    assert value == {"priority": 1}
    assert retries == 3
    assert facts["degraded"]
    assert effects == EFFECTS
    assert charged == ["look", "look", "note", "note", "pay", "pay"]
    assert "impossible-amount" in told[4]
    assert "quota" in told[6]
    assert "payments allows 2 calls" in told[7]
    assert EVENTS > 30


@pytest.mark.parametrize("face", [ran, streamed])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_killed_at_any_event_it_ends_as_if_nothing_had_happened(store: str, face: Callable[..., Any]) -> None:
    """B34, B35, C4, C10, D4b: the same answer, the same conversation, the same charges, each effect once."""

    async def sweep() -> None:
        for at, kept in BOUNDARIES:
            one = world(store)
            with pytest.raises(Crash):
                await face(one.harness(Dying(one.log, at, kept=kept)))
            assert await end_of(one) == EXPECTED, (at, kept)

    asyncio.run(sweep())


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_killed_at_any_pair_of_events_it_still_does(store: str) -> None:
    """G1: the second kill hits the process that took over, wherever it is by then."""

    async def sweep() -> int:
        pairs = 0
        for number, (first, kept) in enumerate(BOUNDARIES):
            seconds = range(number % STRIDE, EVENTS + 3 - first, STRIDE)
            pairs += await sweep_from(first, kept, seconds)
        return pairs

    async def sweep_from(first: int, kept: bool, seconds: range) -> int:
        pairs = 0
        for second in seconds:
            one = world(store)
            with pytest.raises(Crash):
                await one.harness(Dying(one.log, first, kept=kept)).arun(REQUEST)
            if (await one.harness().astate_at("s")).request is None:
                continue
            try:
                await one.harness(Dying(one.log, second, kept=not kept)).aresume("s")
            except Crash:
                pairs += 1
            assert await end_of(one) == EXPECTED, (first, kept, second)
        return pairs

    assert asyncio.run(sweep()) > 1000 / STRIDE


@pytest.mark.parametrize("face", [ran, streamed])
def test_cancelled_at_any_await_it_can_be_resumed(face: Callable[..., Any]) -> None:
    """D15: model, tools, gate, limiter, pauses: the cancellation arrives, leaves nothing, loses nothing."""

    async def cancelled_at(wait: int, *, over: bool) -> bool:
        one = world("memory")
        clock = one.clock = Waits()
        task = asyncio.ensure_future(face(one.harness()))
        clock.act, clock.at, clock.over = task.cancel, wait, over
        ended = await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        clock.at = -1
        assert await end_of(one) == EXPECTED, (wait, over)
        return isinstance(ended[0], asyncio.CancelledError)

    async def sweep(*, over: bool) -> int:
        wait = 0
        while await cancelled_at(wait, over=over):
            wait += 1
        return wait

    assert asyncio.run(sweep(over=False)) > 10
    assert asyncio.run(sweep(over=True)) > 10


class Waits(VirtualClock):
    """Acts when the n-th wait of anybody begins, or when it is over."""

    act: Callable[[], Any]
    at, over, count = -1, False, 0

    async def sleep(self, seconds: float) -> None:
        number, self.count = self.count, self.count + 1
        if number == self.at and not self.over:
            self.act()
        await super().sleep(seconds)
        if number == self.at and self.over:
            self.act()


def test_a_stream_that_is_closed_at_any_event_can_be_resumed() -> None:
    """D15: whoever stops listening stops the run, at once and for good."""

    async def closed_after(count: int) -> bool:
        one = world("memory")
        stream = one.harness().stream(REQUEST)
        for _ in range(count):
            if await anext(stream, None) is None:
                return False
        await stream.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await end_of(one) == EXPECTED, count
        return True

    async def sweep() -> int:
        count = 0
        while await closed_after(count):
            count += 1
        return count

    assert asyncio.run(sweep()) > 40


@pytest.mark.parametrize("face", [ran, streamed])
@pytest.mark.parametrize("calls", [1, 3])
def test_what_is_no_exception_ends_the_run_and_its_neighbours(face: Callable[..., Any], calls: int) -> None:
    """D12: a tool that ends the process ends it; what ran beside it is cancelled, and nothing is left."""
    ended: list[str] = []

    @tool(read_only=True)
    async def die() -> str:
        """End the process."""
        await clock.sleep(1)
        raise Crash

    @tool(read_only=True)
    async def wait() -> str:
        """Wait."""
        try:
            await clock.sleep(20)
        finally:
            ended.append("cancelled")
        return "waited"

    async def go() -> None:
        provider = ScriptedProvider([[ToolCall("die"), *[ToolCall("wait")] * (calls - 1)]])
        with pytest.raises(Crash):
            await face(Harness(provider, tools=[die, wait], clock=clock))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock = VirtualClock()
    asyncio.run(go())
    assert ended == ["cancelled"] * (calls - 1)
    assert clock.now() == 1.0
