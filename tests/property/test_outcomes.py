"""Whatever a model does, a run ends in one of the declared outcomes, and what is valid is accepted."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    Schema,
    SqliteSessionLog,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.adapters.breaker_states.memory import MemoryBreakerStates
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.adapters.providers.scripted import ScriptedProvider
from pytest_llmharness.domain.completion import Chunk, Completion, ToolCallDelta
from pytest_llmharness.domain.result import FailureReason
from pytest_llmharness.domain.usage import Timing, Usage
from pytest_llmharness.errors import HarnessError
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.context import ContextAssembler, ContextSettings
from pytest_llmharness.harness.degrade import Breaker, Degrade
from pytest_llmharness.harness.gate import Allowance, Gate
from pytest_llmharness.harness.guardrails import Guardrails
from pytest_llmharness.harness.normalize import Normalizer
from pytest_llmharness.harness.validate import fail_fast

EXAMPLES = int(os.environ.get("LLMHARNESS_FUZZ_EXAMPLES", "200"))
"""How many behaviours are tried; `make fuzz` tries 10,000."""

PRIORITY = {"type": "object", "properties": {"priority": {"type": "integer"}}, "required": ["priority"]}


@tool(read_only=True)
async def look(what: str) -> str:
    """Look at something."""
    return f"seen {what}"


@tool
async def pay(amount: float) -> dict[str, float]:
    """Pay somebody."""
    if amount > 100:
        raise OSError("the bank is closed")
    return {"paid": amount}


@tool(read_only=True)
async def hang() -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    raise AssertionError


TOOLS = [look, pay, hang]

# --- what a model may do ---

any_text = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.sampled_from(
        ["", " \n", "I am sorry.", "my password: hunter2", "[[[[[", "```json\n{}\n```", "NaN", "x" * 12_000]
    ),
    st.binary(max_size=20).map(lambda data: data.decode("latin-1")),
    st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape")),
)
any_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
valid = st.builds(
    lambda priority, more, indent: json.dumps({**more, "priority": priority}, indent=indent),
    st.integers(-(2**53), 2**53),
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.none(), st.booleans(), st.text(max_size=5)), max_size=2
    ),
    st.sampled_from([None, 2]),
)
objects = st.one_of(st.none(), st.integers(), st.binary(max_size=3), st.builds(object), st.just(("a", 1)))
any_call = st.one_of(
    st.builds(
        ToolCall,
        st.just("look"),
        st.fixed_dictionaries({"what": any_text}),
        st.sampled_from([None, "1", "2"]),
    ),
    st.builds(
        ToolCall, st.just("pay"), st.fixed_dictionaries({"amount": st.floats() | st.integers()}), st.just("1")
    ),
    st.builds(ToolCall, st.sampled_from(["hang", "look", "pay", "drop_database", ""]), st.just({})),
    st.builds(ToolCall, any_text, st.dictionaries(any_text, any_value, max_size=2), any_text),
    st.builds(ToolCall, st.just("look"), st.just({}), st.none(), any_text),
)
any_usage = st.one_of(
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
    st.builds(Usage, st.integers(), st.integers()),
    objects,
)
any_timing = st.one_of(st.builds(Timing, st.none() | st.floats(), st.floats()), objects)
finishes = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "unknown", "???"])
answers = st.one_of(
    st.builds(Completion, valid),
    st.builds(Completion, any_text, st.just(()), finishes, any_usage, any_timing, any_text),
    st.builds(Completion, any_text, st.lists(any_call, min_size=1, max_size=4).map(tuple), finishes),
    st.builds(Completion, st.just(""), st.builds(lambda call: (call,) * 30, any_call)),
)
faults = st.sampled_from(
    [fault.hang(), fault.rate_limit(), fault.rate_limit(3), fault.server_error(), fault.server_error(404),
     fault.refuse_connection(), fault.cut("The ans")]
)  # fmt: skip
errors = st.sampled_from(
    [
        KeyError("choices"),
        TimeoutError(),
        asyncio.CancelledError(),
        OSError(5, "reset"),
        RecursionError(),
        StopAsyncIteration(),
    ]
)
garbage = st.one_of(objects, st.builds(Completion, objects), st.builds(Completion, any_text, objects))
steps = st.one_of(answers, answers, faults, errors, garbage)
any_delta = st.builds(
    ToolCallDelta, st.integers(-1, 3), st.sampled_from(["look", "", "pay"]), any_text, st.none() | any_text
)
any_chunk = st.one_of(
    st.builds(Chunk, text=any_text),
    st.builds(Chunk, tool_calls=st.lists(any_delta, max_size=2).map(tuple)),
    st.builds(Chunk, text=any_text, finish=finishes, usage=any_usage, timing=any_timing, model=any_text),
    st.builds(Chunk, text=objects),
    objects,
)


class Chaos:
    """A model that takes one step after another, whole or in chunks; the last one for ever."""

    name, model = "chaos", "chaos"

    def __init__(self, script: list[Any], clock: VirtualClock, chunk_chars: int = 5) -> None:
        self.script, self.clock, self.chunk_chars, self.calls = script, clock, chunk_chars, 0

    def _step(self) -> Any:
        self.calls += 1
        return self.script[min(self.calls, len(self.script)) - 1]

    async def complete(self, prompt: Any) -> Any:
        step = self._step()
        if isinstance(step, fault.Fault):
            return await ScriptedProvider([step], clock=self.clock).complete(prompt)
        if isinstance(step, BaseException):
            raise step
        return step

    async def stream(self, prompt: Any) -> Any:
        step = self._step()
        if isinstance(step, list):
            for chunk in step:
                yield chunk
            return
        if isinstance(step, fault.Fault):
            async for chunk in ScriptedProvider([step], clock=self.clock).stream(prompt):
                yield chunk
        if isinstance(step, BaseException):
            raise step
        if not isinstance(step, Completion):
            yield step
            return
        if not isinstance(step.text, str) or not isinstance(step.tool_calls, tuple):
            raise TypeError("no chunks can be made of this")
        for start in range(0, len(step.text), max(self.chunk_chars, len(step.text) // 50)):
            yield Chunk(text=step.text[start : start + max(self.chunk_chars, len(step.text) // 50)])
        for index, call in enumerate(step.tool_calls):
            text = call.raw_arguments if call.raw_arguments is not None else json.dumps(call.arguments)
            yield Chunk(tool_calls=(ToolCallDelta(index, call.name, text, call.id),))
        yield Chunk(finish=step.finish, usage=step.usage, timing=step.timing, model=step.model)

    async def aclose(self) -> None: ...


# --- what a harness may be made of ---

configs = st.builds(
    HarnessConfig,
    max_retries=st.integers(0, 3),
    max_tool_depth=st.integers(0, 3),
    max_iterations=st.integers(1, 8),
    retry_delay_seconds=st.sampled_from([0, 1.0]),
    stop_when_stuck=st.booleans(),
    tool_concurrency=st.integers(1, 3),
)
layers = st.fixed_dictionaries(
    {
        "normalize": st.sampled_from([None, Normalizer()]),
        "guardrails": st.sampled_from(
            [None, Guardrails(), Guardrails(action="block"), Guardrails(truncate=True)]
        ),
        "context": st.sampled_from(
            [None, ContextAssembler(), ContextAssembler(ContextSettings(window_tokens=400))]
        ),
        "constrain": st.sampled_from([None, Constraints(quotas={"look": 3}), Constraints(write=False)]),
    }
)


async def fussy(value: Any) -> Any:
    """Find fault with every other answer, in words of its own."""
    text = str(value)
    return f"I do not like {text}" if len(text) % 2 else None


makings = st.fixed_dictionaries(
    {
        "config": configs,
        "schema": st.sampled_from([None, PRIORITY]),
        "validators": st.sampled_from([(), (fussy,), (fail_fast(fussy),)]),
        "layers": layers,
        "gate": st.builds(
            Gate,
            dry_run=st.booleans(),
            allowances=st.sampled_from([(), (Allowance("money", ("pay",), calls=2, per_s=60),)]),
        )
        | st.none(),
    }
)
extras = st.fixed_dictionaries(
    {name: st.booleans() for name in ("cache", "limiter", "breaker", "fallback")}
    | {"log": st.sampled_from([None, "memory", "sqlite"])}
)


def harness(script: list[Any], making: dict[str, Any], extra: dict[str, Any]) -> tuple[Harness, Chaos]:
    """Make a fresh harness, in a world of its own."""
    clock = VirtualClock()
    provider = Chaos(script, clock)
    log = {None: lambda: None, "memory": MemorySessionLog, "sqlite": lambda: SqliteSessionLog(":memory:")}[
        extra["log"]
    ]()
    parts = {
        "cache": LRUCache(clock) if extra["cache"] else None,
        "limiter": TokenBucket(clock, capacity=2, refill_s=1) if extra["limiter"] else None,
        "fallbacks": [ScriptedProvider(["spare"] * 99, model="spare")] if extra["fallback"] else [],
        "session_log": log,
    }
    breaker = Breaker(MemoryBreakerStates(clock), clock) if extra["breaker"] else None
    parts |= making | {"layers": {**making["layers"], "degrade": Degrade(breaker=breaker)}}
    return Harness(provider, tools=TOOLS, clock=clock, **parts), provider


async def ran(harness: Harness, request: Request) -> LLMResult:
    result = await harness.arun(request)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return result


async def streamed(harness: Harness, request: Request) -> LLMResult:
    events = [event async for event in harness.stream(request)]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    result: LLMResult = events[-1].data["result"]
    return result


def check(result: LLMResult, making: dict[str, Any]) -> None:
    """A result is a checked answer, or a failure with its reason, its layer, and words for everyone."""
    metadata = result.metadata
    if result.success:
        assert "failure_reason" not in metadata
        result.unwrap()
        assert making["schema"] is None or Schema(PRIORITY).accepts_value(result.unwrap())
        return
    reason = FailureReason(metadata["failure_reason"])
    # A request that does not fit the window is invalid too, and it is the context that says so.
    assert metadata["layer"] in {reason.layer, "context" if reason == "invalid_request" else reason.layer}
    error = metadata["error"]
    assert isinstance(error, HarnessError)
    assert error.what
    assert error.fix
    assert result.content


def told(result: LLMResult, *, tokens: bool) -> dict[str, Any]:
    """Return what both faces must agree on."""
    known = {"attempts", "failure_reason", "tried", "degraded", "cached", "partial"}
    facts = {name: value for name, value in result.metadata.items() if name in known}
    counts = (result.tokens_in, result.tokens_out) if tokens else ()
    return {
        **facts,
        "content": result.content,
        "success": result.success,
        "retries": result.retries,
        "counts": counts,
    }


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_text, st.lists(steps, min_size=1, max_size=5), makings, extras)
def test_any_behaviour_ends_in_the_declared_outcomes(text: str, script: Any, making: Any, extra: Any) -> None:
    """B2, D4b, D15, C5: by run and by stream the same, with nothing left behind, and as the log says."""
    request = Request(text, session_id="s")
    one, provider = harness(script, making, extra)
    result = asyncio.run(ran(one, request))
    check(result, making)
    assert provider.calls <= making["config"].max_iterations
    if extra["log"] == "memory":
        again = one.resume("s")
        assert (again.success, again.content, again.retries) == (
            result.success,
            result.content,
            result.retries,
        )
    other, _ = harness(script, making, extra)
    live = asyncio.run(streamed(other, request))
    check(live, making)
    if all(isinstance(step, Completion | fault.Fault) and not _is_odd(step) for step in script):
        # A stream that is cut at a guardrail never hears how many tokens it was.
        tokens = making["layers"]["guardrails"] is None
        assert told(live, tokens=tokens) == told(result, tokens=tokens)


def _is_odd(step: Any) -> bool:
    """Whether a step is one thing whole, and another one in chunks: a call's arguments go through JSON."""
    if not isinstance(step, Completion):
        return False
    calls = step.tool_calls
    if not isinstance(step.text, str) or not isinstance(calls, tuple):
        return True
    return not all(isinstance(call, ToolCall) for call in calls) or any(
        _through_json(call) != call for call in step.tool_calls
    )


