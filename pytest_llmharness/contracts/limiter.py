"""The contract of the rate limiter port: exact grants, in order, each key for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest

from ..ports.clock import Clock
from ..ports.limiter import RateLimiter
from .closing import closed_after
from .contract import Contract


class LimiterContract(Contract):
    """Subclass it, define the fixtures `limiter` and `clock`, and pytest proves your adapter.

    `limiter` is full at the start of each clause, grants `capacity` slots at once and one more every
    `refill_s` seconds of `clock`. A virtual clock keeps the clauses from taking that long.
    """

    capacity: ClassVar[int] = 10
    refill_s: ClassVar[float] = 1.0

    @pytest.fixture
    def limiter(self) -> RateLimiter:
        """The adapter under test."""
        pytest.fail(f"define the fixture `limiter` in {type(self).__name__}")

    @pytest.fixture
    def clock(self) -> Clock:
        """The clock by which the adapter counts and waits."""
        pytest.fail(f"define the fixture `clock` in {type(self).__name__}")

    def proves(self, limiter: RateLimiter, clause: Callable[[], Awaitable[None]]) -> None:
        """Run a clause on a loop of its own, and close the adapter there."""

        async def bounded() -> None:
            await self.within_patience(clause(), "A limiter must grant a slot in the end.")

        self.run(closed_after(limiter, bounded()))

    async def drain(self, limiter: RateLimiter, key: str = "key") -> None:
        """Take every slot that is there."""
        for _ in range(self.capacity):
            await limiter.acquire(key)

    def test_grants_at_exact_times(self, limiter: RateLimiter, clock: Clock) -> None:
        """As many as fit at once, then one a refill: the 11th at 1.0 s, the 12th at 2.0 s."""

        async def clause() -> None:
            started, granted = clock.now(), []
            for _ in range(self.capacity + 2):
                await limiter.acquire("key")
                granted.append(clock.now() - started)
            wanted = [0.0] * self.capacity + [self.refill_s, 2 * self.refill_s]
            assert granted == pytest.approx(wanted, abs=1e-6), (
                f"granted at {granted}; a slot is not given back when a call ends"
            )

        self.proves(limiter, clause)

    def test_grants_at_exact_times_to_many_at_once(self, limiter: RateLimiter, clock: Clock) -> None:
        """Those who ask together are granted one after the other, at the same times."""

        async def one() -> float:
            await limiter.acquire("key")
            return clock.now()

        async def clause() -> None:
            started = clock.now()
            granted = await asyncio.gather(*(one() for _ in range(self.capacity + 3)))
            wanted = [0.0] * self.capacity + [number * self.refill_s for number in (1, 2, 3)]
            found = [at - started for at in granted]
            assert sorted(found) == pytest.approx(wanted, abs=1e-6), f"granted at {sorted(found)}"

        self.proves(limiter, clause)

    def test_first_come_first_served(self, limiter: RateLimiter) -> None:
        """Who waits longest is served first."""
        served: list[int] = []

        async def one(number: int) -> None:
            await limiter.acquire("key")
            served.append(number)

        async def clause() -> None:
            await self.drain(limiter)
            await asyncio.gather(*(one(number) for number in range(5)))
            assert served == [0, 1, 2, 3, 4], f"served in the order {served}: keep a queue"

        self.proves(limiter, clause)

    def test_a_request_may_take_several_slots(self, limiter: RateLimiter, clock: Clock) -> None:
        """What counts as many is granted when as many are there: tokens, not only requests."""

        async def clause() -> None:
            started, granted = clock.now(), []
            for slots in (self.capacity, 1, self.capacity, 2 * self.capacity, 1):
                await limiter.acquire("key", slots=slots)
                granted.append((clock.now() - started) / self.refill_s)
            # The fourth waits until all that fit are there, and leaves a debt to the fifth.
            wanted = [0, 1, 1 + self.capacity, 1 + 2 * self.capacity, 2 + 3 * self.capacity]
            assert granted == pytest.approx(wanted, abs=1e-4), (
                f"granted after {granted} refills, wanted {wanted}: take all `slots`, at once"
            )

        self.proves(limiter, clause)

    def test_a_small_request_does_not_overtake(self, limiter: RateLimiter) -> None:
        """A large request is not starved by small ones that come after it."""
        served: list[str] = []

        async def one(name: str, slots: int) -> None:
            await limiter.acquire("key", slots=slots)
            served.append(name)

        async def clause() -> None:
            await self.drain(limiter)
            await asyncio.gather(one("large", self.capacity + 1), one("small", 1), one("last", 1))
            assert served == ["large", "small", "last"], f"served in the order {served}: do not let pass"

        self.proves(limiter, clause)

    def test_keys_are_independent(self, limiter: RateLimiter, clock: Clock) -> None:
        """One key's use does not slow another one."""

        async def clause() -> None:
            started = clock.now()
            await self.drain(limiter, "one")
            await self.drain(limiter, "two")
            assert clock.now() - started == pytest.approx(0, abs=1e-6), "each key needs a bucket of its own"

        self.proves(limiter, clause)

    def test_slots_come_back_with_time(self, limiter: RateLimiter, clock: Clock) -> None:
        """After a pause as many are there as have been refilled, never more than fit."""

        async def clause() -> None:
            await self.drain(limiter)
            await clock.sleep(100 * self.capacity * self.refill_s)
            started = clock.now()
            await self.drain(limiter)
            assert clock.now() - started == pytest.approx(0, abs=1e-6), "time must fill the bucket again"
            await limiter.acquire("key")
            waited = clock.now() - started
            assert waited == pytest.approx(self.refill_s, abs=1e-6), "a bucket must not overflow"

        self.proves(limiter, clause)

    def test_a_timeout_ends_the_wait(self, limiter: RateLimiter, clock: Clock) -> None:
        """Who has no slot in time gets a TimeoutError, and takes no slot."""

        async def clause() -> None:
            await self.drain(limiter)
            started = clock.now()
            with pytest.raises(TimeoutError):
                await limiter.acquire("key", timeout_s=self.refill_s / 2)
            waited = clock.now() - started
            assert waited <= self.refill_s / 2 + 1e-6, f"timeout_s was outlasted by {waited} s"
            await limiter.acquire("key", timeout_s=2 * self.refill_s)
            granted = clock.now() - started
            assert granted == pytest.approx(self.refill_s, abs=1e-6), "a timed out wait must take no slot"

        self.proves(limiter, clause)

    def test_a_cancelled_wait_takes_no_slot(self, limiter: RateLimiter, clock: Clock) -> None:
        """The slot that a cancelled caller waited for goes to the next."""

        async def clause() -> None:
            await self.drain(limiter)
            started = clock.now()
            waiting = asyncio.ensure_future(limiter.acquire("key"))
            # Long enough for an adapter that asks a server to have its place in the queue.
            await clock.sleep(self.refill_s / 4)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await limiter.acquire("key")
            granted = clock.now() - started
            assert granted == pytest.approx(self.refill_s, abs=1e-6), "a cancelled wait must take no slot"

        self.proves(limiter, clause)

    def test_serves_two_loops_in_turn(self, limiter: RateLimiter, clock: Clock) -> None:
        """The rate is one, whichever event loop asks."""

        async def more() -> None:
            started = clock.now()
            await limiter.acquire("key")
            waited = clock.now() - started
            assert waited == pytest.approx(self.refill_s, abs=1e-6), "another event loop has another rate"

        async def drained() -> None:
            await self.drain(limiter)

        self.proves(limiter, drained)
        self.proves(limiter, more)
