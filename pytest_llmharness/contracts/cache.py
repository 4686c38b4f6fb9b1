"""The contract of the cache port: what was kept comes back, for its time and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from ..ports.cache import Cache
from ..ports.clock import Clock
from .closing import closed_after
from .contract import Contract, needs

_VALUES = (b"", b"text", bytes(range(256)), b"\x00" * 100_000)
_KEYS = ("plain", "Plain", "plain ", "ключ", "a/b:c*", "k" * 500)


class CacheContract(Contract):
    """Subclass it, define the fixtures `cache` and `clock`, and pytest proves your adapter.

    ```python
    class TestMyCache(CacheContract):
        @pytest.fixture
        def clock(self):
            return VirtualClock()

        @pytest.fixture
        def cache(self, clock):
            return MyCache(clock=clock)
    ```

    `cache` is empty at the start of each clause and counts ages by `clock`. Set `capacity` to the number
    of entries it holds, where it evicts the least recently used one.
    """

    keeps_stale: ClassVar[bool] = True
    """Whether `stale` gives what is past its time."""

    capacity: ClassVar[int | None] = None
    """How many entries there is room for; None where the adapter does not evict."""

    @pytest.fixture
    def cache(self) -> Cache:
        """The adapter under test."""
        pytest.fail(f"define the fixture `cache` in {type(self).__name__}")

    @pytest.fixture
    def clock(self) -> Clock:
        """The clock by which the adapter counts."""
        pytest.fail(f"define the fixture `clock` in {type(self).__name__}")

    def proves(self, cache: Cache, clause: Callable[[], Awaitable[None]]) -> None:
        """Run a clause on a loop of its own, and close the adapter there."""

        async def bounded() -> None:
            await self.within_patience(clause(), "A cache must answer.")

        self.run(closed_after(cache, bounded()))

    # --- keeping ---

    def test_an_unknown_key_is_a_miss(self, cache: Cache) -> None:
        """What was never kept is None, and forgetting it is no error."""

        async def clause() -> None:
            assert await cache.get("unknown") is None, "an unknown key must give None"
            await cache.delete("unknown")

        self.proves(cache, clause)

    def test_bytes_come_back_as_they_were(self, cache: Cache) -> None:
        """Any bytes under any key, empty ones too."""

        async def clause() -> None:
            for value in _VALUES:
                await cache.set("key", value)
                found = await cache.get("key")
                assert found == value, f"{len(value)} bytes came back changed"
                assert type(found) is bytes, f"bytes came back as {type(found).__name__}"

        self.proves(cache, clause)

    @needs("keeps_many")
    def test_keys_do_not_mix(self, cache: Cache) -> None:
        """Each key has its own value, however it is spelt."""

        async def clause() -> None:
            for number, key in enumerate(_KEYS):
                await cache.set(key, bytes([number]))
            found = [await cache.get(key) for key in _KEYS]
            assert found == [bytes([number]) for number in range(len(_KEYS))], "two keys share a value"

        self.proves(cache, clause)

    def test_the_last_value_wins(self, cache: Cache) -> None:
        """Keeping a key again replaces its value and its time."""

        async def clause() -> None:
            await cache.set("key", b"old", 10)
            await cache.set("key", b"new")
            assert await cache.get("key") == b"new", "a second set() must replace the value"

        self.proves(cache, clause)

    def test_what_is_deleted_is_gone(self, cache: Cache) -> None:
        """A forgotten key is a miss, for `stale` too."""

        async def clause() -> None:
            await cache.set("key", b"value")
            await cache.delete("key")
            assert await cache.get("key") is None, "a deleted key must be a miss"
            assert await cache.stale("key") is None, "a deleted key must not come back as stale"

        self.proves(cache, clause)

    def test_later_changes_do_not_reach_the_cache(self, cache: Cache) -> None:
        """A buffer that is used again does not change what was kept."""

        async def clause() -> None:
            buffer: Any = bytearray(b"kept")
            await cache.set("key", buffer)
            buffer[:] = b"lost"
            assert await cache.get("key") == b"kept", "copy the value: bytes(value)"

        self.proves(cache, clause)

    # --- time ---

    def test_a_value_lives_for_its_time(self, cache: Cache, clock: Clock) -> None:
        """At 3,599 of 3,600 seconds it is a hit, at 3,601 a miss."""

        async def clause() -> None:
            await cache.set("key", b"value", 3600)
            await clock.sleep(3599)
            assert await cache.get("key") == b"value", "it expired before its time"
            await clock.sleep(2)
            assert await cache.get("key") is None, "it outlived its time: honour ttl_s"

        self.proves(cache, clause)

    def test_without_a_time_it_stays(self, cache: Cache, clock: Clock) -> None:
        """No ttl means without an end, also where there was one before."""

        async def clause() -> None:
            await cache.set("key", b"value", 10)
            await cache.set("key", b"value")
            await clock.sleep(1_000_000)
            assert await cache.get("key") == b"value", "ttl_s=None means without an end"

        self.proves(cache, clause)

    def test_reading_does_not_lengthen_the_time(self, cache: Cache, clock: Clock) -> None:
        """The time counts from when it was kept."""

        async def clause() -> None:
            await cache.set("key", b"value", 10)
            await clock.sleep(9)
            await cache.get("key")
            await clock.sleep(2)
            assert await cache.get("key") is None, "get() must not start the time again"

        self.proves(cache, clause)

    @needs("keeps_stale")
    def test_a_stale_value_shows_its_age(self, cache: Cache, clock: Clock) -> None:
        """Past its time a value is still there for outages, with its age."""

        async def clause() -> None:
            await cache.set("key", b"value", 60)
            await clock.sleep(30)
            fresh = await cache.stale("key")
            assert fresh is not None, "stale() gives what is fresh too"
            assert fresh[0] == b"value"
            assert fresh[1] == pytest.approx(30), f"30 s old is told as {fresh[1]} s"
            await clock.sleep(70)
            assert await cache.get("key") is None, "get() must not give what is past its time"
            past = await cache.stale("key")
            assert past is not None, "stale() must give what is past its time"
            assert past[0] == b"value"
            assert past[1] == pytest.approx(100), f"100 s old is told as {past[1]} s"
            assert await cache.stale("unknown") is None, "stale() of an unknown key is None"

        self.proves(cache, clause)

    # --- room ---

    @needs("capacity")
    def test_the_least_recently_used_goes_first(self, cache: Cache) -> None:
        """One entry too many evicts the one that was not asked for the longest."""

        async def clause() -> None:
            assert self.capacity is not None
            for number in range(self.capacity):
                await cache.set(f"key {number}", b"value")
            await cache.get("key 0")
            await cache.set("one more", b"value")
            found = [await cache.get(f"key {number}") for number in range(self.capacity)]
            gone = [number for number, value in enumerate(found) if value is None]
            assert gone == [1], f"gone are {gone}: key 1 was the least recently used one"

        self.proves(cache, clause)

    # --- company ---

    @needs("keeps_many")
    def test_many_at_once(self, cache: Cache) -> None:
        """Twenty tasks keep and read without disturbing one another."""

        async def one(number: int) -> bytes | None:
            await cache.set(f"key {number}", str(number).encode())
            await asyncio.sleep(0)
            return await cache.get(f"key {number}")

        async def clause() -> None:
            found = await asyncio.gather(*(one(number) for number in range(20)))
            assert found == [str(number).encode() for number in range(20)], "concurrent calls mix values"

        self.proves(cache, clause)

    def test_serves_two_loops_in_turn(self, cache: Cache) -> None:
        """What one event loop kept, another one finds."""

        async def keep() -> None:
            await cache.set("key", b"value")

        async def find() -> None:
            assert await cache.get("key") == b"value", "the second event loop does not find the value"

        self.proves(cache, keep)
        self.proves(cache, find)

    @property
    def keeps_many(self) -> bool:
        """Whether twenty entries fit."""
        return self.capacity is None or self.capacity >= 20
