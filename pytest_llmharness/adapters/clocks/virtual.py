"""A clock that costs no time: it jumps to the next deadline when everyone waits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from .agenda import Alarm, agenda


class VirtualClock:
    """Virtual seconds for tests; any number of clocks may share a loop.

    When every task on the loop waits, time jumps to the earliest deadline, and everyone who waits
    for that moment wakes in the order of asking. A thread that a task waits for (a tool that is no
    coroutine, say) is given one real second to come back before time goes on without it. Sockets
    are not seen: who waits for one counts as waiting, so use it with in-process parts only.

    Args:
        start: the first value of `now()`, in seconds.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Virtual seconds so far."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass for code that is not async; who sleeps on a loop wakes when it next waits."""
        self._now += max(seconds, 0.0)

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
        if seconds is None or seconds <= 0:
            return asyncio.timeout(seconds)
        return self._limited(seconds)

    @asynccontextmanager
    async def _limited(self, seconds: float) -> AsyncIterator[object]:
        async with asyncio.timeout(None) as limit:
            alarm = self._set_alarm(seconds, lambda: limit.reschedule(0))
            try:
                yield limit
            finally:
                alarm.ring = None

    def _set_alarm(self, seconds: float, act: Callable[[], object]) -> Alarm:
        deadline = self._now + seconds

        def ring() -> None:
            self._now = max(self._now, deadline)
            act()

        # Nobody reaches infinity: what waits for it waits for ever.
        return agenda().add(self, deadline, ring) if deadline < math.inf else Alarm(ring)
