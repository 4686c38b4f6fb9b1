"""A clock that costs no time: it jumps to the next deadline when everyone waits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from weakref import WeakKeyDictionary

# Where the loop does not show its ready queue (uvloop), this many turns stand for "everyone waits".
_BLIND_TURNS = 100


class VirtualClock:
    """Virtual seconds for tests, one clock per event loop at a time.

    When every task on the loop waits, time jumps to the earliest deadline. It knows nothing of
    real I/O: a task that waits for a socket or a thread counts as waiting, so use it with
    in-process parts only.

    Args:
        start: the first value of `now()`, in seconds.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._alarms: list[tuple[float, int, _Alarm]] = []
        self._driver: asyncio.Task[None] | None = None

    def now(self) -> float:
        """Virtual seconds so far."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until virtual time has moved by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        alarm = self._set_alarm(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            alarm.ring = None

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Cancel the body after `seconds` of virtual time and raise TimeoutError."""
        return asyncio.timeout(None) if seconds is None else self._limited(seconds)

    @asynccontextmanager
    async def _limited(self, seconds: float) -> AsyncIterator[object]:
        async with asyncio.timeout(None) as limit:
            alarm = self._set_alarm(seconds, lambda: limit.reschedule(0))
            try:
                yield limit
            finally:
                alarm.ring = None

    def _set_alarm(self, seconds: float, ring: Callable[[], object]) -> _Alarm:
        alarm = _Alarm(ring)
        heapq.heappush(self._alarms, (self._now + seconds, next(self._order), alarm))
        loop = asyncio.get_running_loop()
        if self._driver is None or self._driver.done() or self._driver.get_loop() is not loop:
            self._driver = loop.create_task(self._drive())
        return alarm

    async def _drive(self) -> None:
        while self._alarms:
            await _until_everyone_waits()
            deadline, _, alarm = heapq.heappop(self._alarms)
            if alarm.ring is not None:
                self._now = max(self._now, deadline)
                alarm.ring()


class _Alarm:
    """A deadline; `ring` is None once nobody waits for it, and time then does not jump to it."""

    __slots__ = ("ring",)

    def __init__(self, ring: Callable[[], object]) -> None:
        self.ring: Callable[[], object] | None = ring


# How many drivers of each loop are looking for idleness: each of them is seen by the others as
# one ready callback, and must not count as somebody who still has something to do.
_watching: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


async def _until_everyone_waits() -> None:
    loop = asyncio.get_running_loop()
    ready = getattr(loop, "_ready", None)
    _watching[loop] = _watching.get(loop, 0) + 1
    try:
        await asyncio.sleep(0)
        for _ in range(_BLIND_TURNS) if ready is None else ():
            await asyncio.sleep(0)
        while ready is not None and len(ready) >= _watching[loop]:  # noqa: ASYNC110 - idleness has no event
            await asyncio.sleep(0)
    finally:
        _watching[loop] -= 1
