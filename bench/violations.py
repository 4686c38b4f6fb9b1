"""JSON bytes to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson

from pytest_llmharness import Schema

from .cases import BAD_CALL, CALL, RECORDS, records, size
from .row import Row, together


def rows() -> Iterator[Row]:
    """Yield a row for a small text and for a large one that is half wrong."""
    yield _row("four violations", CALL, BAD_CALL, 4)
    broken = records(900).replace(b'"ok": true', b'"ok": 1')
    yield _row(f"450 violations, {size(broken)}", RECORDS, broken, 450)


def _row(work: str, schema: Any, text: bytes, count: int) -> Row:
    ours, peer = Schema(schema), jsonschema_rs.validator_for(schema)
    found = ours.check(text).violations
    errors = list(peer.iter_errors(orjson.loads(text)))
    assert len(found) == len(errors) == count
    assert {each.keyword for each in found} == {error.schema_path[-1] for error in errors}
    assert all(each.hint and each.span for each in found)
    mine, theirs = together(
        lambda: ours.check(text).violations, lambda: list(peer.iter_errors(orjson.loads(text)))
    )
    return Row(work, "orjson + jsonschema_rs", mine, theirs, faster=3)
