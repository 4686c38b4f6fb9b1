"""The order in which a batch's items start: as they come, but never into a full lane."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Generic, TypeVar

from .settings import BatchSettings

Item = TypeVar("Item")


class Feed(Generic[Item]):
    """Hands out items one by one, and knows where each one stood in the input.

    An item whose lane is full waits, and items of other lanes go first. No more than `window` items are
    read and not yet handed out as outcomes, so an endless input takes a bounded amount of memory.

    Args:
        items: the input; it is read only as far as is needed.
        lane: the lane of an item; None puts all into one.
        settings: the limits.
    """

    def __init__(
        self,
        items: Iterable[Item] | AsyncIterable[Item],
        lane: Callable[[Item], str] | None,
        settings: BatchSettings,
    ) -> None:
        self._source = aiter(items) if isinstance(items, AsyncIterable) else _read(items)
        self._lane, self._settings = lane, settings
        self._window = max(settings.window, settings.max_workers)
        self._held: dict[str, deque[tuple[int, Item]]] = {}
        self._running: Counter[str] = Counter()
        self._started: dict[int, tuple[int, str]] = {}
        self._read = self._handed_out = self._starts = 0
        self._at_end = False
        self._changed = asyncio.Event()

    async def items(self) -> AsyncGenerator[Item, None]:
        """Yield the items in the order to start them."""
        while True:
            self._changed.clear()
            found = (self._held_item() if self._held else None) or await self._fresh_item()
            if found is not None:
                lane, index, item = found
                self._running[lane] += 1
                self._started[self._starts] = index, lane
                self._starts += 1
                yield item
            elif self._at_end and not self._held:
                return
            else:
                await self._changed.wait()

    def ended(self, start: int) -> int:
        """Free the lane of the item that was started as number `start`; return its place in the input."""
        index, lane = self._started.pop(start)
        self._running[lane] -= 1
        self._changed.set()
        return index

    def handed_out(self) -> None:
        """Make room in the window for one more item."""
        self._handed_out += 1
        self._changed.set()

    def _is_free(self, lane: str) -> bool:
        return self._running[lane] < self._settings.cap(lane)

    def _held_item(self) -> tuple[str, int, Item] | None:
        """Return the first item in the input that waits in a lane with room."""
        free = [lane for lane in self._held if self._is_free(lane)]
        if not free:
            return None
        lane = min(free, key=lambda name: self._held[name][0][0])
        index, item = self._held[lane].popleft()
        if not self._held[lane]:
            del self._held[lane]
        return lane, index, item

    async def _fresh_item(self) -> tuple[str, int, Item] | None:
        """Read on until an item's lane has room; hold what has none."""
        while not self._at_end and self._read - self._handed_out < self._window:
            try:
                item = await anext(self._source)
            except StopAsyncIteration:
                self._at_end = True
                return None
            index, self._read = self._read, self._read + 1
            lane = self._lane(item) if self._lane is not None else ""
            if self._is_free(lane):
                return lane, index, item
            self._held.setdefault(lane, deque()).append((index, item))
        return None


async def _read(items: Iterable[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item
