"""JSON bytes to a verdict: beside orjson and jsonschema_rs, orjson alone, and simdjson's tape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import simdjson

from pytest_llmharness import Schema

from .cases import CALL, GOOD_CALL, RECORDS, documents, records, size, tool_calls
from .row import Row, Skipped, together

MADE = (
    ("a tool call", CALL, GOOD_CALL),
    ("records", RECORDS, records(18)),
    ("records", RECORDS, records(900)),
    ("records", RECORDS, records(4800)),
)


def rows() -> Iterator[Row | Skipped]:
    """Yield the rows of each size, of real schemas, and of Python values."""
    for name, schema, text in MADE:
        wrong = text.replace(b'"c"', b'"k"').replace(b"true", b"1")
        assert Schema(schema).accepts(wrong) is False
        yield from _verdicts(f"verdict on {name}, {size(text)}", [(schema, text)])
    found = documents()
    for name, schema, text in found:
        yield from _verdicts(f"verdict on {name}, {size(text)}", [(schema, text)])
    calls = [
        pair for pair in tool_calls() if jsonschema_rs.validator_for(pair[0]).is_valid(orjson.loads(pair[1]))
    ]
    if calls:
        yield from _verdicts(f"verdicts on {len(calls)} real tool calls", calls)
    if not (found and calls):
        yield Skipped("verdicts on real schemas", "LLMHARNESS_CORPUS does not hold the corpus")
    yield _values()


def _verdicts(work: str, pairs: list[tuple[Any, bytes]]) -> Iterator[Row]:
    ours = [(Schema(schema).accepts, text) for schema, text in pairs]
    peers = [(jsonschema_rs.validator_for(schema).is_valid, text) for schema, text in pairs]
    parser = simdjson.Parser()
    assert all(accepts(text) for accepts, text in ours)
    assert all(is_valid(orjson.loads(text)) for is_valid, text in peers)
    assert all(Schema(schema).engine == "rust" for schema, _ in pairs)

    def tape() -> None:
        for _, text in pairs:
            # A parser makes its next tape only when nobody reads the last one.
            parser.parse(text)

    if len(pairs) == 1:
        (accepts, text), (is_valid, _) = ours[0], peers[0]
        works = (
            lambda: accepts(text),
            lambda: is_valid(orjson.loads(text)),
            lambda: orjson.loads(text),
            tape,
        )
    else:
        works = (
            lambda: [accepts(text) for accepts, text in ours],
            lambda: [is_valid(orjson.loads(text)) for is_valid, text in peers],
            lambda: [orjson.loads(text) for _, text in peers],
            tape,
        )
    best = together(*works)
    yield Row(work, "orjson + jsonschema_rs", best[0], best[1], faster=4)
    yield Row(work, "orjson alone, unchecked", best[0], best[2], faster=1.5)
    yield Row(work, "the floor: simdjson's tape", best[0], best[3])


def _values() -> Row:
    ours, peer = Schema(CALL), jsonschema_rs.validator_for(CALL)
    value = orjson.loads(GOOD_CALL)
    assert ours.accepts_value(value)
    assert peer.is_valid(value)
    assert not ours.accepts_value({**value, "days": 99})
    mine, theirs = together(lambda: ours.accepts_value(value), lambda: peer.is_valid(value))
    return Row("verdict on a Python dict", "jsonschema_rs", mine, theirs)
