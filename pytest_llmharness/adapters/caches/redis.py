"""A cache in Redis, shared by all instances that name the same server and prefix."""

from __future__ import annotations

from ...ports.clock import Clock
from ..redis_scripts import NOW, RedisScripts

# ARGV: now or "", value, seconds to live or "", seconds it stays for `stale`.
_SET = (
    NOW
    + """
local ttl = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'stored', text(now), 'ends', ttl and text(now + ttl) or '')
if ttl then redis.call('PEXPIRE', KEYS[1], math.ceil((ttl + ARGV[4]) * 1000))
else redis.call('PERSIST', KEYS[1]) end
"""
)
# ARGV: now or "". Returns nothing, or {value, age in seconds, seconds past its time}.
_GET = (
    NOW
    + """
local entry = redis.call('HMGET', KEYS[1], 'value', 'stored', 'ends')
if not entry[1] then return false end
local ends = tonumber(entry[3])
return {entry[1], text(now - entry[2]), ends and text(now - ends) or '-1'}
"""
)
_DELETE = "return redis.call('DEL', KEYS[1])"


class RedisCache:
    """Remembers values on a Redis server. All instances see one time: the server's.

    Args:
        url: where the server is, such as "redis://localhost:6379/0" or "unix:///run/redis.sock".
        prefix: set before every key.
        stale_s: how long after its end an entry can still be had from `stale`.
        clock: tells the age of entries instead of the server; for tests.

    Raises:
        MissingExtra: the client library is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "llmharness:cache:",
        stale_s: float = 86_400.0,
        clock: Clock | None = None,
    ) -> None:
        self._server = RedisScripts(url)
        self._prefix = prefix
        self._stale_s = stale_s
        self._clock = clock

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None where there is none or its time is over.

        Raises:
            SharedStateUnavailable: the server cannot be reached.
        """
        entry = await self._entry(key)
        return None if entry is None or entry[2] >= 0 else entry[0]

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Remember the value for `ttl_s` seconds; None means without an end.

        Raises:
            SharedStateUnavailable: the server cannot be reached.
        """
        ttl = "" if ttl_s is None else ttl_s
        await self._server.run(_SET, self._prefix + key, [self._now(), bytes(value), ttl, self._stale_s])

    async def delete(self, key: str) -> None:
        """Forget the key, for `stale` too.

        Raises:
            SharedStateUnavailable: the server cannot be reached.
        """
        await self._server.run(_DELETE, self._prefix + key, [])

    async def stale(self, key: str) -> tuple[bytes, float] | None:
        """Return (value, age in seconds) even past its time; None where nothing is kept.

        Raises:
            SharedStateUnavailable: the server cannot be reached.
        """
        entry = await self._entry(key)
        return None if entry is None or entry[2] >= self._stale_s else entry[:2]

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._server.aclose()

    async def _entry(self, key: str) -> tuple[bytes, float, float] | None:
        """Return (value, age, seconds past its time: negative while it lasts)."""
        found = await self._server.run(_GET, self._prefix + key, [self._now()])
        return None if found is None else (bytes(found[0]), float(found[1]), float(found[2]))

    def _now(self) -> float | str:
        return "" if self._clock is None else self._clock.now()
