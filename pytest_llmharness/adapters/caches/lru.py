"""A cache in this process: the least recently used entry goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from ...errors import ConfigError
from ...ports.clock import Clock


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    stored_s: float
    ends_s: float


class LRUCache:
    """Remembers up to `capacity` entries, each for its time.

    An entry past its time is kept a while for `stale`; it takes its place like any other.

    Args:
        clock: the time.
        capacity: the most entries; one more evicts the least recently used.
        stale_s: how long after its end an entry can still be had from `stale`.
    """

    def __init__(self, clock: Clock, *, capacity: int = 1000, stale_s: float = 86_400.0) -> None:
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
            raise ConfigError(
                f"capacity={capacity!r} cannot work",
                where="LRUCache(capacity=...)",
                fix="give it a whole number of at least 1 (default 1000)",
            )
        self._clock = clock
        self._capacity = capacity
        self._stale_s = stale_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None where there is none or its time is over."""
        now = self._clock.now()
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or now >= entry.ends_s:
                return None
            self._entries.move_to_end(key)
            return entry.value

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Remember the value for `ttl_s` seconds; None means without an end."""
        now = self._clock.now()
        ends_s = float("inf") if ttl_s is None else now + ttl_s
        with self._lock:
            self._entries[key] = _Entry(bytes(value), now, ends_s)
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    async def delete(self, key: str) -> None:
        """Forget the key, for `stale` too."""
        with self._lock:
            self._entries.pop(key, None)

    async def stale(self, key: str) -> tuple[bytes, float] | None:
        """Return (value, age in seconds) even past its time; None where nothing is kept."""
        now = self._clock.now()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and now >= entry.ends_s + self._stale_s:
                del self._entries[key]
                entry = None
        return None if entry is None else (entry.value, now - entry.stored_s)
