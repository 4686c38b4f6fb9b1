"""Each clause of the cache contract fails on an adapter that breaks it, and says what to mend."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_llmharness.adapters.caches.lru import LRUCache, _Entry
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.contracts import CacheContract
from pytest_llmharness.ports.cache import Cache


class Broken(LRUCache):
    """The adapter that the broken ones are made from."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock, capacity=25)


class MakesUpValues(Broken):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key) or b""


class StripsValues(Broken):
    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        await super().set(key, bytes(value).strip(b"\x00"), ttl_s)


class SharesAKey(Broken):
    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        await super().set(key.strip().casefold(), value, ttl_s)

    async def get(self, key: str) -> bytes | None:
        return await super().get(key.strip().casefold())


class KeepsTheFirst(Broken):
    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        if await self.get(key) is None:
            await super().set(key, value, ttl_s)


class KeepsWhatIsDeleted(Broken):
    async def delete(self, key: str) -> None:
        """Forget to forget."""


class KeepsTheBuffer(Broken):
    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        self._entries[key] = _Entry(value, 0, float("inf"))


class NeverExpires(Broken):
    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        await super().set(key, value)


class AlwaysExpires(Broken):
    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        await super().set(key, value, ttl_s or 3600)


class StartsTheTimeAgain(Broken):
    async def get(self, key: str) -> bytes | None:
        value = await super().get(key)
        if value is not None:
            await self.set(key, value, 10)
        return value


class HasNothingStale(Broken):
    async def stale(self, key: str) -> tuple[bytes, float] | None:
        value = await self.get(key)
        return None if value is None else (value, 30.0)


class TellsNoAge(Broken):
    async def stale(self, key: str) -> tuple[bytes, float] | None:
        found = await super().stale(key)
        return found and (found[0], 30.0)


class EvictsTheOldest(Broken):
    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        return entry.value if entry else None


class MixesConcurrentCalls(Broken):
    last = b""

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        self.last = value

    async def get(self, key: str) -> bytes | None:
        return self.last


class Clauses(CacheContract):
    capacity = 25
    patience_s = 5


CLOCKED = ("time", "stays", "lengthen", "stale_value")
BROKEN: list[tuple[Callable[[VirtualClock], Cache], str, str]] = [
    (MakesUpValues, "test_an_unknown_key_is_a_miss", "must give None"),
    (StripsValues, "test_bytes_come_back_as_they_were", "came back changed"),
    (SharesAKey, "test_keys_do_not_mix", "two keys share a value"),
    (KeepsTheFirst, "test_the_last_value_wins", "must replace the value"),
    (KeepsWhatIsDeleted, "test_what_is_deleted_is_gone", "must be a miss"),
    (KeepsTheBuffer, "test_later_changes_do_not_reach_the_cache", "copy the value"),
    (NeverExpires, "test_a_value_lives_for_its_time", "outlived its time"),
    (AlwaysExpires, "test_without_a_time_it_stays", "without an end"),
    (StartsTheTimeAgain, "test_reading_does_not_lengthen_the_time", "must not start the time again"),
    (HasNothingStale, "test_a_stale_value_shows_its_age", "must give what is past its time"),
    (TellsNoAge, "test_a_stale_value_shows_its_age", "100 s old is told as 30.0 s"),
    (EvictsTheOldest, "test_the_least_recently_used_goes_first", "key 1 was the least recently used"),
    (MixesConcurrentCalls, "test_many_at_once", "mix values"),
]


@pytest.mark.parametrize(("broken", "clause", "lesson"), BROKEN)
def test_clause_catches_its_bug(broken: Callable[[VirtualClock], Cache], clause: str, lesson: str) -> None:
    """The clause fails on the adapter broken for it, and says what to mend."""
    clock = VirtualClock()
    arguments = (broken(clock), clock) if any(word in clause for word in CLOCKED) else (broken(clock),)
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(Clauses(), clause)(*arguments)
    assert lesson in str(caught.value)


def test_every_clause_has_a_bug() -> None:
    """No clause is without an adapter that breaks it, but for the loops, which only real I/O is tied to."""
    clauses = {name for name in dir(CacheContract) if name.startswith("test_")}
    assert clauses == {clause for _, clause, _ in BROKEN} | {"test_serves_two_loops_in_turn"}
