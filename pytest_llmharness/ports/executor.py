"""The port to whatever runs the items of a batch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Executor(Protocol):
    """Runs one job over many items."""

    def map(
        self,
        job: Callable[[Item], Awaitable[Outcome]],
        items: AsyncIterable[Item],
        *,
        max_workers: int,
    ) -> AsyncGenerator[tuple[int, Outcome | Exception], None]:
        """Yield (index, outcome) as items end, never more than `max_workers` at once.

        An item is taken only when a worker is free for it; `index` counts the items in the order they
        were taken, from 0. An exception of the job is its item's outcome; one of `items` ends the map,
        and so does what is no Exception. Closing the generator cancels what still runs.
        """
        ...
