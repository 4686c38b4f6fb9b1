"""Degradation by steps: retry, fall back, a saved answer, an honest word; never a stack trace."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import Harness, HarnessConfig, LLMResult, ScriptedProvider, VirtualClock, fault
from pytest_llmharness.adapters.breaker_states.memory import MemoryBreakerStates
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.result import FailureReason
from pytest_llmharness.errors import (
    AuthenticationFailed,
    BadRequest,
    CircuitOpen,
    ConfigError,
    ContextOverflow,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
)
from pytest_llmharness.harness.cached_answer import pack
from pytest_llmharness.harness.degrade import (
    Backoff,
    Breaker,
    BreakerSettings,
    Degrade,
    Endpoint,
    FallBack,
    GiveUp,
    Ladder,
    Messages,
    Retry,
    duration,
)


class Chance:
    """Random numbers from a list, again and again."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = list(numbers)

    def random(self) -> float:
        self._numbers.append(self._numbers.pop(0))
        return self._numbers[-1]


def refusal(
    kind: type[ProviderError], status: int | None = None, retry_after_s: float | None = None
) -> ProviderError:
    return kind("failed", where="here", fix="retry", status=status, retry_after_s=retry_after_s)


class Refuses:
    """A provider that raises."""

    name, model = "refuses", "r"

    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0

    async def complete(self, prompt: Prompt) -> Completion:
        self.calls += 1
        raise self.error

    stream: Any = None

    async def aclose(self) -> None:
        """Nothing to release."""


class Desk:
    """A harness over scripts, on a virtual clock."""

    def __init__(self, *scripts: list[Any], **settings: Any) -> None:
        self.clock = VirtualClock()
        self.providers = [
            ScriptedProvider(script, model=f"m{number}", clock=self.clock)
            for number, script in enumerate(scripts)
        ]
        self.harness = desk_of(self.clock, self.providers, **settings)

    def serve(self) -> LLMResult:
        return self.harness.run("hello")

    @property
    def calls(self) -> list[int]:
        return [len(provider.prompts) for provider in self.providers]


def desk_of(clock: VirtualClock, providers: list[Any], **settings: Any) -> Harness:
    return Harness(providers[0], fallbacks=providers[1:], clock=clock, random=Chance(0.5), **settings)


# --- backoff ---


def test_the_waits_of_article_004() -> None:
    """E19: 2^n + U(0,1): with U = 0.25 the waits are 1.25, 2.25, 4.25 s, and no longer than the longest."""
    backoff = Backoff()
    assert [backoff.delay_s(retry, Chance(0.25)) for retry in range(4)] == [1.25, 2.25, 4.25, 8.25]
    assert [backoff.delay_s(retry, Chance(0.25)) for retry in (10, 5000)] == [60.0, 60.0]


@pytest.mark.parametrize(("asked", "waited"), [(0.5, 1.25), (7.0, 7.0), (300.0, 300.0), (None, 1.25)])
def test_retry_after_is_waited_for_in_full(asked: float | None, waited: float) -> None:
    """E19: what the server asks for is honoured where it is longer, beyond our own longest wait too."""
    assert Backoff().delay_s(0, Chance(0.25), asked) == waited


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2**32), st.none() | st.floats(0, 1000))
def test_every_wait_is_within_its_bounds(retry: int, seed: int, asked: float | None) -> None:
    """For any seed: at least what was asked and at most base * 2^n + jitter, or what was asked."""
    wait = Backoff().delay_s(retry, random.Random(seed), asked)
    assert wait >= (asked or 0)
    assert wait >= min(2.0 ** min(retry, 64), 60.0)
    assert wait <= max(min(2.0 ** min(retry, 64) + 1, 60.0), asked or 0)


