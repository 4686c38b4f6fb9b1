"""Equal requests at the same moment make one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class SingleFlight(Generic[Value]):
    """Shares one call among all who ask for the same key while it is under way.

    A caller that is cancelled leaves the others their call; the last one to leave takes it along, so
    that nothing goes on for nobody. An error is everyone's. Each event loop has its own calls.

    ```python
    answer = await flight.run(key, lambda: provider.complete(prompt))
    ```
    """

    def __init__(self) -> None:
        self._flights: dict[tuple[int, str], _Flight[Value]] = {}

    async def run(self, key: str, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return what `make` returns, called once for all who wait for this key."""
        place = id(asyncio.get_running_loop()), key
        flight = self._flights.get(place)
        if flight is None:
            flight = self._flights[place] = _Flight(asyncio.ensure_future(_called(make)))
            flight.task.add_done_callback(lambda _: self._forget(place, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                await self._land(place, flight)

    async def _land(self, place: tuple[int, str], flight: _Flight[Value]) -> None:
        """Cancel a call that nobody waits for, and see it end."""
        self._forget(place, flight)
        flight.task.cancel()
        await asyncio.gather(flight.task, return_exceptions=True)

    def _forget(self, place: tuple[int, str], flight: _Flight[Value]) -> None:
        if self._flights.get(place) is flight:
            del self._flights[place]


class _Flight(Generic[Value]):
    def __init__(self, task: asyncio.Task[Value]) -> None:
        self.task = task
        self.waiting = 0


async def _called(make: Callable[[], Awaitable[Any]]) -> Any:
    return await make()
