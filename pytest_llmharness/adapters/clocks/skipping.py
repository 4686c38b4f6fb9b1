"""A clock for replay: real time and real limits, but nobody has to sit through a pause."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar

from .system import SystemClock

# A limit that a pause has used up cancels its task, which may cancel others, us among them.
_TURNS_TO_BE_CANCELLED = 3


class SkippingClock(SystemClock):
    """Counts every pause as if it had been waited for, and goes on at once.

    Replayed calls run on real I/O machinery, so time cannot be virtual there; only `sleep` is.
    Pauses that begin together overlap, and a pause longer than what is left of a timeout around
    it ends in that timeout: a replayed run takes the same turns as a live one.
    """

    def __init__(self) -> None:
        self._line = _Line()

    def now(self) -> float:
        """Seconds of the monotonic clock, plus every pause skipped so far."""
        return self._line.now()

    async def sleep(self, seconds: float) -> None:
        """Count the pause and yield to the loop."""
        loop = asyncio.get_running_loop()
        limits = [limit for limit in _limits.get() if limit.counts_on(loop)]
        pause_s = max(min([seconds, *(limit.left_s() for limit in limits)]), 0.0)
        lines = (self._line, *limits)
        ends = [line.now() + pause_s for line in lines]
        await asyncio.sleep(0)
        for line, end in zip(lines, ends, strict=True):
            line.skip_to(end)
        if pause_s < seconds:
            for _ in range(_TURNS_TO_BE_CANCELLED):
                await asyncio.sleep(0)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Cancel the body after `seconds`, pauses included, and raise TimeoutError."""
        return asyncio.timeout(None) if seconds is None else _limited(seconds)


class _Line:
    """Real time that can be made to jump ahead; it never goes back."""

    def __init__(self) -> None:
        self._skipped_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return time.monotonic() + self._skipped_s

    def skip_to(self, moment: float) -> None:
        with self._lock:
            self._skipped_s += max(moment - self.now(), 0.0)


class _Limit(_Line):
    """The time that one timeout sees: the pauses of its own body, and nobody else's."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        super().__init__()
        self.open = True
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._end = self.now() + seconds

    def counts_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it is still to come, on this loop: a task or thread may outlive its parent's."""
        return self.open and self._loop is loop and not self._timeout.expired()

    def left_s(self) -> float:
        return self._end - self.now()

    def skip_to(self, moment: float) -> None:
        super().skip_to(moment)
        if self.counts_on(self._loop):
            self._timeout.reschedule(self._loop.time() + self.left_s())


_limits: ContextVar[tuple[_Limit, ...]] = ContextVar("limits", default=())


@asynccontextmanager
async def _limited(seconds: float) -> AsyncIterator[object]:
    async with asyncio.timeout(seconds) as timeout:
        outer, limit = _limits.get(), _Limit(timeout, seconds)
        _limits.set((*outer, limit))
        try:
            yield timeout
        finally:
            limit.open = False
            _limits.set(outer)
