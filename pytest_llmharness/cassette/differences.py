"""Where two requests differ, and which part of a request that is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

TURNS = ("messages", "contents", "input", "prompt")
_PARTS: Mapping[str, str] = {
    "model": "model",
    "modelId": "model",
    "system": "system",
    "instructions": "system",
    "systemInstruction": "system",
    "tools": "tools",
    "tool_choice": "tools",
    "toolConfig": "tools",
    "tool_config": "tools",
    "functions": "tools",
    "function_call": "tools",
    "parallel_tool_calls": "tools",
    "response_format": "response format",
    "output_format": "response format",
    "output_config": "response format",
    "format": "response format",
    "text": "response format",
    "responseSchema": "response format",
    "responseJsonSchema": "response format",
    "responseMimeType": "response format",
    "stream": "stream",
    "stream_options": "stream",
}
_TOOL_ROLES = ("tool", "function", "function_call_output", "toolResult", "tool_result")


@dataclass(frozen=True)
class Difference:
    """One place where a request differs from a take.

    Attributes:
        part: "model", "system", "prompt", "history", "tool result", "tools", "parameters", "response
            format", "stream", "endpoint", "query" or "body".
        place: the JSON path in the body; "" where it is not in a JSON body.
        was: what the take has there, as text; None for nothing.
        now: what the request has there.
    """

    part: str
    place: str
    was: str | None
    now: str | None


def body_differences(stored: Any, asked: Any) -> Iterator[Difference]:
    """Yield where two JSON bodies differ, in the order of the request."""
    if not isinstance(stored, dict) or not isinstance(asked, dict):
        yield from _leaves("body", "", stored, asked)
        return
    if not any(name in body for body in (stored, asked) for name in TURNS):
        yield from _leaves("body", "", stored, asked)
        return
    for name in [*asked, *(name for name in stored if name not in asked)]:
        was, now = stored.get(name, _NOTHING), asked.get(name, _NOTHING)
        if name in TURNS and isinstance(was, list) and isinstance(now, list):
            yield from _turns(name, was, now)
        elif name in TURNS:
            yield from _leaves("prompt", name, was, now)
        elif name == "tools" and (by_name := (_by_name(was), _by_name(now))) != (None, None):
            yield from _tools(was, now, *by_name)
        else:
            for each in _leaves(_PARTS.get(name, "parameters"), name, was, now):
                leaf = each.place.rpartition(".")[2]
                yield replace(each, part=_PARTS.get(leaf, each.part)) if each.part == "parameters" else each


def turns_of(body: Any) -> list[Any]:
    """Return the turns of a conversation, [] where the body is none."""
    if not isinstance(body, dict):
        return []
    said: Any = next((body[name] for name in TURNS if name in body), [])
    return said if isinstance(said, list) else [said]


class _Nothing:
    """Stands where there is no value."""


_NOTHING = _Nothing()


def _turns(name: str, was: list[Any], now: list[Any]) -> Iterator[Difference]:
    """Compare turn by turn: one that was put in or left out moves those behind it, and changes none."""
    one, other = ([json.dumps(turn, sort_keys=True) for turn in turns] for turns in (was, now))
    for kind, start, end, begin, stop in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for step in range(max(end - start, stop - begin)):
            old = was[start + step] if start + step < end else _NOTHING
            new = now[begin + step] if begin + step < stop else _NOTHING
            place = start + step if isinstance(new, _Nothing) else begin + step
            last = place == len(now) - 1 and not isinstance(new, _Nothing)
            part = _part_of_turn(old if isinstance(new, _Nothing) else new, last=last)
            yield from _leaves(part, f"{name}[{place}]", old, new)


def _part_of_turn(turn: Any, *, last: bool) -> str:
    said: dict[str, Any] = turn if isinstance(turn, dict) else {}
    role = said.get("role") or said.get("type")
    if role in ("system", "developer"):
        return "system"
    content = said.get("content", said.get("parts"))
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    results = ("toolResult", "functionResponse")
    if role in _TOOL_ROLES or any(
        block.get("type") == "tool_result" or any(name in block for name in results) for block in blocks
    ):
        return "tool result"
    return "prompt" if last else "history"


def _tools(was: Any, now: Any, before: Any, after: Any) -> Iterator[Difference]:
    """Compare tools by their names, whatever place they have; else their order is the difference."""
    if before is None or after is None:
        yield from _leaves("tools", "tools", was, now)
        return
    names = [*after, *(name for name in before if name not in after)]
    found = [
        each
        for name in names
        for each in _leaves("tools", f"tools.{name}", before.get(name, _NOTHING), after.get(name, _NOTHING))
    ]
    yield from found
    if not found and list(before) != list(after):
        yield Difference("tools", "tools", ", ".join(before), ", ".join(after))


def _by_name(tools: Any) -> dict[str, Any] | None:
    if isinstance(tools, _Nothing):
        return {}
    if not isinstance(tools, list):
        return None
    found = {_tool_name(tool): tool for tool in tools}
    return found if len(found) == len(tools) and "" not in found else None


def _tool_name(tool: Any) -> str:
    inner: dict[str, Any] = tool if isinstance(tool, dict) else {}
    for name in ("function", "toolSpec"):
        inner = inner[name] if isinstance(inner.get(name), dict) else inner
    return str(inner.get("name", ""))


def _leaves(part: str, place: str, was: Any, now: Any) -> Iterator[Difference]:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in [*now, *(name for name in was if name not in now)]:
            inner = f"{place}.{name}" if place else name
            yield from _leaves(part, inner, was.get(name, _NOTHING), now.get(name, _NOTHING))
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            pair = (each[number] if number < len(each) else _NOTHING for each in (was, now))
            yield from _leaves(part, f"{place}[{number}]", *pair)
    elif not same(was, now):
        yield Difference(part, place, _told(was), _told(now))


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: 1 and 1.0 are one value, 1 and true are two."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _told(value: Any) -> str | None:
    if isinstance(value, _Nothing):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parts_of(differences: Sequence[Difference]) -> list[str]:
    """Return which parts differ, each once, in order."""
    return list(dict.fromkeys(each.part for each in differences))
