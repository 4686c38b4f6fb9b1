"""A clock for replay: real time and real limits, but nobody has to sit through a pause."""

from __future__ import annotations

import asyncio

from .system import SystemClock


class SkippingClock(SystemClock):
    """Counts every pause as if it had been waited for, and goes on at once.

    Replayed calls run on real I/O machinery, so time cannot be virtual there; only `sleep` is.
    """

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def now(self) -> float:
        """Seconds of the monotonic clock, plus every pause skipped so far."""
        return super().now() + self._skipped_s

    async def sleep(self, seconds: float) -> None:
        """Count the pause and yield once to the loop."""
        self._skipped_s += max(seconds, 0.0)
        await asyncio.sleep(0)
