"""What bounds a run: seconds, tokens and dollars; each ends it by name and keeps what was found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.domain.completion import Chunk, Completion
from pytest_llmharness.domain.event import EventKind
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.guardrails import Guardrails
from pytest_llmharness.harness.routing import PRICES, ModelTier, Price, Routing

Face = Callable[[Harness, Any], LLMResult]


def whole(harness: Harness, request: Any) -> LLMResult:
    return harness.run(request)


def streamed(harness: Harness, request: Any) -> LLMResult:
    async def last() -> Any:
        return [event async for event in harness.stream(request)][-1].data["result"]

    return asyncio.run(last())  # type: ignore[no-any-return]


@pytest.fixture(params=[whole, streamed])
def face(request: pytest.FixtureRequest) -> Face:
    return request.param  # type: ignore[no-any-return]


def config(**settings: Any) -> HarnessConfig:
    return HarnessConfig(**{"max_tool_depth": 50, "max_iterations": 50, "stop_when_stuck": False, **settings})


@tool(read_only=True)
def look() -> str:
    """Look."""
    return "seen, and the password"


# --- calls and rounds ---


@pytest.mark.parametrize(
    ("settings", "reason", "calls"),
    [({"max_tool_depth": 3}, "max_tool_depth", 4), ({"max_iterations": 3}, "max_iterations", 3)],
)
def test_a_limit_names_itself_and_keeps_what_was_found(
    settings: dict[str, Any], reason: str, calls: int, face: Face
) -> None:
    """D3, D12: exact; the error says which limit, and the result has the text and the tools' answers."""
    script = [Completion("Let me see.", (ToolCall("look", id=f"c{n}"),), "tool_calls") for n in range(9)]
    provider = ScriptedProvider(script)
    result = face(Harness(provider, tools=[look], config=config(**settings), clock=VirtualClock()), "go")
    assert (result.metadata["failure_reason"], len(provider.prompts)) == (reason, calls)
    assert f"{reason}=3" in result.metadata["error"].what
    assert result.content == "Let me see."
    assert result.metadata["tool_results"] == [{"tool": "look", "text": "seen, and the password"}] * 3
    assert "limit" in result.metadata["user_message"]


def test_what_a_broken_stream_said_is_no_answer(face: Face) -> None:
    """D4b: a run that ends at a limit after it has the same result by both faces."""
    settings = config(max_iterations=1, max_retries=1, retry_delay_seconds=0)
    result = face(
        Harness(ScriptedProvider([fault.cut("half of")]), config=settings, clock=VirtualClock()), "go"
    )
    assert result.metadata["failure_reason"] == "max_iterations"
    assert "half of" not in result.content


# --- seconds ---


