"""The events of a log: a schema for each, in a published file, and the way there and back."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    MemorySessionLog,
    Message,
    Request,
    Schema,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.domain.event import Event, EventKind
from pytest_llmharness.errors import SessionLogError
from pytest_llmharness.harness.event_schema import EVENTS, event_schema
from pytest_llmharness.harness.routing import ModelTier
from pytest_llmharness.harness.written import read, written

PAGE = Path(__file__).parents[2] / "docs" / "events.schema.json"
SCHEMA = Schema(event_schema())
GOOD = '{"priority": 1}'
PRIORITY = {"type": "object", "properties": {"priority": {"type": "integer"}}, "required": ["priority"]}


@tool(in_doubt="idempotent")
def pay(amount: int) -> str:
    """Pay somebody."""
    return f"paid {amount}"


class Crash(BaseException):
    """The process ends here."""


def dies(_: Any) -> Any:
    raise Crash


def logged() -> list[Event]:
    """Return the events of sessions in which everything happens that is written down."""
    log, clock = MemorySessionLog(), VirtualClock()
    parts: dict[str, Any] = {"session_log": log, "tools": [pay], "schema": PRIORITY, "clock": clock}
    calls = [
        ToolCall("pay", {"amount": 1}, "c1"),
        ToolCall("pay", {"amount": "x"}, "c2"),
        ToolCall("fly", {}),
    ]
    script = [fault.rate_limit(), calls, "no JSON", '{"priority": "1"}', GOOD]
    tiers = {"low": ModelTier("small", 99, 0.0), "high": ModelTier("big", 99, 0.1)}
    first = Request("go", (Message.user("before"),), "one", {"task": "x"}, user="maria")
    Harness(ScriptedProvider(script), tiers=tiers, config=HarnessConfig(max_run_tokens=99_999), **parts).run(
        first
    )
    climbing = ScriptedProvider(["no JSON"] * 4 + [GOOD])
    config = HarnessConfig(max_retries=1, retry_delay_seconds=0)
    Harness(climbing, tiers=tiers, config=config, **parts).run(
        Request("go", session_id="two", metadata={"tier": "low"})
    )
    with pytest.raises(Crash):
        Harness(ScriptedProvider([[ToolCall("pay", {"amount": 1})], dies]), **parts).run(
            Request("go", session_id="three")
        )
    Harness(ScriptedProvider([fault.server_error()] * 9), **parts).resume("three")
    cache = LRUCache(clock)
    for name in ("four", "five", "five"):
        Harness(ScriptedProvider([GOOD]), cache=cache, **parts).run(Request("go", session_id=name))

    async def all_of_them() -> list[Event]:
        names = ("one", "two", "three", "four", "five")
        return [event for name in names async for _, event in log.read(name)]

    return asyncio.run(all_of_them())


LOGGED = logged()


def line(event: Event) -> dict[str, Any]:
    return {"kind": event.kind.value, "data": json.loads(json.dumps(event.data))}


def test_every_kind_that_is_written_has_a_schema() -> None:
    """C9: what happened in the sessions here is all there is."""
    assert {event.kind for event in LOGGED} == set(EVENTS)


@pytest.mark.parametrize("kind", EVENTS)
def test_each_event_fits_its_schema_and_nothing_less_does(kind: EventKind) -> None:
    """C9: every member is asked for, and no other is taken; an event of one kind fits no other."""
    some = [event for event in LOGGED if event.kind is kind]
    for event in some:
        assert SCHEMA.check_value(line(event)).violations == ()
        assert not SCHEMA.accepts_value({**line(event), "kind": "surely not"})
        assert not SCHEMA.accepts_value({"kind": kind.value, "data": {**event.data, "more": 1}})
        for name in EVENTS[kind]["required"]:
            rest = {key: value for key, value in line(event)["data"].items() if key != name}
            assert not SCHEMA.accepts_value({"kind": kind.value, "data": rest}), name


def kept(kind: EventKind, **data: Any) -> Any:
    """Return the first event of a kind as a process reads it that has only the log."""
    event = next(one for one in LOGGED if one.kind is kind and data.items() <= dict(one.data).items())
    again = read(Event(event.kind, json.loads(json.dumps(event.data))))
    assert line(written(again.kind, again.data)) == line(event)
    return again.data


def test_a_request_to_a_model_is_in_the_log() -> None:
    """C9.1: the system's words and the history, and which model was asked."""
    messages = kept(EventKind.CONTEXT)["messages"]
    assert [(message.role, message.text) for message in messages][1:] == [("user", "before"), ("user", "go")]
    assert "JSON Schema" in messages[0].text
    assert kept(EventKind.PROVIDER_CALL) == {"call": 1, "endpoint": "scripted/small", "model": "small"}


def test_an_answer_of_a_model_is_in_the_log() -> None:
    """C9.2: its words, its calls, and the tokens it took."""
    completion = kept(EventKind.PROVIDER_ANSWER)["completion"]
    assert [call.name for call in completion.tool_calls] == ["pay", "pay", "fly"]
    assert completion.usage.tokens_in > 0
    assert completion.usage.tokens_out > 0


def test_a_call_of_a_tool_is_in_the_log() -> None:
    """C9.3: its arguments, whether it writes, and the key under which its effect is known."""
    data = kept(EventKind.TOOL_EXECUTION)
    assert (data["tool"], data["arguments"], data["writes"]) == ("pay", {"amount": 1}, True)
    assert data["key"] == "one/1/0/0"


def test_what_a_tool_returned_is_in_the_log() -> None:
    """C9.4: whether it succeeded, and what it said, a refusal among them."""
    assert kept(EventKind.TOOL_RESULT, ok=True)["text"] == "paid 1"
    assert kept(EventKind.TOOL_RESULT, ok=False)["text"].startswith("Error: ")


def test_decisions_are_in_the_log() -> None:
    """C9.5: what followed an error, why an answer was refused, and how the run ended."""
    assert kept(EventKind.PROVIDER_FAILED)["next"] == "retry"
    assert kept(EventKind.VALIDATION_FAILED)["problems"]
    assert kept(EventKind.ORCHESTRATE_COMPLETE)["result"].success


def test_a_log_of_a_later_version_is_not_guessed_at() -> None:
    """C9: the version stands in the first event of every session."""
    event = LOGGED[0]
    with pytest.raises(SessionLogError, match="was written in form 99"):
        read(Event(event.kind, {**event.data, "version": 99}))


def test_the_published_schema_is_this_one() -> None:
    """docs/events.schema.json, for whoever reads a log with other tools."""
    text = json.dumps(event_schema(), indent=2) + "\n"
    if os.environ.get("LLMHARNESS_GOLDEN") == "renew":
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text
