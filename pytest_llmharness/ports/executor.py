"""The port to whatever runs the items of a batch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Executor(Protocol):
    """Runs one job over many items."""

    def map(
        self,
        job: Callable[[Item], Awaitable[Outcome]],
        items: Sequence[Item],
        *,
        max_workers: int,
    ) -> AsyncIterator[tuple[int, Outcome | Exception]]:
        """Yield (index, outcome) as items end, never more than `max_workers` at once."""
        ...
