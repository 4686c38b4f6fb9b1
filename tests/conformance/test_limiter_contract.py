"""Each clause of the limiter contract fails on an adapter that breaks it, and says what to mend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.contracts import LimiterContract
from pytest_llmharness.ports.limiter import RateLimiter


class GivesBackOnRelease:
    """As the Go harness does: calls one after the other are never limited."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        await asyncio.sleep(0)


class ServesTheLastFirst(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        self.waiting = getattr(self, "waiting", 0) + 1
        place = self.waiting
        for _ in range(20 - place if place > 10 else 0):
            await asyncio.sleep(0)
        await super().acquire(key, slots=slots, timeout_s=timeout_s)


class HasOneBucket(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        await super().acquire("all", slots=slots, timeout_s=timeout_s)


class NeverRefills(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        self.taken = getattr(self, "taken", 0) + 1
        if self.taken > 10:
            await self._clock.sleep(1.0)


class Overflows(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        now = self._clock.now()
        self._full_at[key] = self._full_at.get(key, now) + 1
        wait = self._full_at[key] - 10 - now
        await self._clock.sleep(wait)


class IgnoresTimeout(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        await super().acquire(key, slots=slots)


class ChargesTimeouts(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        try:
            await super().acquire(key, slots=slots, timeout_s=timeout_s)
        except BaseException:
            self._full_at[key] += self._refill_s
            raise


class HasARateALoop:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._buckets: dict[int, TokenBucket] = {}
        self._loops: list[asyncio.AbstractEventLoop] = []

    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._loops.append(loop)
        bucket = self._buckets.setdefault(id(loop), TokenBucket(self._clock))
        await bucket.acquire(key, slots=slots, timeout_s=timeout_s)


class CountsEachAsOne(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        await super().acquire(key, timeout_s=timeout_s)


class LetsSmallOnesPass(TokenBucket):
    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        while (wait_s := self._take(key, slots)) > 0:
            await self._clock.sleep(wait_s)


class Clauses(LimiterContract):
    patience_s = 5


BROKEN: list[tuple[Callable[[VirtualClock], RateLimiter], str, str]] = [
    (GivesBackOnRelease, "test_grants_at_exact_times", "not given back when a call ends"),
    (NeverRefills, "test_grants_at_exact_times_to_many_at_once", "granted at"),
    (ServesTheLastFirst, "test_first_come_first_served", "keep a queue"),
    (CountsEachAsOne, "test_a_request_may_take_several_slots", "take all `slots`"),
    (LetsSmallOnesPass, "test_a_small_request_does_not_overtake", "do not let pass"),
    (HasOneBucket, "test_keys_are_independent", "a bucket of its own"),
    (NeverRefills, "test_slots_come_back_with_time", "must fill the bucket again"),
    (Overflows, "test_slots_come_back_with_time", "must not overflow"),
    (IgnoresTimeout, "test_a_timeout_ends_the_wait", "DID NOT RAISE"),
    (ChargesTimeouts, "test_a_timeout_ends_the_wait", "must take no slot"),
    (ChargesTimeouts, "test_a_cancelled_wait_takes_no_slot", "must take no slot"),
    (HasARateALoop, "test_serves_two_loops_in_turn", "another rate"),
]


@pytest.mark.parametrize(("broken", "clause", "lesson"), BROKEN)
def test_clause_catches_its_bug(
    broken: Callable[[VirtualClock], RateLimiter], clause: str, lesson: str
) -> None:
    """The clause fails on the adapter broken for it, and says what to mend."""
    clock = VirtualClock()
    clockless = "first_come" in clause or "overtake" in clause
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(Clauses(), clause)(broken(clock), *(() if clockless else (clock,)))
    assert lesson in str(caught.value)


def test_every_clause_has_a_bug() -> None:
    """No clause is without an adapter that breaks it."""
    clauses = {name for name in dir(LimiterContract) if name.startswith("test_")}
    assert clauses == {clause for _, clause, _ in BROKEN}
