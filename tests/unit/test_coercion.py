"""Coercion by schema: what is changed, what is refused, and the receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import Schema, UnrepairableJSON, coerce_json

ROOT = Path(__file__).parents[2]

ENUM = {"enum": ["ONE", "TWO"]}
LIST = {"type": "array", "items": {"type": "integer"}}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CASES: list[tuple[str, str, Any, Any]] = [
    ("integer", '{"cap": "$500,000"}', _object(cap={"type": "integer"}), {"cap": 500000}),
    ("number", '{"p": "12.5 %"}', _object(p={"type": "number"}), {"p": 12.5}),
    ("boolean", '"Yes"', {"type": "boolean"}, True),
    ("string", '{"zip": 2134}', _object(zip={"type": "string"}), {"zip": "2134"}),
    ("null", '"None"', {"type": "null"}, None),
    ("enum", '"two"', ENUM, "TWO"),
    ("enum", "The answer is TWO.", ENUM, "TWO"),
    ("list_of_one", "7", LIST, [7]),
    ("dropped_item", '[1, "x", 2]', LIST, [1, 2]),
    ("decoded", '{"a": "{\\"b\\": 1}"}', _object(a=_object(b={"type": "integer"})), {"a": {"b": 1}}),
    ("first_item", '[{"a": 1}]', _object(a={"type": "integer"}), {"a": 1}),
    ("implied_key", "1214", _object(n={"type": "integer"}), {"n": 1214}),
    ("renamed_property", '{"Full Name": "x"}', _object(full_name={"type": "string"}), {"full_name": "x"}),
    ("missing_null", "{}", _object(a={"type": ["string", "null"]}), {"a": None}),
    ("extra_property", '{"a": "x", "b": 1}', _object(a={"type": "string"}), {"a": "x"}),
]


@pytest.mark.parametrize(("rule", "text", "schema", "value"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_a_rule_fits_and_says_so(rule: str, text: str, schema: Any, value: Any) -> None:
    """Each rule: the value that fits, valid by the schema itself, and a receipt with the rule's name."""
    coerced = coerce_json(text, schema)
    assert coerced.value == value
    assert Schema(schema).check_value(coerced.value).valid
    assert rule in {receipt.rule for receipt in coerced.receipts}


def test_every_rule_is_described() -> None:
    """The page names each rule of coercion."""
    page = (ROOT / "docs" / "parsing.md").read_text()
    assert [rule for rule, *_ in CASES if f"`{rule}`" not in page] == []


def test_what_fits_is_left_alone() -> None:
    """A valid value has no receipt; a string of digits stays one."""
    schema = Schema(_object(zip={"type": "string"}, n={"type": "integer"}))
    coerced = coerce_json('{"zip": "02134", "n": 3}', schema)
    assert coerced.value == {"zip": "02134", "n": 3}
    assert coerced.receipts == ()


def test_a_receipt_says_where_and_what() -> None:
    """Pointer, rule, the value before and after."""
    [receipt] = coerce_json(
        '{"items": [{"cap": "1,000"}]}',
        {"properties": {"items": {"items": {"properties": {"cap": {"type": "number"}}}}}},
    ).receipts
    assert receipt == ("/items/0/cap", "number", '"1,000"', "1000")


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("ONE or TWO", ENUM),
        ("It is true that it is false.", {"type": "boolean"}),
        ('{"a": "many"}', _object(a={"type": "integer"})),
        ("5.7", {"type": "integer"}),
        ("{}", _object(a={"type": "string"})),
        ('"1,00"', {"type": "number"}),
    ],
)
def test_a_guess_is_refused(text: str, schema: Any) -> None:
    """Two names, a lossy number, a missing value: no value is better than a wrong one."""
    with pytest.raises(UnrepairableJSON, match="can be made to fit"):
        coerce_json(text, schema)


def test_a_schema_that_refers_to_itself_ends() -> None:
    """Recursive schemas and anyOf of anyOf cost a bounded number of steps."""
    schema = {"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "integer"}, {"$ref": "#"}]}
    assert coerce_json("[[1], 2]", schema).value == [[1], 2]
