"""A token bucket in Redis: any number of instances obey one rate."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from weakref import WeakKeyDictionary

from ...errors import SharedStateUnavailable
from ...ports.clock import Clock
from ..redis_scripts import NOW, RedisScripts

# ARGV: now or "", seconds that what is asked for takes to refill, spare seconds, the longest wait or "".
# Reserves the next slots; returns {seconds until they are free, the reservation}, or {seconds} where that
# is too long.
_RESERVE = (
    NOW
    + """
local refill, spare, longest = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = math.max(full_at - spare - now, 0)
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

    Slots are reserved in the order in which the server hears of the requests, and one event loop speaks
    of one request at a time, so it is first come, first served, whatever number of slots each takes. A
    request whose slots lie beyond its timeout fails at once and takes none; one that is cancelled gives
    its slots back, unless another has queued up behind it.

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
        self._capacity = capacity
        self._prefix = prefix
        self._clock = clock
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        """Wait for `slots` slots and take them; more than the capacity waits for all and leaves a debt.

        Raises:
            TimeoutError: they are not free within `timeout_s` seconds.
            SharedStateUnavailable: the server cannot be reached.
        """
        takes_s = max(slots, 1) * self._refill_s
        spare_s = max(self._capacity - max(slots, 1), 0) * self._refill_s
        longest = "" if timeout_s is None else timeout_s
        turn = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with turn:
            now = 0.0 if self._clock is None else self._clock.now()
            asked_at = "" if self._clock is None else now
            wait_s, reservation = await self._reserve(key, [asked_at, takes_s, spare_s, longest])
        if reservation is None:
            raise TimeoutError(f"{slots} slots of {key!r} are free in {wait_s:.3g} s, after the timeout")
        if wait_s <= 0:
            return
        try:
            if self._clock is None:
                await asyncio.sleep(wait_s)
            else:  # this clock may have gone on while the server was asked
                await self._clock.sleep(now + wait_s - self._clock.now())
        except asyncio.CancelledError:
            await self._give_back(key, reservation, takes_s)
            raise

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._server.aclose()

    async def _reserve(self, key: str, arguments: list[float | str]) -> tuple[float, bytes | None]:
        """Return (seconds to wait, the reservation or None); one made for a cancelled caller is undone."""
        asked = asyncio.ensure_future(self._server.run(_RESERVE, self._prefix + key, arguments))
        try:
            answer = await asyncio.shield(asked)
        except asyncio.CancelledError:
            with suppress(SharedStateUnavailable):
                answer = await asked
                if len(answer) > 1:
                    await self._give_back(key, answer[1], arguments[1])
            raise
        return float(answer[0]), answer[1] if len(answer) > 1 else None

    async def _give_back(self, key: str, reservation: bytes, takes_s: float | str) -> None:
        with suppress(SharedStateUnavailable):
            await self._server.run(_GIVE_BACK, self._prefix + key, [reservation, takes_s])