@pytest.mark.parametrize(
    "setting", [{"base_s": -1}, {"factor": 0.5}, {"jitter_s": True}, {"longest_s": float("nan")}]
)
def test_a_wait_that_cannot_work_fails_at_the_door(setting: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Backoff(**setting)


# --- the way down ---


@pytest.mark.parametrize(
    ("failure", "steps"),
    [
        (refusal(RateLimited, 429), [Retry, Retry, FallBack, Retry, Retry, GiveUp]),
        (refusal(ProviderUnavailable, 500), [Retry, Retry, FallBack, Retry, Retry, GiveUp]),
        (refusal(ProviderTimeout), [Retry, Retry, FallBack, Retry, Retry, GiveUp]),
        (refusal(CircuitOpen), [FallBack, GiveUp]),
        (refusal(ProviderError), [FallBack, GiveUp]),
        (refusal(BadRequest, 400), [GiveUp]),
        (refusal(BadRequest, 404), [GiveUp]),
        (refusal(AuthenticationFailed, 401), [GiveUp]),
        (refusal(AuthenticationFailed, 403), [GiveUp]),
        (refusal(ContextOverflow, 400), [GiveUp]),
    ],
    ids=lambda value: (
        type(value).__name__ + str(getattr(value, "status", "")) if isinstance(value, Exception) else ""
    ),
)
def test_what_is_retried_what_falls_back_and_what_ends(failure: ProviderError, steps: list[type]) -> None:
    """408, 429, 5xx, resets and timeouts are retried; 400, 401, 403, 404 and overflow are exactly one call."""
    ladder = Ladder(
        [Endpoint(ScriptedProvider([])), Endpoint(ScriptedProvider([]), "small")], random=Chance(0.0)
    )
    taken = []
    while not taken or taken[-1] is not GiveUp:
        taken.append(type(ladder.after(failure)))
    assert taken == steps


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """With 5 s left a server that asks for 60 is not waited for: the next model is asked at once."""
    ladder = Ladder([Endpoint(ScriptedProvider([])), Endpoint(ScriptedProvider([]))], random=Chance(0.0))
    assert isinstance(ladder.after(refusal(RateLimited, 429, 60.0), left_s=5), FallBack)
    assert ladder.degraded


def test_a_ladder_needs_a_model() -> None:
    """No endpoint at all fails at the door."""
    with pytest.raises(ConfigError, match="no model to ask"):
        Ladder([], random=Chance(0.0))


# --- in the harness ---


def test_a_good_answer_is_one_call() -> None:
    """Nothing is reduced, nothing is told."""
    desk = Desk(["hello"])
    result = desk.serve()
    assert (result.content, desk.calls, result.metadata["degraded"]) == ("hello", [1], False)
    assert "notice" not in result.metadata
    assert desk.clock.now() == 0.0


def test_three_attempts_with_growing_waits() -> None:
    """E19: max_retries 2 is three calls: 1.5 s, then 2.5 s with U = 0.5; none after the last."""
    desk = Desk([fault.rate_limit(), fault.server_error(), "third"])
    assert desk.serve().content == "third"
    assert desk.clock.now() == 4.0
    desk = Desk([fault.rate_limit()] * 3)
    with pytest.raises(RateLimited):
        desk.serve().unwrap()
    assert (desk.calls, desk.clock.now()) == ([3], 4.0)


@pytest.mark.parametrize(
    "trouble",
    [fault.server_error(503), fault.rate_limit(), fault.hang(), fault.refuse_connection(), fault.cut("half")],
    ids=lambda one: one.kind,
)
def test_outage_429_latency_and_incident_fall_back(trouble: Any) -> None:
    """B29, B31: the answer comes from the fallback, names the model used and says degraded."""
    desk = Desk([trouble] * 3, ["short answer"], config=HarnessConfig(timeout_seconds=30))
    result = desk.serve()
    assert (result.content, result.model, result.metadata["degraded"]) == ("short answer", "m1", True)
    assert "m1 has answered" in result.metadata["notice"]
    assert result.metadata["tried"] == ["scripted/m0"] * 3 + ["scripted/m1"]


def test_the_fallback_is_asked_for_its_own_model() -> None:
    """The prompt is the same but for the model."""
    desk = Desk([fault.refuse_connection()], ["ok"], config=HarnessConfig(max_retries=0))
    desk.serve()
    [first], [second] = (provider.prompts for provider in desk.providers)
    assert (first.options.model, second.options.model) == ("m0", "m1")
    assert first.messages == second.messages


@pytest.mark.parametrize(
    "error",
    [
        refusal(BadRequest, 400),
        refusal(AuthenticationFailed, 401),
        refusal(BadRequest, 404),
        refusal(ContextOverflow, 400),
    ],
    ids=repr,
)
def test_a_refused_request_is_one_call_and_no_saved_answer(error: ProviderError) -> None:
    """No other model and no cache hides a wrong key or a bad request."""
    clock = VirtualClock()
    first, second, cache = Refuses(error), ScriptedProvider(["ok"]), Saved(clock)
    with pytest.raises(type(error)):
        desk_of(clock, [first, second], cache=cache).run("hello").unwrap()
    assert (first.calls, second.prompts) == (1, [])


def test_whatever_a_provider_raises_gets_a_name() -> None:
    """B29: a stranger's exception is a named error, chained to what it was, and its user message is calm."""
    result = desk_of(VirtualClock(), [Refuses(KeyError("choices"))]).run("hello")
    with pytest.raises(ProviderError) as caught:
        result.unwrap()
    assert isinstance(caught.value.__cause__, KeyError)
    assert "choices" not in result.metadata["user_message"]


def test_a_setting_error_is_not_degraded() -> None:
    """A script that has ended is a fault of the test, not of the model."""
    desk = Desk([], ["never asked"])
    with pytest.raises(ConfigError):
        desk.serve()
    assert desk.calls == [1, 0]


class Saved(LRUCache):
    """A cache that has kept an answer to everything, past its time."""

    kept: bytes | None = pack(Completion("from before", model="m0"))

    async def stale(self, key: str) -> tuple[bytes, float] | None:
        return None if self.kept is None else (self.kept, 7208.0)


def test_a_saved_answer_is_served_in_an_outage_with_its_age() -> None:
    """B32: past its time it is served when all else is down, marked, never before."""
    desk = Desk([fault.refuse_connection()] * 3, [fault.refuse_connection()] * 3, cache=Saved(VirtualClock()))
    result = desk.serve()
    assert (result.content, result.metadata["cached"], result.metadata["degraded"]) == (
        "from before",
        True,
        True,
    )
    said = "The assistant cannot be reached right now. This is an answer saved 2 hours ago."
    assert result.metadata["notice"] == said
    assert desk.calls == [3, 3]


@pytest.mark.parametrize("kept", [None, b"", b"no answer", pack(Completion("x"))[:-2]])
def test_what_cannot_be_read_is_no_answer(kept: bytes | None) -> None:
    """A broken or missing entry leaves the outage what it is."""
    cache = Saved(VirtualClock())
    cache.kept = kept
    with pytest.raises(ProviderUnavailable):
        Desk([fault.refuse_connection()] * 3, cache=cache).serve().unwrap()


def test_a_cache_that_fails_leaves_the_outage_what_it_is() -> None:
    """D26: the cache's own error does not replace the news."""

    class Gone(LRUCache):
        async def stale(self, key: str) -> tuple[bytes, float] | None:
            raise OSError("gone")

    with pytest.raises(ProviderUnavailable):
        Desk([fault.refuse_connection()] * 3, cache=Gone(VirtualClock())).serve().unwrap()


def test_an_open_circuit_costs_no_call() -> None:
    """B30, B31: once it is open the fallback is asked at once; after 30 s one probe brings the first model back."""
    clock = VirtualClock()
    first, spare = (
        ScriptedProvider([fault.refuse_connection(), "back"], model="m0"),
        ScriptedProvider(["small"] * 2, model="m1"),
    )
    breaker = Breaker(MemoryBreakerStates(clock), clock, settings=BreakerSettings(failures=1))
    harness = desk_of(
        clock,
        [first, spare],
        layers={"degrade": Degrade(breaker=breaker)},
        config=HarnessConfig(max_retries=0),
    )

    async def clause() -> list[str]:
        said = [await harness.arun("hello"), await harness.arun("hello")]
        await clock.sleep(30)
        return [result.content for result in (*said, await harness.arun("hello"))]

    assert asyncio.run(clause()) == ["small", "small", "back"]
    assert [len(first.prompts), len(spare.prompts)] == [2, 2]


def test_cancellation_goes_through() -> None:
    """It is no failure of the model, and nothing is retried after it."""
    desk = Desk([fault.hang(), "never"])

    async def clause() -> None:
        task = asyncio.ensure_future(desk.harness.arun("hello"))
        while not desk.providers[0].prompts:  # noqa: ASYNC110 - the provider's progress is no event
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(clause())
    assert desk.calls == [1]


# --- words ---


def test_every_failure_has_an_honest_calm_message() -> None:
    """B33: says what is reduced, without an alarm, a status or an internal; every text can be replaced."""
    messages = Messages()
    texts = [messages.failed(reason) for reason in FailureReason]
    texts += [
        messages.degraded("small"),
        messages.saved(90),
        messages.failed(FailureReason.RATE_LIMITED, retry_after_s=61),
    ]
    for text in texts:
        assert not any(
            word in text.lower()
            for word in ("error", "500", "429", "exception", "traceback", "fail", "!", "{")
        )
    assert "in 1 minute" in texts[-1]
    assert Messages(unavailable="Down for tea.").failed(FailureReason.PROVIDER_UNAVAILABLE) == "Down for tea."


def test_a_message_with_an_unknown_brace_fails_at_the_door() -> None:
    """Not in front of the user."""
    with pytest.raises(ConfigError, match="names modle"):
        Messages(fallback="{modle} has answered")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (59.4, "59 seconds"),
        (60, "1 minute"),
        (7300, "2 hours"),
        (90_000, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_ages_are_told_as_people_say_them(seconds: float, words: str) -> None:
    """The largest unit that fits."""
    assert duration(seconds) == words
