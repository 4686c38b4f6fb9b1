"""Looks for attempts in what a tool returned, inside the strings of JSON too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .injection import Hit
from .removal import without_hits

WITHHELD = "[withheld: the tool result holds a suspected injection]"
Find = Callable[[str], tuple[Hit, ...]]


def hits_in_result(text: str, find: Find) -> tuple[Hit, ...]:
    """Return what is found in the result as it stands, unescaped, or as entities."""
    for reading in _readings(text):
        hits = find(reading)
        if hits:
            return hits
    return ()


def result_without_hits(text: str, find: Find) -> str:
    """Return the result without the attempts in it. JSON stays JSON; what cannot be mended is withheld."""
    value = _json(text)
    if value is None:
        kept = _neutralised(text, find)
        return WITHHELD if hits_in_result(kept, find) else kept
    try:
        kept = json.dumps(_mapped(value, lambda one: _neutralised(one, find)), ensure_ascii=False)
    except RecursionError:
        return json.dumps(WITHHELD)
    return json.dumps(WITHHELD) if hits_in_result(kept, find) else kept


def _neutralised(text: str, find: Find) -> str:
    for reading in _plain_readings(text):
        hits = find(reading)
        if hits:
            return without_hits(reading, hits)
    return text


def _readings(text: str) -> Iterator[str]:
    yield from _plain_readings(text)
    value = _json(text)
    if value is not None:
        yield from _plain_readings("\n".join(_strings(value)))


def _plain_readings(text: str) -> Iterator[str]:
    yield text
    if "&" in text:
        from .entities import decoded_entities

        yield decoded_entities(text)


def _json(text: str) -> Any:
    """Return the value of a JSON text that can hold strings, or None."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _strings(value: Any) -> Iterator[str]:
    """Yield every string of a JSON value in order, the names of its members too."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [part for pair in reversed(one.items()) for part in reversed(pair)]
        elif isinstance(one, list):
            waiting += reversed(one)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _mapped(part, change) for name, part in value.items()}
    return [_mapped(part, change) for part in value] if isinstance(value, list) else value
