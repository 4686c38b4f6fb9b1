"""What instances share through Redis: every adapter against a real server, in virtual time."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("redis", reason="the Redis client is not installed: pip install redis")

from pytest_llmharness.adapters.breaker_states.redis import RedisBreakerStates
from pytest_llmharness.adapters.caches.redis import RedisCache
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.limiters.redis import RedisTokenBucket
from pytest_llmharness.adapters.redis_scripts import RedisScripts
from pytest_llmharness.contracts import BreakerStatesContract, CacheContract, LimiterContract
from pytest_llmharness.errors import CircuitOpen, SharedStateUnavailable
from pytest_llmharness.harness.degrade import Breaker


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A Redis server of our own, on a socket file."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on the path: apt-get install redis-server")
    folder = Path(tempfile.mkdtemp(prefix="redis"))
    socket = folder / "redis.sock"
    settings = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    with subprocess.Popen([program, *settings], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = [next(iter(server.stdout), "")]
            while said[-1] and "eady to accept connections" not in said[-1]:
                said.append(server.stdout.readline())
            assert said[-1], f"the server did not start: {''.join(said)}"
            yield f"unix://{socket}"
        finally:
            server.terminate()
    shutil.rmtree(folder)


class InVirtualTime:
    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock(start=1_700_000_000.0)


class TestRedisCache(InVirtualTime, CacheContract):
    @pytest.fixture
    def cache(self, url: str, clock: VirtualClock) -> RedisCache:
        return RedisCache(url, prefix=f"{uuid4()}:", stale_s=3600, clock=clock)


class TestRedisTokenBucket(InVirtualTime, LimiterContract):
    @pytest.fixture
    def limiter(self, url: str, clock: VirtualClock) -> RedisTokenBucket:
        return RedisTokenBucket(url, prefix=f"{uuid4()}:", clock=clock)


class TestRedisBreakerStates(InVirtualTime, BreakerStatesContract):
    @pytest.fixture
    def states(self, url: str, clock: VirtualClock) -> RedisBreakerStates:
        return RedisBreakerStates(url, prefix=f"{uuid4()}:", clock=clock)


def test_two_instances_obey_one_rate(url: str) -> None:
    """Twelve requests over two limiters are granted as over one: ten at once, then one a second."""
    prefix, clock = f"{uuid4()}:", VirtualClock(start=1_700_000_000.0)
    limiters = [RedisTokenBucket(url, prefix=prefix, clock=clock) for _ in range(2)]

    async def clause() -> list[float]:
        granted = []
        for number in range(12):
            await limiters[number % 2].acquire("user")
            granted.append(clock.now() - 1_700_000_000.0)
        for limiter in limiters:
            await limiter.aclose()
        return granted

    assert asyncio.run(clause()) == pytest.approx([0.0] * 10 + [1.0, 2.0], abs=1e-6)


def test_a_slow_server_changes_no_granted_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on while the server thinks; slots are granted at their moment all the same."""
    clock = VirtualClock(start=1_700_000_000.0)
    limiter, ask, granted = RedisTokenBucket(url, prefix=f"{uuid4()}:", clock=clock), RedisScripts.run, []

    async def slowly(server: RedisScripts, script: str, *arguments: Any) -> Any:
        return await ask(server, f"for i = 1, 3000000 do end {script}", *arguments)

    async def one() -> None:
        await limiter.acquire("user")
        granted.append(clock.now() - 1_700_000_000.0)

    async def clause() -> None:
        await asyncio.gather(*(one() for _ in range(13)))
        await limiter.aclose()

    monkeypatch.setattr(RedisScripts, "run", slowly)
    asyncio.run(clause())
    assert granted == pytest.approx([0.0] * 10 + [1.0, 2.0, 3.0], abs=1e-6)


def test_who_is_cancelled_while_the_server_is_asked_takes_no_slot(url: str) -> None:
    """The reservation is undone, so the one slot is there for the next at once."""
    clock = VirtualClock(start=1_700_000_000.0)
    limiter = RedisTokenBucket(url, capacity=1, prefix=f"{uuid4()}:", clock=clock)

    async def clause() -> float:
        await limiter.acquire("warm", slots=1)
        asking = asyncio.ensure_future(limiter.acquire("user"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        started = clock.now()
        await limiter.acquire("user")
        await limiter.aclose()
        return clock.now() - started

    assert asyncio.run(clause()) == 0


def test_two_instances_make_one_probe(url: str) -> None:
    """What one instance learns all know, and of 100 half-open callers over two instances one may ask."""
    prefix, clock = f"{uuid4()}:", VirtualClock(start=1_700_000_000.0)
    states = [RedisBreakerStates(url, prefix=prefix, clock=clock) for _ in range(2)]
    breakers = [Breaker(one, clock) for one in states]

    async def attempt(number: int) -> bool:
        try:
            await breakers[number % 2].admit("openai/gpt")
        except CircuitOpen:
            return False
        return True

    async def clause() -> tuple[list[bool], list[bool]]:
        for _ in range(5):
            await breakers[0].failed(await breakers[0].admit("openai/gpt"))
        refused = [await attempt(number) for number in range(2)]
        await clock.sleep(30)
        probed = list(await asyncio.gather(*(attempt(number) for number in range(100))))
        for one in states:
            await one.aclose()
        return refused, probed

    refused, probed = asyncio.run(clause())
    assert refused == [False, False]
    assert probed.count(True) == 1


def test_a_breaker_goes_on_without_its_server(tmp_path: Path) -> None:
    """Where the shared state is out of reach, calls are let through."""
    clock = VirtualClock()
    breaker = Breaker(RedisBreakerStates(f"unix://{tmp_path}/nobody.sock", clock=clock), clock)

    async def clause() -> str:
        async with breaker.guard("openai/gpt") as permit:
            return permit.endpoint

    assert asyncio.run(clause()) == "openai/gpt"


@pytest.mark.parametrize("use", ["cache", "limiter"])
def test_an_unreachable_server_is_named_without_its_password(use: str) -> None:
    """The error says where and how to mend; the password stays out of it."""
    url = "redis://user:hunter2@localhost:1/0"

    async def clause() -> None:
        if use == "cache":
            await RedisCache(url).get("key")
        else:
            await RedisTokenBucket(url).acquire("key")

    with pytest.raises(SharedStateUnavailable) as caught:
        asyncio.run(clause())
    assert "redis://localhost:1/0" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_server_keeps_the_time(url: str) -> None:
    """Without a clock of ours the server's counts: a value has an age, a slot is granted at once."""

    async def clause() -> tuple[bytes | None, float]:
        prefix = f"{uuid4()}:"
        cache, limiter = RedisCache(url, prefix=prefix), RedisTokenBucket(url, prefix=f"{prefix}limit:")
        states = RedisBreakerStates(url, prefix=prefix)
        await cache.set("key", b"value", 60)
        await limiter.acquire("key", timeout_s=0)
        stale = await cache.stale("key")
        found = await cache.get("key")
        _, now = await states.read("endpoint")
        assert now > 1_700_000_000
        for one in (cache, limiter, states):
            await one.aclose()
        assert stale is not None
        return found, stale[1]

    found, age_s = asyncio.run(clause())
    assert found == b"value"
    assert 0 <= age_s < 60
