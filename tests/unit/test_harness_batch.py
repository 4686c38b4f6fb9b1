"""Harness.batch: many requests side by side, in order, each with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    MemorySessionLog,
    Message,
    Request,
    ScriptedProvider,
    VirtualClock,
    fault,
)
from pytest_llmharness.adapters.executors.asyncio import AsyncioExecutor
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.batch import Progress


class SlowModel(ScriptedProvider):
    """Takes as many virtual seconds as it is asked to, and sees how many ask at once."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__([lambda prompt: prompt.messages[-1].text] * 100)
        self.seconds, self.asked_now, self.most_at_once = clock, 0, 0

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked_now += 1
        self.most_at_once = max(self.most_at_once, self.asked_now)
        try:
            await self.seconds.sleep(float(prompt.messages[-1].text))
            return await super().complete(prompt)
        finally:
            self.asked_now -= 1


def slow_harness(**settings: Any) -> tuple[Harness, SlowModel]:
    clock = VirtualClock()
    model = SlowModel(clock)
    return Harness(model, clock=clock, config=HarnessConfig(timeout_seconds=1000), **settings), model


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_results_come_in_the_order_of_the_requests(workers: int) -> None:
    """A22: whatever ends first; never more at once than there are workers, and as many as there are."""
    harness, model = slow_harness()
    requests = ["5", "1", "3", "2", "4", "1", "9", "2"]
    results = harness.batch(requests, max_workers=workers)
    assert [result.unwrap() for result in results] == requests
    assert model.most_at_once == workers


def test_three_workers_are_the_default() -> None:
    """A22: article 000's number."""
    harness, model = slow_harness()
    harness.batch(["1"] * 9)
    assert model.most_at_once == 3
    assert model.seconds.now() == 3


def test_both_faces_do_the_same() -> None:
    """The sync face also works inside a running loop."""

    async def inside() -> tuple[list[str], list[str]]:
        harness, _ = slow_harness()
        awaited = [result.content for result in await harness.abatch(["2", "1"])]
        return awaited, [result.content for result in harness.batch(["2", "1"])]

    assert asyncio.run(inside()) == (["2", "1"], ["2", "1"])


def test_one_bad_request_is_kept_apart() -> None:
    """A23: a request that cannot be run, and one whose model fails, cost the others nothing."""
    model = ScriptedProvider(["fine", fault.server_error(), "also fine"])
    harness = Harness(model, clock=VirtualClock(), config=HarnessConfig(max_retries=0))
    broken: Any = 5
    results = harness.batch(["one", broken, "", "two", "three"], max_workers=1)
    assert [result.success for result in results] == [True, False, False, False, True]
    reasons = [result.metadata.get("failure_reason") for result in results]
    assert reasons == [None, "invalid_request", "invalid_request", "provider_unavailable", None]
    assert results[4].unwrap() == "also fine"


def test_two_requests_of_one_session_never_mix() -> None:
    """A session has one run at a time: the second is refused, with the way out, and its place is kept."""
    harness, _ = slow_harness(session_log=MemorySessionLog())
    one, other = harness.batch([Request("1", session_id="s"), Request("2", session_id="s")])
    assert one.success
    assert not other.success
    assert "has a run that has not ended" in other.content


def test_requests_keep_what_is_theirs() -> None:
    """Text and Request may stand side by side; a history stays with its request."""
    model = ScriptedProvider([lambda prompt: str(len(prompt.messages))] * 2)
    asked = Request("again", history=(Message.user("hello"), Message.assistant("hello")))
    results = Harness(model, clock=VirtualClock()).batch(["first", asked])
    assert [result.content for result in results] == ["1", "3"]


def test_progress_is_told_after_each_request() -> None:
    """In the order they end, with what failed among them."""
    told: list[Progress] = []
    harness, _ = slow_harness()
    harness.batch(["3", "1", ""], on_progress=told.append)
    assert [(one.done, one.failed, one.total, one.index) for one in told] == [
        (1, 0, 3, 2),
        (2, 0, 3, 1),
        (3, 0, 3, 0),
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_requests_are_read_as_workers_get_free(streamed: bool) -> None:
    """A generator, of either kind, is not read to its end first."""
    harness, model = slow_harness()
    ahead: list[int] = []

    def requests() -> Iterator[str]:
        for place in range(6):
            ahead.append(place - len(model.prompts))
            yield "1"

    async def streaming() -> AsyncIterator[str]:
        for request in requests():
            yield request

    results = harness.batch(streaming() if streamed else requests(), max_workers=2)
    assert len(results) == 6
    assert max(ahead) <= 2


def test_an_executor_can_be_given() -> None:
    """It gets the harness's own run, and the number of workers."""

    class Noting(AsyncioExecutor):
        def __init__(self) -> None:
            self.jobs: list[tuple[Callable[..., Any], int]] = []

        def map(self, job: Any, items: Any, *, max_workers: int) -> Any:
            self.jobs.append((job, max_workers))
            return super().map(job, items, max_workers=max_workers)

    executor = Noting()
    harness, _ = slow_harness()
    assert [result.content for result in harness.batch(["1"], executor=executor, max_workers=2)] == ["1"]
    assert executor.jobs == [(harness.arun, 2)]


def test_no_workers_are_refused_at_once() -> None:
    """A setting that cannot work is a ConfigError, before anything is asked."""
    harness, model = slow_harness()
    with pytest.raises(ConfigError, match="max_workers=0"):
        harness.batch(["1"], max_workers=0)
    assert not model.prompts


def test_more_workers_than_ollama_serves_give_a_warning() -> None:
    """A24: said where the batch is started; four give none."""
    harness = Harness("ollama")
    with pytest.warns(RuntimeWarning, match="max_workers=5 is more than ollama"):
        assert harness.batch([], max_workers=5) == []
    assert harness.batch([], max_workers=4) == []


def test_cancelling_a_batch_cancels_its_requests() -> None:
    """D15: nothing goes on behind a caller who has left."""
    harness, model = slow_harness()
    clock = model.seconds

    async def leave() -> int:
        task = asyncio.create_task(harness.abatch(["100"] * 6))
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(leave()) == 0
    assert model.asked_now == 0
    assert not model.prompts
