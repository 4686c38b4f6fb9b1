"""Many items side by side: in order, capped by model, one bad item apart, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import Harness, HarnessConfig, LLMResult, ScriptedProvider, VirtualClock, fault
from pytest_llmharness.adapters.executors.asyncio import AsyncioExecutor
from pytest_llmharness.domain.result import FailureReason
from pytest_llmharness.errors import (
    ConfigError,
    HarnessError,
    InvalidRequest,
    MaxRetriesExceeded,
    RateLimited,
)
from pytest_llmharness.harness.batch import (
    Batch,
    BatchSettings,
    ItemOutcome,
    ModelSlots,
    Progress,
    failed_result,
    results,
    too_parallel,
)
from pytest_llmharness.harness.routing import DEFAULT_TIERS, Answer, Escalation, ModelCall


class Bench:
    """A job that waits as long as its item says, and sees who runs beside it."""

    def __init__(self, lane: Callable[[Any], str] = lambda item: "") -> None:
        self.clock = VirtualClock()
        self.lane = lane
        self.started: list[tuple[Any, float]] = []
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.most_in_all = 0

    async def job(self, item: Any) -> Any:
        lane = self.lane(item)
        self.started.append((item, self.clock.now()))
        self.now[lane] += 1
        self.most[lane] = max(self.most[lane], self.now[lane])
        self.most_in_all = max(self.most_in_all, self.now.total())
        try:
            await self.clock.sleep(abs(item[-1]) if isinstance(item, tuple) else item)
        finally:
            self.now[lane] -= 1
        if isinstance(item, tuple) and item[-1] < 0:
            raise ValueError(item)
        return item

    def batch(self, settings: BatchSettings | None = None, **more: Any) -> Batch[Any, Any]:
        return Batch(self.job, executor=AsyncioExecutor(), settings=settings, **more)

    def run(self, items: Any, settings: BatchSettings | None = None, **more: Any) -> list[ItemOutcome[Any]]:
        return asyncio.run(self.batch(settings, **more).run(items))


def by_model(item: Any) -> str:
    return item[0]


# --- order, workers, failures ---


@pytest.mark.parametrize("waits", [[3, 2, 1], [1, 2, 3], [2, 9, 1, 5, 4, 3], [0, 0, 0, 0], []])
def test_results_come_in_input_order(waits: list[int]) -> None:
    """A22: whatever the order in which items end."""
    bench = Bench()
    outcomes = bench.run(waits)
    assert [outcome.value for outcome in outcomes] == waits
    assert [outcome.index for outcome in outcomes] == list(range(len(waits)))


def test_no_more_than_three_run_at_once() -> None:
    """A22: three by default, and as many as the settings say; 12 equal items take four rounds."""
    bench = Bench()
    bench.run([1] * 12)
    assert (bench.most_in_all, bench.clock.now()) == (3, 4.0)
    bench = Bench()
    bench.run([1] * 12, BatchSettings(max_workers=6))
    assert (bench.most_in_all, bench.clock.now()) == (6, 2.0)


def test_one_bad_item_is_kept_apart() -> None:
    """A23: its slot holds its error, all others their values."""
    outcomes = Bench().run([("a", 1), ("b", -1), ("c", 1)])
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, ValueError)
    with pytest.raises(ValueError, match="b"):
        outcomes[1].unwrap()
    assert outcomes[2].unwrap() == ("c", 1)


def test_a_batch_of_a_harness() -> None:
    """A22, A23: results in order; a failing call and a refused request are failed results."""
    clock = VirtualClock()
    provider = ScriptedProvider(["one", fault.rate_limit(), "three"], clock=clock)
    harness = Harness(provider, clock=clock, config=HarnessConfig(max_retries=0))

    async def run() -> list[LLMResult]:
        one_by_one = BatchSettings(max_workers=1)
        batch = Batch(harness.arun, executor=AsyncioExecutor(), settings=one_by_one)
        return results(await batch.run(["first", "second", "third", ""]))

    answers = asyncio.run(run())
    assert [answer.success for answer in answers] == [True, False, True, False]
    assert [answers[0].content, answers[2].content] == ["one", "three"]
    assert answers[3].metadata["failure_reason"] == FailureReason.INVALID_REQUEST.value


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MaxRetriesExceeded("no", where="", fix=""), FailureReason.VALIDATION),
        (InvalidRequest("no", where="", fix=""), FailureReason.INVALID_REQUEST),
        (ConfigError("no", where="", fix=""), FailureReason.INVALID_REQUEST),
        (RateLimited("no", where="", fix=""), FailureReason.RATE_LIMITED),
        (TimeoutError(), FailureReason.TIMEOUT),
        (ValueError("odd"), FailureReason.PROVIDER_REFUSED),
        (None, FailureReason.PROVIDER_REFUSED),
    ],
)
def test_an_error_becomes_a_failed_result(error: Exception | None, reason: FailureReason) -> None:
    """A23: with a reason of the closed list, and an error that unwrap raises."""
    result = failed_result(error, model="m")
    assert (result.success, result.model, result.metadata["failure_reason"]) == (False, "m", reason.value)
    with pytest.raises(HarnessError):
        result.unwrap()


@settings(max_examples=100)
@given(
    items=st.lists(st.tuples(st.sampled_from("abc"), st.integers(-9, 9)), max_size=30),
    limits=st.builds(
        BatchSettings,
        st.integers(1, 6),
        st.dictionaries(st.sampled_from("ab"), st.integers(1, 7)),
        st.none() | st.integers(1, 3),
        st.integers(1, 40),
    ),
    in_order=st.booleans(),
)
def test_any_batch_keeps_its_promises(
    items: list[tuple[str, int]], limits: BatchSettings, in_order: bool
) -> None:
    """Every item once, in order, no lane and no batch over its cap, no item too far ahead."""
    bench = Bench(by_model)
    workers, caps, other, window = limits.max_workers, limits.caps, limits.other_cap, limits.window
    read = handed_out = 0
    outcomes: list[ItemOutcome[Any]] = []

    def source() -> Iterator[tuple[str, int]]:
        nonlocal read
        for item in items:
            read += 1
            assert read - handed_out <= max(window, workers)
            yield item

    async def run() -> None:
        nonlocal handed_out
        async for outcome in bench.batch(limits, lane=by_model).stream(source(), in_order=in_order):
            handed_out += 1
            outcomes.append(outcome)

    asyncio.run(run())
    assert sorted(outcome.index for outcome in outcomes) == list(range(len(items)))
    if in_order:
        assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    for outcome in outcomes:
        item = items[outcome.index]
        assert outcome.value == item if item[-1] >= 0 else isinstance(outcome.error, ValueError)
    assert bench.most_in_all <= workers
    assert all(most <= caps.get(lane, other or workers) for lane, most in bench.most.items())


# --- caps ---


def test_a_serial_model_is_asked_one_by_one() -> None:
    """A24: the cap of one model holds, and the workers it leaves go to the others."""
    bench = Bench(by_model)
    bench.run(
        [("big", 2), ("big", 2), ("big", 2), ("small", 1), ("small", 1), ("small", 1)],
        BatchSettings(max_workers=3, caps={"big": 1}),
        lane=by_model,
    )
    assert bench.most == {"big": 1, "small": 2}
    assert [when for item, when in bench.started if item[0] == "big"] == [0.0, 2.0, 4.0]
    assert [when for item, when in bench.started if item[0] == "small"] == [0.0, 0.0, 1.0]
    assert bench.clock.now() == 6.0


def test_what_waited_longest_goes_first() -> None:
    """Two lanes get room at the same moment: the item that stands first in the input starts first."""
    for first, second in ("ab", "ba"):
        bench = Bench(by_model)
        items = [(first, 1), (second, 1), (first, 2), (second, 2)]
        bench.run(items, BatchSettings(max_workers=3, other_cap=1), lane=by_model)
        assert [item for item, _ in bench.started] == items


def test_more_workers_than_ollama_serves_give_a_warning() -> None:
    """A24: above four, with the number to use; the batch still runs."""
    with pytest.warns(RuntimeWarning, match=r"max_workers=5 is more than ollama .* use max_workers=4"):
        Bench().batch(BatchSettings(max_workers=5), provider="ollama")
    Bench().batch(BatchSettings(max_workers=4), provider="ollama")
    Bench().batch(BatchSettings(max_workers=50), provider="openai")
    assert too_parallel("ollama", 4) is None
    assert too_parallel("ollama", 5)


def test_items_that_climb_keep_each_models_cap() -> None:
    """A24: the slot is taken at the call, so an escalation into a serial model waits for it."""
    bench = Bench()

    async def run() -> list[Any]:
        slots = ModelSlots({"qwen2.5-coder:7b": 1})
        escalation = Escalation(bench.clock)

        async def attempt(call: ModelCall) -> Answer[str]:
            bench.lane = lambda _: call.model
            await bench.job(1)
            return Answer(call.tier, 0.1 if call.tier == "fast" else 0.9)

        async def climb(item: int) -> Any:
            return await escalation.run(slots.limited(attempt), map(DEFAULT_TIERS.call, DEFAULT_TIERS))

        return await Batch(climb, executor=AsyncioExecutor()).run(range(3))

    bench.now, bench.most = Counter(), Counter()
    outcomes = asyncio.run(run())
    assert [outcome.value.call.tier for outcome in outcomes] == ["balanced"] * 3
    assert bench.clock.now() == 4.0  # one second side by side, then three in a row


def test_slots_are_each_loops_own() -> None:
    """One object serves several event loops; a model without a cap never waits."""
    slots = ModelSlots({"one": 1})

    async def twice() -> None:
        async with slots.slot("one"), slots.slot("free"), slots.slot("free"):
            waiting = asyncio.create_task(slots.slot("one").__aenter__())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(twice())
    asyncio.run(twice())


@pytest.mark.parametrize(
    "make",
    [
        lambda: BatchSettings(0),
        lambda: BatchSettings(True),
        lambda: BatchSettings(caps={"a": 0}),
        lambda: BatchSettings(window=0),
        lambda: BatchSettings(other_cap=-1),
        lambda: ModelSlots({"a": 0}),
        lambda: ModelSlots({}, other=0),
    ],
)
def test_a_limit_that_cannot_work_is_named(make: Callable[[], object]) -> None:
    """Zero workers would wait for ever."""
    with pytest.raises(ConfigError):
        make()


# --- progress ---


def test_progress_is_told_after_each_item() -> None:
    """In the order they end, failed ones counted, with the total where it is known."""
    seen: list[Progress] = []
    Bench().run([("a", 2), ("b", -1), ("c", 3)], on_progress=seen.append)
    assert seen == [Progress(1, 1, 3, 1), Progress(2, 1, 3, 0), Progress(3, 1, 3, 2)]
    seen.clear()
    Bench().run(iter([("a", 1)]), on_progress=seen.append)
    assert seen == [Progress(1, 0, None, 0)]


def test_a_broken_display_loses_no_results() -> None:
    """It is left out after a warning, and all items are there."""
    calls = []

    def broken(progress: Progress) -> None:
        calls.append(progress)
        raise OSError("terminal is gone")

    with pytest.warns(RuntimeWarning, match="on_progress raised OSError: terminal is gone"):
        outcomes = Bench().run([1, 1, 1], on_progress=broken)
    assert (len(outcomes), len(calls)) == (3, 1)


# --- memory and endings ---


class Ticket:
    """An item that counts how many of its kind are alive."""

    alive = most = 0

    def __init__(self, number: int) -> None:
        self.number = number
        Ticket.alive += 1
        Ticket.most = max(Ticket.most, Ticket.alive)

    def __del__(self) -> None:
        Ticket.alive -= 1


def test_a_hundred_thousand_items_take_bounded_memory() -> None:
    """Items are read as needed and let go when handed out: a handful is alive at any time."""
    Ticket.alive = Ticket.most = 0

    async def job(ticket: Ticket) -> Ticket:
        return ticket

    async def run() -> int:
        batch = Batch(job, executor=AsyncioExecutor(), settings=BatchSettings(max_workers=4))
        due = 0
        async with aclosing(batch.stream(map(Ticket, range(100_000)))) as outcomes:
            async for outcome in outcomes:
                assert outcome.index == outcome.unwrap().number == due
                due += 1
        return due

    assert asyncio.run(run()) == 100_000
    assert Ticket.most <= 20
    assert Ticket.alive <= 1


def test_a_slow_first_item_holds_the_input_at_the_window() -> None:
    """What ended waits for it in order; without order nothing waits."""
    bench = Bench()
    read = []

    def source() -> Iterator[int]:
        for wait in [100, *[1] * 50]:
            read.append(bench.clock.now())
            yield wait

    bench.run(source(), BatchSettings(max_workers=2, window=5))
    assert [sum(when < 100 for when in read), len(read)] == [5, 51]
    bench, first = Bench(), []

    async def run() -> None:
        batch = bench.batch(BatchSettings(max_workers=2, window=5))
        first.extend([outcome.index async for outcome in batch.stream([100, *[1] * 50], in_order=False)])

    asyncio.run(run())
    assert first == [*range(1, 51), 0]


def test_a_window_smaller_than_the_workers_counts_as_theirs() -> None:
    """Four workers work, although the window says one."""
    bench = Bench()
    bench.run([1] * 8, BatchSettings(max_workers=4, window=1))
    assert bench.clock.now() == 2.0


def test_each_outcome_that_is_read_makes_room() -> None:
    """The next item starts when a slow reader takes an outcome, not only when an item ends."""
    bench = Bench()

    async def run() -> None:
        async for _ in bench.batch(BatchSettings(max_workers=2, window=2)).stream([2, 1, 5, 5]):
            await bench.clock.sleep(1)

    asyncio.run(run())
    assert bench.started == [(2, 0.0), (1, 0.0), (5, 2.0), (5, 3.0)]


def test_leaving_early_cancels_what_runs() -> None:
    """No task of the batch is left, and no item is started after."""
    bench = Bench()

    async def run() -> None:
        async with aclosing(bench.batch().stream([1, 50, 50, 1, 1])) as outcomes:
            assert (await anext(outcomes)).value == 1
        assert bench.now.total() == 0
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert [task for task in others if "_drive" not in repr(task)] == []

    asyncio.run(run())
    assert len(bench.started) < 5


def test_cancelling_a_batch_cancels_its_items() -> None:
    """The cancellation reaches every item that runs."""
    bench = Bench()

    async def run() -> None:
        task = asyncio.create_task(bench.batch().run([50] * 9))
        await bench.clock.sleep(1)
        assert bench.now.total() == 3
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.now.total() == 0

    asyncio.run(run())
    assert len(bench.started) == 3


def test_an_async_input_is_read_as_it_comes() -> None:
    """Items may come from a queue or a file; an input that fails ends the batch with its error."""
    bench = Bench()

    async def source(*, fails: bool) -> AsyncIterator[int]:
        for _ in range(3):
            await bench.clock.sleep(1)
            yield 1
        if fails:
            raise OSError("disk")

    assert len(bench.run(source(fails=False))) == 3
    with pytest.raises(OSError, match="disk"):
        bench.run(source(fails=True))
