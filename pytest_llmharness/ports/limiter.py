"""The port to a rate limit."""

from __future__ import annotations

from typing import Protocol


class RateLimiter(Protocol):
    """Hands out slots at a bounded rate, each key for itself.

    A slot is whatever the rate counts: a request, or a token of a request that takes as many slots as
    it is estimated to use. For requests and tokens per minute, wait at a limiter of each.
    """

    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        """Wait for `slots` slots, at least one, and take them all at once.

        A request for more than ever fit waits until all are there and leaves a debt, so that it is
        neither refused for good nor granted above the rate.

        Raises:
            TimeoutError: they were not free within `timeout_s` seconds.
        """