def _through_json(call: ToolCall) -> ToolCall | None:
    if call.raw_arguments is not None:
        from pytest_llmharness.domain.completion import tool_call

        return tool_call(call.name, call.raw_arguments, call.id)
    return call if json.loads(json.dumps(call.arguments)) == call.arguments and call.id != "" else None


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(st.lists(any_chunk, max_size=5), steps), min_size=1, max_size=4), makings, extras)
def test_any_stream_ends_in_the_declared_outcomes(script: Any, making: Any, extra: Any) -> None:
    """B2: whatever chunks come, cut anywhere."""
    one, provider = harness(script, making, extra)
    check(asyncio.run(streamed(one, Request("go"))), making)
    assert provider.calls <= making["config"].max_iterations


mendable = st.sampled_from(
    [fault.hang(), fault.rate_limit(), fault.server_error(), fault.refuse_connection(), fault.cut("x")]
)
wrong = st.sampled_from(["", "no", "[]", '{"priority": "1"}', "x\ud800"])
rounds = st.builds(
    ToolCall, st.just("look"), st.fixed_dictionaries({"what": st.text(max_size=5)}), st.just("1")
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(mendable, max_size=2),
    st.lists(wrong, max_size=2, unique=True),
    st.lists(rounds, max_size=3),
    valid,
    st.randoms(use_true_random=False),
    st.sampled_from([None, Guardrails(blocked_words=("hunter2",))]),
    extras,
)
def test_every_valid_answer_is_accepted(  # noqa: PLR0917
    broken: Any, bad: Any, calls: Any, good: str, random: Any, guardrails: Any, extra: Any
) -> None:
    """B2: whatever came before it within the limits; a harness that always fails would be of no use."""
    script = [*broken, *map(Completion, bad), *(Completion("", (call,), "tool_calls") for call in calls)]
    random.shuffle(script)
    config = HarnessConfig(max_iterations=8, stop_when_stuck=False)
    making = {"config": config, "schema": PRIORITY, "layers": {"guardrails": guardrails}}
    extra = {**extra, "fallback": False, "breaker": False}
    for face in (ran, streamed):
        one, provider = harness([*script, Completion(good)], making, extra)
        result = asyncio.run(face(one, Request("go")))
        assert result.success, result.metadata
        assert result.unwrap() == json.loads(good)
        assert result.retries == len(broken) + len(bad)
        assert provider.calls == len(script) + 1
