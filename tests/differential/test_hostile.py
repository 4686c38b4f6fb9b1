"""Schemas and texts that were made to hurt: each check ends soon, and says what it should."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pytest_llmharness import Schema
from pytest_llmharness.errors import InvalidSchema

DEEP = 100


def nested(start: str, end: str) -> str:
    return start * DEEP + "1" + end * DEEP


def doubling(link: Callable[[dict[str, str]], dict[str, Any]]) -> dict[str, Any]:
    """A schema that leads to the next one twice, forty times."""
    names = [f"d{number}" for number in range(40)]
    nexts = [{"$ref": f"#/$defs/d{number + 1}"} for number in range(40)]
    links = {name: link(each) for name, each in zip(names, nexts, strict=True)}
    return {"$ref": "#/$defs/d0", "$defs": links | {"d40": {"type": "null"}}}


def many_looks() -> dict[str, Any]:
    """A schema of which a dozen parts look at every value."""
    schema: dict[str, Any] = {"items": {"$ref": "#"}}
    for _ in range(6):
        schema = {"allOf": [schema, {"minItems": 0}]}
    return {"type": "array", **schema}


ALLOWED: dict[str, tuple[Any, str]] = {
    "items and contains": ({"items": {"$ref": "#"}, "contains": {"$ref": "#"}, "minContains": 0}, nested("[", "]")),
    "two patterns": ({"patternProperties": {"a": {"$ref": "#"}, "^a": {"$ref": "#"}}}, nested('{"a":', "}")),
    "a multiple of next to nothing": ({"multipleOf": 1e-300}, "1e300"),
    "300 digits": ({"type": "integer", "multipleOf": 7}, "7" * 300),
    "a zero of any exponent": ({"multipleOf": 7}, "0e" + "9" * 100_000),
    "a fraction without end": ({"maximum": 3, "multipleOf": 0.5}, "2." + "0" * 1_000_000),
    "unevaluated and contains": ({"unevaluatedItems": {"$ref": "#"}, "contains": {"$ref": "#"}, "minContains": 0}, nested("[", "]")),
    "a repeated name": ({"properties": {"a": {"type": "integer"}}, "maxProperties": 1}, "{" + ",".join(['"a":1'] * 50_000) + "}"),
}  # fmt: skip
FORBIDDEN: dict[str, tuple[Any, str]] = {
    "allOf": (doubling(lambda each: {"allOf": [each, each]}), "1"),
    "anyOf": (doubling(lambda each: {"anyOf": [each, each]}), "1"),
    "if": (doubling(lambda each: {"if": each, "then": each, "else": each}), "1"),
    "dependentSchemas": (doubling(lambda each: {"dependentSchemas": {"a": each, "b": each}}), '{"a":1,"b":1}'),
    "allOf below": ({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}, {"type": "array"}]}, nested("[", "]")),
    "many looks at every level": (many_looks(), nested("[", "]")),
    "a pattern that explodes": ({"pattern": "^(a+)+$"}, f'"{"a" * 50_000}!"'),
    "a back reference that explodes": ({"pattern": r"^(a+)+\1$"}, f'"{"a" * 5_000}!"'),
    "a look ahead that explodes": ({"pattern": "^(?=(a+)+$)(a|aa)+$"}, f'"{"a" * 5_000}!"'),
    "a name that explodes": ({"propertyNames": {"pattern": "^(a+)+$"}}, f'{{"{"a" * 5_000}!":1}}'),
    "a regex of brackets": ({"format": "regex"}, f'"{"(" * 50_000}"'),
    "an address without end": ({"format": "email"}, f'"{"a." * 50_000}@x"'),
    "a host without end": ({"format": "idn-hostname"}, f'"{"é." * 50_000}"'),
    "counts beyond 64 bits": ({"minItems": 10**30}, "[1]"),
    "many required": ({"required": [f"k{number}" for number in range(1_000)]}, "{}"),
    "a wide enum": ({"enum": [f"k{number}" for number in range(100_000)]}, '"x"'),
    "many numbers": ({"items": {"enum": list(range(0, 20_000, 2))}}, f"[{'2,' * 50_000}1]"),
    "many items": ({"uniqueItems": True}, "[" + ",".join(f"[{number}]" for number in range(50_000)) + ",[1]]"),
    "many names": ({"maxProperties": 3}, "{" + ",".join(f'"k{number}":1' for number in range(50_000)) + "}"),
    "brackets": (True, "[" * 1_000_000),
    "braces": (True, '{"a":' * 200_000),
    "an exponent": (True, "1e999999999"),
    "digits": (True, "9" * 1_000_000),
}  # fmt: skip


def seconds(source: Any, text: str, *, valid: bool) -> float:
    began = time.thread_time()
    schema = Schema(source)
    assert schema.accepts(text) is valid
    assert bool(schema.check(text).violations) is not valid
    stream = schema.stream()
    state = stream.feed(text)
    # A number at the end may always go on.
    assert state == "complete" if valid else state != "complete"
    return time.thread_time() - began


@pytest.mark.parametrize(("source", "text"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_valid_is_told_soon(source: Any, text: str) -> None:
    """Work that doubles with every level, or with every byte squared, would take minutes to years."""
    assert seconds(source, text, valid=True) < 3


@pytest.mark.parametrize(("source", "text"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_is_invalid_is_told_soon(source: Any, text: str) -> None:
    """The same, and with every reason."""
    assert seconds(source, text, valid=False) < 3


def test_what_the_crate_would_walk_forever_is_refused() -> None:
    """A schema for the fallback crate that has 2^40 ways through it is refused with a name."""
    source = doubling(lambda each: {"allOf": [each, each], "unevaluatedItems": False})
    with pytest.raises(InvalidSchema, match="lead on for too long"):
        Schema(source)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": "x"}', '{"a": "x", "\\u0061": 1}', '{"a": "x", "a": "x", "a": 1}']
)
def test_every_occurrence_of_a_name_is_checked(text: str) -> None:
    """Whichever of them a reader takes, it is not one that was never looked at."""
    schema = Schema({"properties": {"a": {"type": "integer"}}, "maxProperties": 1})
    assert not schema.accepts(text)
    assert {violation.pointer for violation in schema.check(text).violations} == {"/a"}
    assert schema.stream().feed(text) == "doomed"
    assert schema.accepts(text.replace('"x"', "2"))
