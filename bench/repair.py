"""Damaged JSON to its value, beside json_repair; and the cost of four times the text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import json_repair

from pytest_llmharness import UnrepairableJSON, repair_json

from .row import Row, together

# What looks ahead for an end that never comes is where repairers turn quadratic.
HOSTILE = ("{a: 1, ", '{"a": "x, "y" ', '["a" b "c" ', "{key value ", '{"a": "\\"', "['")


def _messy(keys: int) -> tuple[str, dict[str, Any]]:
    """A text with prose, a fence, bare keys, two kinds of quotes, comments and stray commas."""
    lines = [f"  'key {n}': 'value {n}', // a note\n  num{n}: {n}, flag{n}: True," for n in range(keys)]
    value: dict[str, Any] = {}
    for n in range(keys):
        value |= {f"key {n}": f"value {n}", f"num{n}": n, f"flag{n}": True}
    return "Sure! Here it is:\n```json\n{\n" + "\n".join(lines) + "\n}\n```\nAnything else?", value


def rows() -> Iterator[Row]:
    """Yield one row for each size and damage, then one for each hostile text."""
    for keys in (30, 350):
        messy, value = _messy(keys)
        yield _beside_json_repair("messy", messy, value, faster=40)
    items = [{"id": n, "name": f"record {n}", "tags": ["a", "b"]} for n in range(430)]
    # Here making the Python values takes most of the time, whoever reads the text.
    cut_off = json.dumps(items)[:-20]
    yield _beside_json_repair("cut off", cut_off, json_repair.loads(cut_off), faster=20)
    for seed in HOSTILE:
        small, large = seed * (10_000 // len(seed)), seed * (40_000 // len(seed))
        ours, quarter = together(lambda text=large: _read(text), lambda text=small: _read(text))
        yield Row(f"40 KB of {seed!r}", "ourselves on 10 KB", ours, quarter, slower=6)


def _beside_json_repair(damage: str, text: str, value: Any, *, faster: float) -> Row:
    assert repair_json(text).value == json_repair.loads(text) == value
    ours, peer = together(lambda: repair_json(text), lambda: json_repair.loads(text))
    return Row(f"repair of {damage} {len(text) / 1000:.0f} KB", "json_repair", ours, peer, faster=faster)


def _read(text: str) -> object:
    try:
        return repair_json(text).value
    except UnrepairableJSON as error:
        return error
