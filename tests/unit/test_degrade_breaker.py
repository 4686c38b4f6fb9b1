"""The circuit breaker: opens, waits, asks once, closes; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import VirtualClock
from pytest_llmharness.adapters.breaker_states.memory import MemoryBreakerStates
from pytest_llmharness.domain.circuit import Circuit
from pytest_llmharness.errors import (
    AuthenticationFailed,
    BadRequest,
    CircuitOpen,
    ConfigError,
    ContextOverflow,
    MalformedResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    StreamBroken,
)
from pytest_llmharness.harness.degrade import Breaker, BreakerSettings, Change, blames_endpoint


def error(kind: type[ProviderError], status: int | None = None) -> ProviderError:
    return kind("failed", where="here", fix="retry", status=status)


OUTAGE = error(ProviderUnavailable, 503)


class Desk:
    """A breaker on a virtual clock, and what it reported."""

    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.changes: list[Change] = []
        self.calls = 0
        self.states = MemoryBreakerStates(self.clock)
        self.breaker = Breaker(
            self.states, self.clock, settings=BreakerSettings(**settings), on_change=self.changes.append
        )

    async def call(
        self, failure: BaseException | None = None, *, takes_s: float = 0.0, endpoint: str = "e"
    ) -> bool:
        """Make a call that fails so, or succeeds; return whether it was let through."""
        try:
            async with self.breaker.guard(endpoint):
                self.calls += 1
                await self.clock.sleep(takes_s)
                if failure is not None:
                    raise failure  # noqa: TRY301 - the call is the thing under test
        except CircuitOpen:
            return False
        except BaseException as raised:
            if raised is not failure:
                raise
        return True

    async def state(self, endpoint: str = "e") -> str:
        return (await self.states.read(endpoint))[0].state

    def run(self, clause: Callable[[], Awaitable[Any]]) -> Any:
        async def ran() -> Any:
            return await clause()

        return asyncio.run(ran())


def test_the_defaults_are_pinned() -> None:
    """Five failures, 30 s slow, 30 s open."""
    assert BreakerSettings() == BreakerSettings(failures=5, slow_call_s=30.0, open_s=30.0, probe_s=120.0)


def test_five_failures_open_it_and_no_call_passes() -> None:
    """B30: the fifth failure opens; while open not one call is made, and the error says for how long."""
    desk = Desk()

    async def clause() -> CircuitOpen:
        for _ in range(5):
            assert await desk.call(OUTAGE)
        assert [await desk.call() for _ in range(3)] == [False] * 3
        await desk.clock.sleep(10)
        with pytest.raises(CircuitOpen) as caught:
            await desk.breaker.admit("e")
        return caught.value

    refused = desk.run(clause)
    assert (desk.calls, refused.retry_after_s, refused.retryable) == (5, 20.0, False)
    assert desk.changes == [Change("e", "closed", "open")]
    assert desk.changes[0].trips


def test_a_success_starts_the_count_again() -> None:
    """Four failures, a success, four failures: still closed."""
    desk = Desk()

    async def clause() -> str:
        for failure in [OUTAGE] * 4 + [None] + [OUTAGE] * 4:
            await desk.call(failure)
        return await desk.state()

    assert desk.run(clause) == "closed"


def test_one_success_closes_it_after_thirty_seconds() -> None:
    """B30: at 29.9 s no probe, at 30 s one; its success closes."""
    desk = Desk()

    async def clause() -> list[bool]:
        for _ in range(5):
            await desk.call(OUTAGE)
        await desk.clock.sleep(29.9)
        early = await desk.call()
        await desk.clock.sleep(0.1)
        return [early, await desk.call(), await desk.call(OUTAGE), await desk.call()]

    assert desk.run(clause) == [False, True, True, True]
    assert [(change.before, change.after) for change in desk.changes] == [
        ("closed", "open"), ("open", "half_open"), ("half_open", "closed"),
    ]  # fmt: skip


def test_a_failed_probe_opens_it_again() -> None:
    """One failure is enough then, and it is a trip like the first."""
    desk = Desk()

    async def clause() -> list[bool]:
        for _ in range(5):
            await desk.call(OUTAGE)
        await desk.clock.sleep(30)
        return [await desk.call(OUTAGE), await desk.call()]

    assert desk.run(clause) == [True, False]
    assert sum(change.trips for change in desk.changes) == 2


def test_a_hundred_callers_make_one_probe() -> None:
    """B30: half open, one of 100 concurrent callers asks; the others are refused at once."""
    desk = Desk()

    async def clause() -> list[bool]:
        for _ in range(5):
            await desk.call(OUTAGE)
        await desk.clock.sleep(30)
        return list(await asyncio.gather(*(desk.call(takes_s=1) for _ in range(100))))

    assert desk.run(clause).count(True) == 1
    assert desk.calls == 6


@pytest.mark.parametrize(("takes_s", "state"), [(29.9, "closed"), (30.0, "open")])
def test_slow_calls_count_as_failures(takes_s: float, state: str) -> None:
    """B29: five answers that took 30 s open it, though they came."""
    desk = Desk()

    async def clause() -> str:
        for _ in range(5):
            await desk.call(takes_s=takes_s)
        return await desk.state()

    assert desk.run(clause) == state


def test_a_long_stream_is_not_slow() -> None:
    """Latency ends with the first token."""
    desk = Desk(failures=1)

    async def clause() -> str:
        async with desk.breaker.guard("e") as permit:
            await desk.clock.sleep(2)
            permit.answered()
            await desk.clock.sleep(100)
            permit.answered()
        return await desk.state()

    assert desk.run(clause) == "closed"


@pytest.mark.parametrize(
    ("failure", "counts"),
    [
        (error(ProviderUnavailable), True),
        (error(ProviderUnavailable, 500), True),
        (error(ProviderUnavailable, 408), True),
        (error(RateLimited, 429), True),
        (error(ProviderTimeout), True),
        (error(StreamBroken), True),
        (error(MalformedResponse), True),
        (error(ProviderError), True),
        (TimeoutError(), True),
        (error(BadRequest, 400), False),
        (error(BadRequest, 404), False),
        (error(BadRequest), False),
        (error(AuthenticationFailed, 401), False),
        (error(AuthenticationFailed, 403), False),
        (error(ContextOverflow, 400), False),
        (ConfigError("x", where="", fix="y"), False),
        (asyncio.CancelledError(), False),
    ],
    ids=repr,
)
def test_which_failures_count(failure: BaseException, counts: bool) -> None:
    """A 4xx other than 408 and 429 is the caller's fault and never counts; neither does a cancelled call."""
    desk = Desk(failures=1)
    assert blames_endpoint(failure) is counts

    async def clause() -> str:
        await desk.call(failure)
        return await desk.state()

    assert desk.run(clause) == ("open" if counts else "closed")


