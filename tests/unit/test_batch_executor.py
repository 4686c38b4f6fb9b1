"""The asyncio executor: a fixed crew, each item in a task of its own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from pytest_llmharness import VirtualClock
from pytest_llmharness.adapters.executors.asyncio import AsyncioExecutor
from pytest_llmharness.errors import CassetteMiss, HarnessError


async def items(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


def run(job: Callable[[Any], Awaitable[Any]], *values: Any, max_workers: int = 2) -> list[tuple[int, Any]]:
    async def collect() -> list[tuple[int, Any]]:
        mapped = AsyncioExecutor().map(job, items(*values), max_workers=max_workers)
        return [pair async for pair in mapped]

    return asyncio.run(collect())


def test_outcomes_come_as_items_end() -> None:
    """With the number of the item's turn, its value or its error."""
    clock = VirtualClock()

    async def job(wait: int) -> int:
        await clock.sleep(wait)
        return 6 // (wait - 2)

    assert [(index, type(value)) for index, value in run(job, 3, 2, 1, 5)] == [
        (1, ZeroDivisionError),
        (0, int),
        (2, int),
        (3, int),
    ]


def test_a_miss_ends_the_map() -> None:
    """What must not be swallowed is no outcome: it is raised, and the others are cancelled."""
    ended = []

    async def job(item: int) -> None:
        try:
            if item:
                raise CassetteMiss("no take", where="", fix="record")
            await asyncio.Event().wait()
        finally:
            ended.append(item)

    with pytest.raises(CassetteMiss):
        run(job, 0, 1)
    assert sorted(ended) == [0, 1]


def test_a_job_that_cancels_itself_is_one_bad_item() -> None:
    """The worker lives on, and the error says what happened."""

    async def job(item: int) -> int:
        if item == 1:
            raise asyncio.CancelledError
        return item

    found = dict(run(job, 0, 1, 2, 3))
    assert [found[0], found[2], found[3]] == [0, 2, 3]
    assert isinstance(found[1], HarnessError)
    assert "cancelled" in found[1].what


def test_items_share_no_context() -> None:
    """A context variable that one item sets is not seen by the next one of its worker."""
    owner = contextvars.ContextVar("owner", default=-1)

    async def job(item: int) -> int:
        before = owner.get()
        owner.set(item)
        return before

    assert [value for _, value in run(job, 0, 1, 2, max_workers=1)] == [-1, -1, -1]


def test_a_slow_reader_holds_the_workers_back() -> None:
    """At most `max_workers` outcomes wait, and as many items run."""
    started = []

    async def job(item: int) -> int:
        started.append(item)
        return item

    async def read() -> None:
        async with aclosing(AsyncioExecutor().map(job, items(*range(100)), max_workers=2)) as outcomes:
            await anext(outcomes)
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(started) <= 5

    asyncio.run(read())
    assert len(started) <= 5


def test_items_are_taken_only_by_free_workers() -> None:
    """No reading ahead: while two run, two are taken."""
    taken = []

    async def source() -> AsyncIterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    async def read() -> None:
        async def job(item: int) -> None:
            await asyncio.Event().wait()

        mapped = AsyncioExecutor().map(job, source(), max_workers=2)
        task = asyncio.create_task(anext(mapped))
        for _ in range(20):
            await asyncio.sleep(0)
        assert taken == [0, 1]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await mapped.aclose()

    asyncio.run(read())
