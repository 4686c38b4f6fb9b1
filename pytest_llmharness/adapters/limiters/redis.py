"""A token bucket in Redis: any number of instances obey one rate."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ...errors import SharedStateUnavailable
from ...ports.clock import Clock
from ..redis_scripts import NOW, RedisScripts

# ARGV: now or "", refill in seconds, burst in seconds, the longest wait or "".
# Reserves the next slot; returns {seconds until it, the reservation}, or {seconds} where that is too long.
_RESERVE = (
    NOW
    + """
local refill, burst, longest = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = math.max(full_at - burst - now, 0)
if longest and wait > longest then return {text(wait)} end
local after = text(full_at + refill)
redis.call('SET', KEYS[1], after, 'PX', math.ceil((full_at + refill - now) * 1000) + 60000)
return {text(wait), after}
"""
)
# ARGV: the reservation, refill. Gives it back where nobody has reserved after it.
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], string.format('%.6f', ARGV[1] - ARGV[2]), 'KEEPTTL')
return 1
"""


class RedisTokenBucket:
    """Grants `capacity` slots at once, then one every `refill_s` seconds, over all instances.

    Slots are reserved in the order in which the server hears of the requests, so it is first come,
    first served. A request whose slot lies beyond its timeout fails at once and takes none; one that is
    cancelled gives its slot back, unless another has queued up behind it.

    Args:
        url: where the server is, such as "redis://localhost:6379/0".
        capacity: slots that can be had at once.
        refill_s: seconds until a used slot is free again.
        prefix: set before every key.
        clock: tells the time and waits instead of the server and the event loop; for tests.

    Raises:
        MissingExtra: the client library is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        capacity: int = 10,
        refill_s: float = 1.0,
        prefix: str = "llmharness:limit:",
        clock: Clock | None = None,
    ) -> None:
        self._server = RedisScripts(url)
        self._refill_s = refill_s
        self._burst_s = (capacity - 1) * refill_s
        self._prefix = prefix
        self._clock = clock

    async def acquire(self, key: str, *, timeout_s: float | None = None) -> None:
        """Wait for a slot.

        Raises:
            TimeoutError: no slot is free within `timeout_s` seconds.
            SharedStateUnavailable: the server cannot be reached.
        """
        name = self._prefix + key
        longest = "" if timeout_s is None else timeout_s
        now = "" if self._clock is None else self._clock.now()
        answer = await self._server.run(_RESERVE, name, [now, self._refill_s, self._burst_s, longest])
        wait_s = float(answer[0])
        if len(answer) == 1:
            raise TimeoutError(f"the next slot of {key!r} is free in {wait_s:.3g} s, after the timeout")
        if wait_s <= 0:
            return
        try:
            await (asyncio.sleep(wait_s) if self._clock is None else self._clock.sleep(wait_s))
        except asyncio.CancelledError:
            with suppress(SharedStateUnavailable):
                await self._server.run(_GIVE_BACK, name, [answer[1], self._refill_s])
            raise

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._server.aclose()
