"""The port to a rate limit."""

from __future__ import annotations

from typing import Protocol


class RateLimiter(Protocol):
    """Hands out slots at a bounded rate, each key for itself."""

    async def acquire(self, key: str, *, timeout_s: float | None = None) -> None:
        """Wait for a slot.

        Raises:
            TimeoutError: no slot was free within `timeout_s` seconds.
        """
