"""Every keyword of every metaschema is asserted, by the core and by its fallback, or is known to assert nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema.validators import validator_for
from jsonschema_specifications import REGISTRY

from pytest_llmharness._native._core import Schema as RustEngine
from pytest_llmharness.schema.fallback import PythonEngine

DRAFTS = {
    "4": "http://json-schema.org/draft-04/schema",
    "6": "http://json-schema.org/draft-06/schema",
    "7": "http://json-schema.org/draft-07/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
# They identify, describe or hold schemas for others to refer to.
SAY_NOTHING = {
    "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment", "$defs",
    "definitions", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "contentSchema",
}  # fmt: skip
# Schemas that reject the text because of the keyword alone: without it they accept it.
WITNESSES: dict[str, tuple[dict[str, Any], str]] = {
    "$ref": ({"$ref": "#/definitions/x", "definitions": {"x": {"type": "null"}}}, "1"),
    "$dynamicRef": ({"$dynamicRef": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, "1"),
    "$recursiveRef": (
        {"type": ["object", "null"], "properties": {"a": {"$recursiveRef": "#"}}},
        '{"a": "x"}',
    ),
    "additionalItems": ({"items": [{}], "additionalItems": False}, "[1, 2]"),
    "additionalProperties": ({"additionalProperties": False}, '{"a": 1}'),
    "allOf": ({"allOf": [{"type": "null"}]}, "1"),
    "anyOf": ({"anyOf": [{"type": "null"}]}, "1"),
    "const": ({"const": 1}, "2"),
    "contains": ({"contains": {"type": "null"}}, "[1]"),
    "contentEncoding": ({"contentEncoding": "base64"}, '"%"'),
    "contentMediaType": ({"contentMediaType": "application/json"}, '"{"'),
    "dependencies": ({"dependencies": {"a": ["b"]}}, '{"a": 1}'),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, '{"a": 1}'),
    "dependentSchemas": ({"dependentSchemas": {"a": {"required": ["b"]}}}, '{"a": 1}'),
    "else": ({"if": {"type": "null"}, "else": {"type": "string"}}, "1"),
    "enum": ({"enum": [1]}, "2"),
    "exclusiveMaximum": ({"exclusiveMaximum": 1}, "1"),
    "exclusiveMinimum": ({"exclusiveMinimum": 1}, "1"),
    "format": ({"format": "ipv4"}, '"x"'),
    "if": ({"if": {"type": "integer"}, "then": {"type": "string"}}, "1"),
    "items": ({"items": {"type": "null"}}, "[1]"),
    "maxContains": ({"contains": True, "maxContains": 1}, "[1, 2]"),
    "maxItems": ({"maxItems": 1}, "[1, 2]"),
    "maxLength": ({"maxLength": 1}, '"ab"'),
    "maxProperties": ({"maxProperties": 1}, '{"a": 1, "b": 2}'),
    "maximum": ({"maximum": 1}, "2"),
    "minContains": ({"contains": True, "minContains": 2}, "[1]"),
    "minItems": ({"minItems": 1}, "[]"),
    "minLength": ({"minLength": 1}, '""'),
    "minProperties": ({"minProperties": 1}, "{}"),
    "minimum": ({"minimum": 1}, "0"),
    "multipleOf": ({"multipleOf": 2}, "1"),
    "not": ({"not": {"type": "integer"}}, "1"),
    "oneOf": ({"oneOf": [{"type": "null"}]}, "1"),
    "pattern": ({"pattern": "^b"}, '"a"'),
    "patternProperties": ({"patternProperties": {"^a": {"type": "null"}}}, '{"a": 1}'),
    "prefixItems": ({"prefixItems": [{"type": "null"}]}, "[1]"),
    "properties": ({"properties": {"a": {"type": "null"}}}, '{"a": 1}'),
    "propertyNames": ({"propertyNames": {"maxLength": 1}}, '{"ab": 1}'),
    "required": ({"required": ["a"]}, "{}"),
    "then": ({"if": {"type": "integer"}, "then": {"type": "string"}}, "1"),
    "type": ({"type": "null"}, "1"),
    "unevaluatedItems": ({"unevaluatedItems": False}, "[1]"),
    "unevaluatedProperties": ({"unevaluatedProperties": False}, '{"a": 1}'),
    "uniqueItems": ({"uniqueItems": True}, "[1, 1]"),
}
# Where a draft words a keyword in another way, or gives it no force.
IN_DRAFT: dict[tuple[str, str], tuple[dict[str, Any], str] | None] = {
    ("4", "exclusiveMaximum"): ({"maximum": 1, "exclusiveMaximum": True}, "1"),
    ("4", "exclusiveMinimum"): ({"minimum": 1, "exclusiveMinimum": True}, "1"),
    ("4", "format"): ({"format": "ipv4"}, '"x"'),
    # The newer drafts make them annotations.
    ("2019-09", "contentEncoding"): None,
    ("2019-09", "contentMediaType"): None,
    ("2020-12", "contentEncoding"): None,
    ("2020-12", "contentMediaType"): None,
    # The metaschema lists it only to say what has replaced it.
    ("2020-12", "$recursiveRef"): None,
}


def keywords(uri: str) -> set[str]:
    """The keywords that a metaschema and its vocabularies describe."""
    schema = REGISTRY.contents(uri)
    names = set(schema.get("properties", ()))
    for part in schema.get("allOf", ()):
        names |= keywords(uri.rsplit("/", 1)[0] + "/" + part["$ref"])
    return names


PAIRS = [(draft, keyword) for draft, uri in DRAFTS.items() for keyword in sorted(keywords(uri))]


def without(schema: Any, keyword: str) -> Any:
    """The schema, with the keyword left out wherever it stands."""
    if isinstance(schema, list):
        return [without(each, keyword) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without(value, keyword) for name, value in schema.items() if name != keyword}


@pytest.mark.parametrize("kind", [RustEngine, PythonEngine])
@pytest.mark.parametrize(("draft", "keyword"), PAIRS)
def test_keyword(kind: Any, draft: str, keyword: str) -> None:
    """With the keyword the text is rejected, without it accepted; else the keyword is one that says nothing."""
    witness = IN_DRAFT.get((draft, keyword), WITNESSES.get(keyword))
    if witness is None:
        assert keyword in SAY_NOTHING or (draft, keyword) in IN_DRAFT
        return
    schema, text = witness
    validator_for({"$schema": DRAFTS[draft]}).check_schema(schema)
    assert not kind(json.dumps(schema), draft, True, []).accepts(text)
    assert kind(json.dumps(without(schema, keyword)), draft, True, []).accepts(text)


def test_the_walk_meets_all_keywords() -> None:
    """The metaschemas were read to their leaves: all that we have a witness for was met."""
    assert {keyword for _, keyword in PAIRS} >= set(WITNESSES)
    assert len(PAIRS) > 200
