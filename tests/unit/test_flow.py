"""The way of a request: article 001's graph, article 000's five stages, article 003's events, and each layer's own."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    MemorySessionLog,
    ModelTier,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.adapters.approvers.callback import CallbackApprover
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.adapters.tracers.memory import MemoryTracer
from pytest_llmharness.domain.event import EventKind, Stage
from pytest_llmharness.harness.gate import Gate, Policy, Rule

PRIORITY = {"type": "object", "properties": {"priority": {"type": "integer"}}, "required": ["priority"]}
GOOD, BAD = '{"priority": 1}', '{"priority": "1"}'


@tool
def pay(amount: float) -> str:
    """Pay somebody."""
    return f"paid {amount:g}"


def told(script: list[Any], **settings: Any) -> list[str]:
    """Return what a run tells, by name."""
    tracer = MemoryTracer()
    harness = Harness(
        ScriptedProvider(script),
        schema=PRIORITY,
        tools=[pay],
        tracer=tracer,
        clock=VirtualClock(),
        **settings,
    )
    harness.run("What is its priority?")
    return tracer.names()


def test_an_accepted_answer_goes_straight_through() -> None:
    """B1: normalize, context, model, validate, output; one event for each layer on the way."""
    assert told([GOOD]) == [
        "orchestrate_start", "normalize", "context", "constrain", "prompt",
        "provider_call", "provider_answer", "parsed", "validated", "judged", "llm_call", "orchestrate_complete",
    ]  # fmt: skip


def test_a_refused_answer_goes_through_repair_to_the_model() -> None:
    """B1: validate, repair, model, and again; the state is written after each."""
    names = told([BAD, GOOD])
    start = names.index("provider_call")
    assert names[start : start + 8] == [
        "provider_call", "provider_answer", "parsed", "validation_failed", "repair",
        "provider_call", "provider_answer", "parsed",
    ]  # fmt: skip


def test_a_denied_call_goes_through_the_gate_back_to_the_model() -> None:
    """B1, B17: the gate decides before the tool; what it denies never runs."""
    deny = Gate(Policy([Rule("no payments", "deny", tools=("pay",))]))
    for gate, way in (
        (deny, ["gate", "refused", "tool_result"]),
        (
            Gate(approver=CallbackApprover(lambda session, call, why: True)),
            ["gate", "tool_execution", "tool_result"],
        ),
    ):
        names = told([ToolCall("pay", {"amount": 1}), GOOD], gate=gate)
        start = names.index("gate")
        assert names[start : start + 4] == [*way, "provider_call"]


def test_the_five_stages_come_in_their_order() -> None:
    """A1: preprocess, execute, post-process, route, output, each once in a run without detours."""
    kinds = [EventKind(name) for name in told([GOOD]) if name != "llm_call"]
    assert [stage for stage, _ in groupby(kind.stage for kind in kinds)] == list(Stage)


def test_an_answer_that_is_not_enough_goes_round_again() -> None:
    """A1: from the route back to execution, at the next tier."""
    low, high = ScriptedProvider([GOOD]), ScriptedProvider([GOOD])
    tiers = {"a": ModelTier("a", 9, provider=low), "b": ModelTier("b", 9, provider=high)}
    scores = iter([0.1, 0.9])
    layers: Any = {"score": lambda request, value: next(scores)}
    tracer = MemoryTracer()
    harness = Harness(low, schema=PRIORITY, tiers=tiers, layers=layers, tracer=tracer)
    harness.run(Request("go", metadata={"tier": "a"}))
    kinds = [EventKind(name) for name in tracer.names() if name != "llm_call"]
    assert [stage.value for stage, _ in groupby(kind.stage for kind in kinds)] == [
        "preprocess", "execute", "post-process", "route", "execute", "post-process", "route", "output",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "orchestrate_start", "orchestrate_complete", "provider_call", "tool_execution", "cache_hit",
        "cache_miss", "rate_limit_acquired",
    ],
)  # fmt: skip
def test_each_event_of_article_003_is_told(name: str) -> None:
    """D25: where it happens, and not where it does not."""
    clock, tracer = VirtualClock(), MemoryTracer()
    parts: dict[str, Any] = {"cache": LRUCache(clock), "limiter": TokenBucket(clock)}
    harness = Harness(ScriptedProvider([GOOD]), tracer=tracer, clock=clock, **parts)
    harness.run("go")
    first = tracer.names()
    harness.run("go")
    second = tracer.names()[len(first) :]
    tools = told([ToolCall("pay", {"amount": 1}), GOOD])
    bare = told([GOOD])
    always = name in ("orchestrate_start", "orchestrate_complete")
    assert name in {"cache_hit": second, "tool_execution": tools}.get(name, first)
    assert (name in second) is (always or name == "cache_hit")
    assert (name in bare) is (always or name == "provider_call")


def test_what_is_told_is_what_is_written() -> None:
    """C2, C14: who sees the stream, the trace or the log sees the same run; the log has what its state is made of."""
    log, tracer = MemorySessionLog(), MemoryTracer()
    script = [ToolCall("pay", {"amount": 1}), BAD, GOOD]
    harness = Harness(
        ScriptedProvider(script),
        tools=[pay],
        schema=PRIORITY,
        session_log=log,
        tracer=tracer,
        clock=VirtualClock(),
    )

    async def both() -> tuple[list[str], list[str]]:
        seen = [event.kind.value async for event in harness.stream(Request("go", session_id="s"))]
        return seen, [event.kind.value async for _, event in log.read("s")]

    seen, kept = asyncio.run(both())
    assert [name for name in tracer.names() if name != "llm_call"] == [
        name for name in seen if name != "text_delta"
    ]
    assert [name for name in seen if name in set(kept)] == kept


# --- how calls follow each other ---


def answers(prompt: Any) -> list[str]:
    """Return what tools have told the model so far."""
    return [message.text for message in prompt.messages if message.role == "tool"]


@pytest.mark.parametrize("face", ["run", "stream"])
def test_calls_follow_each_other_branch_refine_and_are_retried(face: str) -> None:
    """C12: a sequence, a branch on what a tool returned, a loop until it is good enough, a retry by itself."""
    log: list[str] = []

    @tool(read_only=True)
    def stock(item: str) -> str:
        """Say how many there are."""
        log.append(f"stock {item}")
        return "0" if item == "red" else "7"

    @tool(in_doubt="idempotent")
    def order(item: str, count: int) -> str:
        """Order some."""
        log.append(f"order {count} {item}")
        return "ordered" if count <= 5 else "too many"

    def model(prompt: Any) -> Any:
        said = answers(prompt)
        if not said:
            return ToolCall("stock", {"item": "red"})
        if said == ["0"]:
            return ToolCall("stock", {"item": "blue"})
        if said[-1] != "ordered":
            tried = len(said) - 2
            return ToolCall("order", {"item": "blue", "count": 7 - tried})
        return "Ordered 5 blue ones."

    script = [fault.server_error(), *[model] * 9]
    config = HarnessConfig(max_tool_depth=9)
    clock = VirtualClock()
    harness = Harness(ScriptedProvider(script), tools=[stock, order], config=config, clock=clock)

    async def streamed() -> Any:
        return [event async for event in harness.stream("go")][-1].data["result"]

    result = harness.run("go") if face == "run" else asyncio.run(streamed())
    assert log == ["stock red", "stock blue", "order 7 blue", "order 6 blue", "order 5 blue"]
    assert (result.content, result.retries) == ("Ordered 5 blue ones.", 1)