class Slow:
    """Says half of an answer, and then nothing for a long time."""

    name, model = "slow", "slow"

    def __init__(self) -> None:
        self.cancelled = 0

    async def _wait(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def complete(self, prompt: Prompt) -> Completion:
        await self._wait()
        raise AssertionError

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        yield Chunk(text="half of it, and the password")
        await self._wait()

    async def aclose(self) -> None: ...


def test_a_model_that_hangs_is_cancelled_at_the_deadline(face: Face) -> None:
    """B3: at the virtual second, though the call itself may take longer; the user has a message."""
    provider, clock = Slow(), VirtualClock()
    harness = Harness(
        provider, config=config(max_run_seconds=7), clock=clock, layers={"guardrails": Guardrails()}
    )
    result = face(harness, "go")
    assert (result.metadata["failure_reason"], clock.now(), provider.cancelled) == ("max_run_seconds", 7, 1)
    assert result.metadata["layer"] == "orchestrate"
    assert "limit" in result.metadata["user_message"]
    if face is streamed:
        assert result.content == "half of it, and the [REDACTED]"


def test_a_wait_for_a_slot_ends_at_the_deadline(face: Face) -> None:
    """B3: the limiter would have let it wait for an hour."""
    clock = VirtualClock()
    limiter = TokenBucket(clock, capacity=1, refill_s=3600)
    harness = Harness(
        ScriptedProvider([ToolCall("look"), "never"]),
        tools=[look],
        limiter=limiter,
        config=config(max_run_seconds=5),
        clock=clock,
    )
    result = face(harness, "go")
    assert (result.metadata["failure_reason"], clock.now()) == ("max_run_seconds", 5)
    assert result.metadata["tool_results"] == [{"tool": "look", "text": "seen, and the password"}]


def test_a_pause_before_a_retry_ends_at_the_deadline(face: Face) -> None:
    """B3: a server asks for ten minutes, the run has one."""
    clock = VirtualClock()
    provider = ScriptedProvider([fault.rate_limit(retry_after=600), "never"])
    result = face(Harness(provider, config=config(max_run_seconds=60), clock=clock), "go")
    assert (result.metadata["failure_reason"], clock.now()) == ("max_run_seconds", 60)
    assert provider.remaining == 1


def test_a_pause_before_a_repair_ends_at_the_deadline(face: Face) -> None:
    """B3: the rejected answer is kept."""
    clock = VirtualClock()
    settings = config(max_run_seconds=2, retry_delay_seconds=5)
    harness = Harness(
        ScriptedProvider(["bad", "{}"]), schema={"type": "object"}, config=settings, clock=clock
    )
    result = face(harness, "go")
    assert (result.metadata["failure_reason"], clock.now(), result.content) == ("max_run_seconds", 2, "bad")


@pytest.mark.parametrize("durable", [False, True])
def test_tools_are_cancelled_and_what_they_left_open_is_named(
    face: Face, tmp_path: Path, durable: bool
) -> None:
    """B3, B35: the quick one's result is kept; the one cut off is named, in the log as in the result."""
    ended = []

    @tool
    async def transfer() -> str:
        """Send money, slowly."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return "never"

    clock = VirtualClock()
    log = SqliteSessionLog(tmp_path / "s.db") if durable else MemorySessionLog()
    harness = Harness(
        ScriptedProvider([[ToolCall("look"), ToolCall("transfer")], "never"]),
        tools=[look, transfer],
        session_log=log,
        config=config(max_run_seconds=4),
        layers={"guardrails": Guardrails()},
        clock=clock,
    )
    result = face(harness, Request("go", session_id="s"))
    assert (result.metadata["failure_reason"], clock.now(), ended) == ("max_run_seconds", 4, ["cancelled"])
    assert "in the middle of transfer" in result.metadata["error"].what
    assert result.metadata["tool_results"] == [{"tool": "look", "text": "seen, and the [REDACTED]"}]
    state = harness.state_at("s")
    assert state.outcome is not None
    assert state.outcome.metadata["failure_reason"] == "max_run_seconds"
    assert harness.resume("s").metadata["failure_reason"] == "max_run_seconds"


def test_a_tool_that_will_not_be_cancelled_gets_no_next_call(face: Face) -> None:
    """B3: whoever swallows the cancellation ends the run all the same."""
    clock = VirtualClock()

    @tool(read_only=True)
    async def stubborn() -> str:
        """Go on."""
        try:
            await clock.sleep(100)
        except asyncio.CancelledError:
            return "went on"
        return "never"

    provider = ScriptedProvider([ToolCall("stubborn"), "never"])
    result = face(Harness(provider, tools=[stubborn], config=config(max_run_seconds=3), clock=clock), "go")
    assert (result.metadata["failure_reason"], clock.now(), provider.remaining) == ("max_run_seconds", 3, 1)


def test_an_event_that_is_being_written_is_written_to_the_end(face: Face) -> None:
    """C3: the deadline falls into an append; the log has no gap, and the result is in it."""
    clock = VirtualClock()

    class SlowLog(MemorySessionLog):
        async def append(self, session_id: str, seq: int, event: Any) -> None:
            await super().append(session_id, seq, event)
            await clock.sleep(1)

    log = SlowLog()
    harness = Harness(
        ScriptedProvider([ToolCall("look")] * 9),
        tools=[look],
        session_log=log,
        config=config(max_run_seconds=4.5),
        clock=clock,
    )
    result = face(harness, Request("go", session_id="s"))
    assert result.metadata["failure_reason"] == "max_run_seconds"
    assert clock.now() == 6.0  # the fifth append was let through, and the result is the sixth

    async def kinds() -> list[EventKind]:
        return [event.kind async for _, event in log.read("s")]

    assert asyncio.run(kinds())[-1] is EventKind.ORCHESTRATE_COMPLETE


def test_a_run_in_time_is_left_alone(face: Face) -> None:
    """The deadline of one run is not that of the next."""
    clock = VirtualClock()
    limiter = TokenBucket(clock, capacity=1, refill_s=4)
    harness = Harness(
        ScriptedProvider(["one", "two", "three"]),
        limiter=limiter,
        config=config(max_run_seconds=5),
        clock=clock,
    )
    for _ in range(3):
        assert face(harness, Request("go", session_id="one user")).success


def test_a_cancelled_caller_is_no_deadline() -> None:
    """A run that somebody cancels raises, as one without a deadline does."""

    async def cancel() -> None:
        harness = Harness(
            Slow(), config=config(max_run_seconds=7), clock=VirtualClock(), session_log=MemorySessionLog()
        )
        task = asyncio.ensure_future(harness.arun("go"))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())


# --- tokens ---


def used(tokens_in: int, tokens_out: int, *calls: ToolCall, text: str = "So far.") -> Completion:
    return Completion(text, calls, "tool_calls" if calls else "stop", Usage(tokens_in, tokens_out))


def test_no_call_is_made_that_could_pass_the_budget(face: Face) -> None:
    """B3: two calls fit; the third could take the run over it, and is not made."""
    settings = config(max_run_tokens=1000, max_tokens=300)
    provider = ScriptedProvider([used(200, 100, ToolCall("look", id=f"c{n}")) for n in range(9)])
    result = face(Harness(provider, tools=[look], config=settings, clock=VirtualClock()), "go")
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("max_run_tokens", 2)
    assert result.tokens_in + result.tokens_out == 600
    assert result.content == "So far."
    assert "600 tokens" in result.metadata["error"].what
    assert len(result.metadata["tool_results"]) == 2
    assert "limit" in result.metadata["user_message"]


def test_an_answer_that_took_more_than_expected_ends_the_run(face: Face) -> None:
    """B3: a success was within its budget; the answer that was not is kept, and its calls are not made."""
    ran = []

    @tool
    def pay() -> str:
        """Pay."""
        ran.append(1)
        return "paid"

    settings = config(max_run_tokens=1000, max_tokens=100)
    result = face(
        Harness(ScriptedProvider([used(5000, 1, ToolCall("pay"))]), tools=[pay], config=settings), "go"
    )
    assert (result.metadata["failure_reason"], result.content, ran) == ("max_run_tokens", "So far.", [])


def test_a_server_that_reports_nothing_is_counted_by_estimate(face: Face) -> None:
    """B3: no usage is not no tokens."""
    settings = config(max_run_tokens=2000, max_tokens=300)
    script = [used(0, 0, ToolCall("look", id=f"c{n}"), text="word " * 240) for n in range(9)]
    provider = ScriptedProvider(script)
    log = MemorySessionLog()
    harness = Harness(provider, tools=[look], config=settings, session_log=log, clock=VirtualClock())
    result = face(harness, Request("go", session_id="s"))
    assert result.metadata["failure_reason"] == "max_run_tokens"
    assert 1 < len(provider.prompts) < 6
    assert harness.state_at("s").spent[0][2] >= 300


def test_the_budget_is_that_of_one_run(face: Face) -> None:
    """The next run of a session has its own."""
    settings = config(max_run_tokens=1000, max_tokens=300)
    harness = Harness(ScriptedProvider([used(300, 300)] * 3), config=settings, session_log=MemorySessionLog())
    for _ in range(3):
        assert face(harness, Request("go", session_id="s")).success


def test_a_resumed_run_goes_on_counting() -> None:
    """C1: what was spent before the crash is in the log."""

    class Crash(BaseException):
        pass

    def dies(_: Prompt) -> Any:
        raise Crash

    log = MemorySessionLog()
    settings = config(max_run_tokens=1000, max_tokens=300)
    script = [used(300, 300, ToolCall("look")), dies]
    with pytest.raises(Crash):
        Harness(ScriptedProvider(script), tools=[look], config=settings, session_log=log).run(
            Request("go", session_id="s")
        )
    provider = ScriptedProvider([used(300, 300, ToolCall("look"))] * 2)
    result = Harness(provider, tools=[look], config=settings, session_log=log).resume("s")
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("max_run_tokens", 1)


# --- money ---

TABLE = PRICES.with_prices(Price("dear", 1000.0, 2000.0, source="test", as_of="2026-11-21"))
PAID: Any = {"route": Routing(prices=TABLE)}


def test_no_call_is_made_that_could_cost_too_much(face: Face) -> None:
    """B3: 0.2 + 0.2 dollars a call, and at most 0.2 expected for the answer of the next."""
    settings = config(max_run_cost_usd=1.0, max_tokens=100)
    provider = ScriptedProvider(
        [used(200, 100, ToolCall("look", id=f"c{n}")) for n in range(9)], model="dear"
    )
    result = face(Harness(provider, tools=[look], config=settings, layers=PAID), "go")
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("max_run_cost_usd", 2)
    assert "$0.8" in result.metadata["error"].what
    assert result.content == "So far."


def test_an_answer_that_cost_too_much_ends_the_run(face: Face) -> None:
    """B3: and its text is kept."""
    settings = config(max_run_cost_usd=1.0, max_tokens=100)
    provider = ScriptedProvider([used(2000, 100)], model="dear")
    result = face(Harness(provider, config=settings, layers=PAID), "go")
    assert (result.metadata["failure_reason"], result.content) == ("max_run_cost_usd", "So far.")


def test_each_model_has_its_price() -> None:
    """A fallback that costs nothing may go on where the wanted one was too dear to be asked twice."""
    prices = TABLE.with_prices(Price("mine", 0, 0, source="my own machine", as_of="2026-11-21"))
    dear = ScriptedProvider([used(300, 100, ToolCall("look")), fault.refuse_connection()], model="dear")
    mine = ScriptedProvider([used(9000, 9000)], model="mine")
    settings = config(max_run_cost_usd=1.0, max_tokens=50, max_retries=0)
    result = Harness(
        dear, fallbacks=[mine], tools=[look], config=settings, layers={"route": Routing(prices=prices)}
    ).run("go")
    assert result.success
    assert result.metadata["degraded"]


def test_a_model_without_a_price_is_refused_at_the_door() -> None:
    """A budget in dollars that could not be kept is no budget: the error is an edit to paste."""
    with pytest.raises(ConfigError, match="'unheard-of'") as caught:
        Harness(ScriptedProvider([], model="unheard-of"), config=config(max_run_cost_usd=1.0))
    assert "Price('unheard-of'" in caught.value.fix


def test_a_kept_answer_costs_nothing(face: Face) -> None:
    """D10: a budget that no call fits into still lets the cache answer."""
    from pytest_llmharness.adapters.caches.lru import LRUCache

    clock = VirtualClock()
    cache = LRUCache(clock)
    kept = Harness(ScriptedProvider(["kept"]), cache=cache, clock=clock)
    assert face(kept, "go").success
    harness = Harness(ScriptedProvider([]), cache=cache, clock=clock, config=HarnessConfig(max_run_tokens=0))
    assert face(harness, "go").content == "kept"


def test_a_tier_costs_what_its_table_says() -> None:
    """A16, B3: by the call where no token has a price; the climb to a dear one is not paid for."""
    tiers = {"fast": ModelTier("small", 512, 0.0), "best": ModelTier("big", 512, 0.5)}
    provider = ScriptedProvider(["no JSON"] * 9)
    settings = config(max_run_cost_usd=1.0, max_retries=1, retry_delay_seconds=0)
    harness = Harness(provider, tiers=tiers, schema={"type": "object"}, config=settings)
    result = harness.run(Request("go", metadata={"tier": "fast"}))
    assert [prompt.options.model for prompt in provider.prompts] == ["small", "small", "big", "big"]
    assert result.metadata["failure_reason"] == "validation_failed_after_retries"
    provider = ScriptedProvider(["no JSON"] * 9)
    harness = Harness(
        provider, tiers=tiers, schema={"type": "object"}, config=settings.changed(max_run_cost_usd=0.9)
    )
    result = harness.run(Request("go", metadata={"tier": "fast"}))
    assert [prompt.options.model for prompt in provider.prompts] == ["small", "small", "big"]
    assert result.metadata["failure_reason"] == "max_run_cost_usd"
