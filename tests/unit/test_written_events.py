"""What a session log keeps comes back: any metadata, any error, in memory and in SQLite alike."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pytest_llmharness import (
    Harness,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    VirtualClock,
    fault,
)
from pytest_llmharness.domain.event import Event, EventKind
from pytest_llmharness.errors import (
    HarnessError,
    MaxRetriesExceeded,
    ProviderError,
    SessionLogError,
    StreamBroken,
)
from pytest_llmharness.harness.json_form import json_form
from pytest_llmharness.harness.written import read, written


@dataclass
class Point:
    x: int
    tags: set[str]


class Model(pydantic.BaseModel):
    when: date


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")


Log = Callable[[], Any]


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemorySessionLog() if request.param == "memory" else SqliteSessionLog(tmp_path / "s.db")


def harness(log: Any, *script: Any, **parts: Any) -> Harness:
    return Harness(ScriptedProvider(script), session_log=log, clock=VirtualClock(), **parts)


def deep() -> Any:
    value: Any = "end"
    for _ in range(10_000):
        value = [value]
    return value


VALUES = [
    (Fraction(1, 3), "1/3"),
    (float("nan"), "nan"),
    (float("-inf"), "-inf"),
    ({"b", "a"}, ["a", "b"]),
    (Point(1, {"t"}), {"x": 1, "tags": ["t"]}),
    (Model(when=date(2024, 5, 1)), {"when": "2024-05-01"}),
    ({1: (2, b"x"), "n": {3.5}}, {"1": [2, "b'x'"], "n": [3.5]}),
    ("half \ud800", "half \ufffd"),
    (Broken(), "Broken (no text)"),
    ([1, None, True, "grüße \U0001f600"], [1, None, True, "grüße \U0001f600"]),
]


@pytest.mark.parametrize(("value", "form"), VALUES, ids=lambda value: type(value).__name__)
def test_metadata_of_any_kind_breaks_no_log(value: Any, form: Any, log: Any) -> None:
    """A run with a log behaves as one without; what JSON does not know comes back in its JSON form."""
    request = Request("go", session_id="s", metadata={"given": value})
    assert harness(log, "fine").run(request).content == "fine"
    state = harness(log).state_at("s")
    assert state.request is not None
    assert state.request.metadata == {"given": form}


@pytest.mark.parametrize(("value", "form"), VALUES, ids=lambda value: type(value).__name__)
def test_a_result_of_any_kind_can_be_written(value: Any, form: Any) -> None:
    """The validated value, whatever a parser made of the text."""
    result = LLMResult("x", "m", 0, 0, 0.0, 0.0, success=True, metadata={"value": value})
    event = written(EventKind.ORCHESTRATE_COMPLETE, {"result": result})
    assert read(event).data["result"].unwrap() == form
    asyncio.run(MemorySessionLog().append("s", 0, event))


def test_what_is_nested_for_ever_is_cut() -> None:
    """No recursion error: a value that holds itself, and one that is deeper than any JSON reader goes."""
    circle: dict[str, Any] = {}
    circle["self"] = circle
    for value in (circle, deep()):
        assert "..." in repr(json_form(value))


def test_json_stays_as_it_is() -> None:
    """The common case costs no copy."""
    value = {"a": [1, 2.5, None, {"b": "c"}]}
    assert json_form(value) is value


def test_every_fault_comes_back_as_it_was(log: Any) -> None:
    """A cut stream knows its part of the answer, and the last violation stays chained."""

    async def streamed(harness: Harness) -> Any:
        return [event async for event in harness.stream(Request("go", session_id="cut"))][-1]

    asyncio.run(streamed(harness(log, *[fault.cut("The ans")] * 3)))
    error = harness(log).resume("cut").metadata["error"]
    assert isinstance(error, StreamBroken)
    assert error.partial == "The ans"
    harness(log, *["no"] * 3, schema={"type": "integer"}).run(Request("go", session_id="invalid"))
    with pytest.raises(MaxRetriesExceeded) as caught:
        harness(log).resume("invalid").unwrap()
    assert isinstance(caught.value.__cause__, HarnessError)
    assert "one JSON value" in str(caught.value.__cause__)


def test_an_error_with_facts_of_its_own_can_be_written(log: Any) -> None:
    """Facts that are no JSON, and one that is called type."""

    class Odd(ProviderError):
        pass

    def fail(prompt: Any) -> Any:
        error = Odd("odd", where="there", fix="mend", retry_after_s=1.0)
        error.type, error.status = "surprise", Fraction(1, 2)  # type: ignore[attr-defined,assignment]
        error.when, error.rate = date(2024, 5, 1), float("inf")  # type: ignore[attr-defined]
        raise error

    harness(log, fail).run(Request("go", session_id="s"))
    error = harness(log).resume("s").metadata["error"]
    assert type(error) is HarnessError
    assert str(error) == "odd\n  where: there\n  fix:   mend"
    assert (error.type, error.status, error.when, error.rate) == ("surprise", "1/2", "2024-05-01", "inf")


def test_a_log_in_memory_keeps_what_was_then() -> None:
    """As strict as a durable one: later changes do not reach it, and what is no JSON is refused."""
    log, data = MemorySessionLog(), {"list": [1]}

    async def use() -> list[Any]:
        await log.append("s", 0, Event(EventKind.TOOL_RESULT, data))
        data["list"].append(2)
        with pytest.raises(SessionLogError, match="JSON"):
            await log.append("s", 1, Event(EventKind.TOOL_RESULT, {"x": object()}))
        return [event.data async for _, event in log.read("s")]

    assert asyncio.run(use()) == [{"list": [1]}]


def test_text_that_is_no_unicode_can_be_kept(log: Any) -> None:
    """Half a surrogate pair from wherever comes back as it was."""

    async def use() -> list[Any]:
        await log.append("s", 0, Event(EventKind.TOOL_RESULT, {"text": "\ud800 ü"}))
        return [event.data async for _, event in log.read("s")]

    assert asyncio.run(use()) == [{"text": "\ud800 ü"}]


@pytest.mark.parametrize(
    ("column", "value"), [("data", "{"), ("kind", "unheard_of"), ("data", '{"result": 7}')]
)
def test_a_log_that_was_tampered_with_names_itself(column: str, value: str, tmp_path: Path) -> None:
    """No bare JSONDecodeError: an error of the log, with what to do."""
    log = SqliteSessionLog(tmp_path / "s.db")
    harness(log, "fine").run(Request("go", session_id="s"))
    asyncio.run(log.aclose())
    with sqlite3.connect(tmp_path / "s.db") as file:
        file.execute(f"update event set {column} = ? where kind = 'orchestrate_complete'", (value,))
    file.close()
    with pytest.raises(SessionLogError, match="cannot be read"):
        harness(SqliteSessionLog(tmp_path / "s.db")).resume("s")
