"""A schema, as a dict, to something that gives verdicts."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema_rs

from pytest_llmharness import Schema

from .cases import CALL, RECORDS, documents, tool_calls
from .row import Row, Skipped, together


def rows() -> Iterator[Row | Skipped]:
    """Yield a row for each schema, and one for many real ones."""
    made = [("a tool's schema", CALL), ("the schema of records", RECORDS)]
    real = [(f"the schema of {name}", schema) for name, schema, _ in documents() if name != "fast"]
    for name, schema in made + real:
        ours, theirs = together(
            lambda schema=schema: Schema(schema), lambda schema=schema: jsonschema_rs.validator_for(schema)
        )
        yield Row(f"compile {name}", "jsonschema_rs", ours, theirs, faster=1)
    schemas = [schema for schema, _ in tool_calls()]
    if not schemas:
        yield Skipped("compile real tools' schemas", "LLMHARNESS_CORPUS does not hold the corpus")
        return
    assert all(Schema(schema).engine == "rust" for schema in schemas)
    ours, theirs = together(
        lambda: [Schema(schema) for schema in schemas],
        lambda: [jsonschema_rs.validator_for(schema) for schema in schemas],
    )
    yield Row(f"compile {len(schemas)} real tools' schemas", "jsonschema_rs", ours, theirs, faster=1)
