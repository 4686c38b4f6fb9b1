"""The cache in this process keeps the contract, and its own promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.contracts import CacheContract
from pytest_llmharness.errors import ConfigError


class InVirtualTime:
    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()


class TestLRUCache(InVirtualTime, CacheContract):
    @pytest.fixture
    def cache(self, clock: VirtualClock) -> LRUCache:
        return LRUCache(clock)


class TestSmallLRUCache(InVirtualTime, CacheContract):
    capacity = 2

    @pytest.fixture
    def cache(self, clock: VirtualClock) -> LRUCache:
        return LRUCache(clock, capacity=2)


def test_stale_answers_end_too() -> None:
    """Past `stale_s` beyond its time nothing is kept."""
    clock = VirtualClock()
    cache = LRUCache(clock, stale_s=100)

    async def clause() -> list[Any]:
        await cache.set("key", b"value", 10)
        await clock.sleep(109)
        before = await cache.stale("key")
        await clock.sleep(2)
        return [before, await cache.stale("key"), len(cache)]

    assert asyncio.run(clause()) == [(b"value", 109.0), None, 0]


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True])
def test_a_capacity_that_cannot_work_fails_at_the_door(capacity: Any) -> None:
    """The error names the setting and its default."""
    with pytest.raises(ConfigError, match="default 1000"):
        LRUCache(VirtualClock(), capacity=capacity)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["get", "set", "delete", "sleep"]),
            st.sampled_from("abcd"),
            st.sampled_from([1.0, 2.0, None]),
        ),
        max_size=40,
    )
)
def test_it_agrees_with_a_plain_model(steps: list[tuple[str, str, float | None]]) -> None:
    """Any history of calls gives what a list of (key, value, end), most recent last, gives."""
    clock = VirtualClock()
    cache = LRUCache(clock, capacity=3)
    model: list[tuple[str, bytes, float]] = []

    async def clause() -> None:
        nonlocal model
        for number, (what, key, ttl_s) in enumerate(steps):
            if what == "sleep":
                await clock.sleep(ttl_s or 0.5)
            elif what == "delete":
                await cache.delete(key)
                model = [entry for entry in model if entry[0] != key]
            elif what == "set":
                await cache.set(key, bytes([number]), ttl_s)
                ends = clock.now() + ttl_s if ttl_s is not None else float("inf")
                model = [*(entry for entry in model if entry[0] != key), (key, bytes([number]), ends)][-3:]
            else:
                held = next((entry for entry in model if entry[0] == key and clock.now() < entry[2]), None)
                assert await cache.get(key) == (held[1] if held else None)
                if held:
                    model = [*(entry for entry in model if entry is not held), held]
        assert len(cache) == len(model)

    asyncio.run(clause())
