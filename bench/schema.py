"""JSON bytes to a verdict, and to all violations, beside orjson and jsonschema_rs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson

from pytest_llmharness import Schema

from .row import Row, together

CALL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1},
        "unit": {"enum": ["c", "f"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
    },
    "required": ["city"],
    "additionalProperties": False,
}
RECORDS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string", "maxLength": 64},
            "tags": {"type": "array", "items": {"type": "string"}},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "ok": {"type": "boolean"},
        },
        "required": ["id", "name", "score"],
    },
}


def _records(count: int) -> bytes:
    return json.dumps(
        [
            {
                "id": number,
                "name": f"record number {number}",
                "tags": ["a", "bb", "ccc"],
                "score": (number % 97) / 97,
                "ok": number % 2 == 0,
            }
            for number in range(count)
        ]
    ).encode()


CASES = (
    ("a tool call", CALL, b'{"city": "Reykjavik", "unit": "c", "days": 7}'),
    ("records", RECORDS, _records(18)),
    ("records", RECORDS, _records(900)),
    ("records", RECORDS, _records(4800)),
)
BROKEN = b'{"city": "", "unit": "k", "days": 99, "extra": 1}'


def rows() -> Iterator[Row]:
    """Yield one row for each size and peer, then one for the violations."""
    for name, schema, text in CASES:
        ours, peer = Schema(schema), jsonschema_rs.validator_for(schema)
        wrong = text.replace(b'"c"', b'"k"').replace(b"true", b"1")
        assert ours.accepts(text)
        assert peer.is_valid(orjson.loads(text))
        assert ours.accepts(wrong) == peer.is_valid(orjson.loads(wrong)) == (wrong == text)
        best = together(
            lambda ours=ours, text=text: ours.accepts(text),
            lambda peer=peer, text=text: peer.is_valid(orjson.loads(text)),
            lambda text=text: orjson.loads(text),
        )
        work = f"verdict on {name}, {_size(len(text))}"
        yield Row(work, "orjson + jsonschema_rs", best[0], best[1], faster=4)
        yield Row(work, "orjson alone, unchecked", best[0], best[2], faster=1.5)
    yield _violations()


def _violations() -> Row:
    ours, peer = Schema(CALL), jsonschema_rs.validator_for(CALL)
    assert {found.keyword for found in ours.check(BROKEN).violations} == {
        error.schema_path[-1] for error in peer.iter_errors(orjson.loads(BROKEN))
    }
    mine, theirs = together(
        lambda: ours.check(BROKEN).violations, lambda: list(peer.iter_errors(orjson.loads(BROKEN)))
    )
    return Row("four violations, with hints", "orjson + jsonschema_rs", mine, theirs, faster=3)


def _size(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.0f} KB"
