"""The token bucket keeps the contract, and its own promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.contracts import LimiterContract
from pytest_llmharness.errors import ConfigError


class InVirtualTime:
    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()


class TestTokenBucket(InVirtualTime, LimiterContract):
    @pytest.fixture
    def limiter(self, clock: VirtualClock) -> TokenBucket:
        return TokenBucket(clock)


class TestSlowTokenBucket(InVirtualTime, LimiterContract):
    capacity = 1
    refill_s = 2.5

    @pytest.fixture
    def limiter(self, clock: VirtualClock) -> TokenBucket:
        return TokenBucket(clock, capacity=1, refill_s=2.5)


def test_the_defaults_are_pinned() -> None:
    """D17: ten at t=0, the 11th at exactly 1.0 s, the 12th at exactly 2.0 s."""
    clock = VirtualClock()
    bucket = TokenBucket(clock)

    async def clause() -> list[float]:
        granted = []
        for _ in range(12):
            await bucket.acquire("user")
            granted.append(clock.now())
        return granted

    assert asyncio.run(clause()) == [0.0] * 10 + [1.0, 2.0]


def test_requests_and_tokens_a_minute() -> None:
    """A limiter of each: the third request of 600 tokens waits for tokens, the fourth for both."""
    clock = VirtualClock()
    requests = TokenBucket(clock, capacity=3, refill_s=60 / 3)
    tokens = TokenBucket(clock, capacity=1_500, refill_s=60 / 1_500)

    async def clause() -> list[float]:
        granted = []
        for _ in range(4):
            await requests.acquire("gpt")
            await tokens.acquire("gpt", slots=600)
            granted.append(clock.now())
        return granted

    assert asyncio.run(clause()) == pytest.approx([0.0, 0.0, 12.0, 36.0])


def test_nobody_slips_in_when_a_slot_comes_free() -> None:
    """Who arrives at the very moment of a refill queues up behind those who wait for it."""
    clock = VirtualClock()
    bucket = TokenBucket(clock, capacity=1)
    served: list[str] = []

    async def one(name: str, arrives_s: float) -> None:
        await clock.sleep(arrives_s)
        await bucket.acquire("key")
        served.append(name)

    async def clause() -> None:
        await bucket.acquire("key")
        await asyncio.gather(one("late", 1.0), one("early", 0.5), one("later", 2.0))

    asyncio.run(clause())
    assert served == ["early", "late", "later"]


def test_an_idle_key_costs_no_memory() -> None:
    """Buckets that are full again are forgotten, however many users came by."""
    clock = VirtualClock()
    bucket = TokenBucket(clock, capacity=2, refill_s=0.001)

    async def clause() -> None:
        for number in range(5000):
            await bucket.acquire(f"user {number}")
            if number % 100 == 0:
                await clock.sleep(1)

    asyncio.run(clause())
    assert len(bucket._full_at) <= 1200
    assert not any(bucket._queues.values())


@pytest.mark.parametrize("setting", [{"capacity": 0}, {"refill_s": -1}, {"capacity": True}])
def test_a_setting_that_cannot_work_fails_at_the_door(setting: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match=next(iter(setting))):
        TokenBucket(VirtualClock(), **setting)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 4),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 0.5, 1.0, 7.0]), st.integers(1, 4)), min_size=1, max_size=25
    ),
)
def test_no_window_holds_more_than_its_share(
    capacity: int, refill_s: float, asked: list[tuple[float, int]]
) -> None:
    """Whenever requests of any size come, no stretch of time grants more than capacity plus refills."""
    clock = VirtualClock()
    bucket = TokenBucket(clock, capacity=capacity, refill_s=refill_s)
    granted: list[tuple[float, int]] = []

    async def one(slots: int) -> None:
        await bucket.acquire("key", slots=slots)
        granted.append((clock.now(), slots))

    async def clause() -> None:
        async with asyncio.TaskGroup() as group:
            for pause, slots in asked:
                group.create_task(one(min(slots, capacity)))
                await clock.sleep(pause)

    asyncio.run(clause())
    assert [slots for _, slots in granted] == [min(slots, capacity) for _, slots in asked]
    for first in range(len(granted)):
        taken = 0
        for at, slots in granted[first:]:
            taken += slots
            assert taken <= capacity + (at - granted[first][0]) / refill_s + 1e-9