def test_a_probe_that_says_nothing_makes_room() -> None:
    """A cancelled or refused probe leaves it half open, for the next one to ask."""
    desk = Desk(failures=1)

    async def clause() -> list[Any]:
        await desk.call(OUTAGE)
        await desk.clock.sleep(30)
        return [
            await desk.call(asyncio.CancelledError()),
            await desk.call(error(BadRequest, 400)),
            await desk.state(),
            await desk.call(),
            await desk.state(),
        ]

    assert desk.run(clause) == [True, True, "half_open", True, "closed"]


def test_a_probe_that_never_comes_back_is_given_up() -> None:
    """An instance that dies with the probe does not keep the circuit half open for ever."""
    desk = Desk(failures=1, probe_s=60)

    async def clause() -> list[bool]:
        await desk.call(OUTAGE)
        await desk.clock.sleep(30)
        lost = await desk.breaker.admit("e")
        await desk.clock.sleep(59)
        early = await desk.call()
        await desk.clock.sleep(1)
        second = await desk.breaker.admit("e")
        await desk.breaker.succeeded(lost)
        still_half_open = await desk.state() == "half_open"
        await desk.breaker.succeeded(second)
        return [early, still_half_open, await desk.call()]

    assert desk.run(clause) == [False, True, True]


def test_endpoints_have_circuits_of_their_own() -> None:
    """B30: state per endpoint."""
    desk = Desk(failures=1)

    async def clause() -> list[bool]:
        await desk.call(OUTAGE, endpoint="a")
        return [await desk.call(endpoint="a"), await desk.call(endpoint="b")]

    assert desk.run(clause) == [False, True]


def test_late_news_of_an_earlier_state_changes_nothing() -> None:
    """A call that was let through while closed and fails once it is open or half open does not count."""
    desk = Desk(failures=1)

    async def clause() -> list[str]:
        early = [await desk.breaker.admit("e") for _ in range(2)]
        await desk.call(OUTAGE)
        await desk.breaker.succeeded(early[0])
        states = [await desk.state()]
        await desk.clock.sleep(30)
        probe = await desk.breaker.admit("e")
        await desk.breaker.failed(early[1])
        states.append(await desk.state())
        await desk.breaker.succeeded(probe)
        return [*states, await desk.state()]

    assert desk.run(clause) == ["open", "half_open", "closed"]


class Broken:
    """States that cannot be reached, or that never agree."""

    def __init__(self, *, agrees: bool) -> None:
        self.agrees = agrees

    async def read(self, endpoint: str) -> tuple[Circuit, float]:
        if self.agrees:
            raise ConnectionError
        return Circuit(failures=4), 0.0

    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        return False


@pytest.mark.parametrize("agrees", [True, False])
def test_a_breaker_out_of_reach_lets_calls_through(agrees: bool) -> None:
    """It never fails a run by itself; the call's own error comes through."""
    clock = VirtualClock()
    breaker = Breaker(Broken(agrees=agrees), clock)

    async def clause() -> None:
        async with breaker.guard("e"):
            raise OUTAGE

    with pytest.raises(ProviderUnavailable) as caught:
        asyncio.run(clause())
    assert caught.value is OUTAGE


@pytest.mark.parametrize(
    "setting", [{"failures": 0}, {"slow_call_s": -1}, {"open_s": float("nan")}, {"failures": True}]
)
def test_a_setting_that_cannot_work_fails_at_the_door(setting: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match=next(iter(setting))):
        BreakerSettings(**setting)


STEPS = st.lists(
    st.tuples(st.sampled_from(["ok", "fail", "refused", "wait"]), st.sampled_from([1.0, 15.0, 30.0])),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_it_agrees_with_a_plain_model(steps: list[tuple[str, float]]) -> None:
    """Any history of one call after another, against the rules written down once more."""
    desk = Desk(failures=3)
    state, failures, since = "closed", 0, 0.0

    async def clause() -> None:
        nonlocal state, failures, since
        for what, pause in steps:
            if what == "wait":
                await desk.clock.sleep(pause)
                continue
            now = desk.clock.now()
            passes = state != "open" or now - since >= 30
            failure = {"ok": None, "fail": OUTAGE, "refused": error(BadRequest, 400)}[what]
            assert await desk.call(failure) is passes
            if not passes:
                continue
            if state == "open":
                state = "half_open"
            if what == "ok":
                state, failures = "closed", 0
            elif what == "fail":
                failures += 1
                if state == "half_open" or failures >= 3:
                    state, failures, since = "open", 0, now
            assert await desk.state() == state

    desk.run(clause)
