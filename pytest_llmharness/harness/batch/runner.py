"""A job over many items: side by side, in input order, each item's failure its own."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sized
from contextlib import aclosing
from typing import Generic, TypeVar

from ...ports.executor import Executor
from .feed import Feed
from .outcome import ItemOutcome, Progress
from .settings import BatchSettings, too_parallel

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Batch(Generic[Item, Outcome]):
    """Runs a job over items; one batch may run many inputs, also at once.

    ```python
    batch = Batch(harness.arun, executor=AsyncioExecutor(), settings=BatchSettings(max_workers=3))
    answers = results(await batch.run(["first ticket", "second ticket"]))
    async for outcome in batch.stream(a_hundred_thousand_tickets):  # bounded memory
        write(outcome.index, outcome.value, outcome.error)
    ```

    Args:
        job: what is done with an item.
        executor: where it runs.
        settings: how many at once.
        lane: the model of an item, or whatever else has a cap of its own; None means there is one lane.
        on_progress: called after each item, in the order they end. If it raises, the batch goes on with a
            warning and without it.
        provider: the name of the provider that all items ask; more workers than it can use give a
            warning.
    """

    def __init__(
        self,
        job: Callable[[Item], Awaitable[Outcome]],
        *,
        executor: Executor,
        settings: BatchSettings | None = None,
        lane: Callable[[Item], str] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        provider: str | None = None,
    ) -> None:
        self._job, self._executor, self._lane = job, executor, lane
        self._settings = settings or BatchSettings()
        self._on_progress = on_progress
        complaint = too_parallel(provider, self._settings.max_workers) if provider else None
        if complaint:
            warnings.warn(complaint, RuntimeWarning, stacklevel=2)

    async def run(self, items: Iterable[Item] | AsyncIterable[Item]) -> list[ItemOutcome[Outcome]]:
        """Return what became of each item, in input order."""
        return [outcome async for outcome in self.stream(items)]

    async def stream(
        self, items: Iterable[Item] | AsyncIterable[Item], *, in_order: bool = True
    ) -> AsyncGenerator[ItemOutcome[Outcome], None]:
        """Yield what becomes of each item, as soon as it can be.

        Closing it early cancels what still runs.

        Args:
            items: the input; it is read only as far as is needed.
            in_order: in the order of the input; False yields each item when it ends.
        """
        feed = Feed(items, self._lane, self._settings)
        count = _Count(len(items) if isinstance(items, Sized) else None, self._on_progress)
        waiting: dict[int, ItemOutcome[Outcome]] = {}
        due = 0
        async with (
            aclosing(feed.items()) as queue,
            aclosing(self._executor.map(self._job, queue, max_workers=self._settings.max_workers)) as running,
        ):
            async for start, outcome in running:
                ended = _outcome(feed.ended(start), outcome)
                count.add(ended)
                waiting[ended.index] = ended
                while waiting and (not in_order or due in waiting):
                    ready = waiting.pop(due if in_order else ended.index)
                    due += 1
                    feed.handed_out()
                    yield ready


def _outcome(index: int, outcome: Outcome | Exception) -> ItemOutcome[Outcome]:
    if isinstance(outcome, Exception):
        return ItemOutcome(index, error=outcome)
    return ItemOutcome(index, outcome)


class _Count:
    """Counts what ended, and tells whoever wants to know."""

    def __init__(self, total: int | None, on_progress: Callable[[Progress], object] | None) -> None:
        self._total, self._on_progress = total, on_progress
        self._done = self._failed = 0

    def add(self, outcome: ItemOutcome[Outcome]) -> None:
        self._done += 1
        self._failed += not outcome.ok
        if self._on_progress is None:
            return
        try:
            self._on_progress(Progress(self._done, self._failed, self._total, outcome.index))
        except Exception as error:  # noqa: BLE001 - a broken display loses no results
            self._on_progress = None
            text = f"on_progress raised {type(error).__name__}: {error}; the batch goes on without it"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
