"""The clock on the wall of this machine."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager


class SystemClock:
    """Real monotonic time and real waiting."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(max(seconds, 0))

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Cancel the body after `seconds` and raise TimeoutError."""
        return asyncio.timeout(seconds)
