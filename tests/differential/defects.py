"""What the other engines get wrong, each with an example that proves it, and how the fuzz looks past it.

Schemas that the core leaves to the crate of jsonschema_rs share what the table says of its patterns.
Where it can be done the engine is mended, so that its verdicts stay comparable everywhere; else only
the part of the answer that the defect touches is left out of the comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jsonschema

Place = tuple[str, str]

_EDGE = "(?:(?<=[A-Za-z0-9_])(?![A-Za-z0-9_])|(?<![A-Za-z0-9_])(?=[A-Za-z0-9_]))"
_NO_EDGE = "(?:(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_])|(?<![A-Za-z0-9_])(?![A-Za-z0-9_]))"
# What Python's `re` reads differently from ECMA-262, which JSON Schema names.
_ECMA = {
    "$": r"\Z",
    r"\d": "[0-9]",
    r"\w": "[A-Za-z0-9_]",
    r"\s": "[\\t\\n\\v\\f\\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]",
    r"\S": "[^\\t\\n\\v\\f\\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]",
    r"[^\s]": "[^\\t\\n\\v\\f\\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]",
    ".": "[^\\n\\r\u2028\u2029]",
    r"\b": _EDGE,
    r"\B": _NO_EDGE,
}
_CRATE = {".": r"[^\n\r\u2028\u2029]", r"\b": _EDGE, r"\B": _NO_EDGE}
_TOKEN = re.compile(r"\[\^\\s\]|\[[^\]]*\]|\\.|[.$]")


@dataclass(frozen=True)
class Defect:
    """One of them.

    Args:
        engine: "package" (jsonschema) or "crate" (jsonschema_rs).
        what: the defect.
        schema: with which it shows.
        text: on which it shows.
        right: the places (pointer, keyword) that are at fault, as the specification has it.
        draft: of the schema.
        avoided: whether the fuzz leaves such pairs out, because there is no looking past it.
    """

    engine: str
    what: str
    schema: dict[str, Any]
    text: str
    right: frozenset[Place]
    draft: str = "2020-12"
    avoided: bool = False


def _row(engine: str, what: str, schema: dict[str, Any], text: str, *right: Place, **more: Any) -> Defect:
    return Defect(engine, what, schema, text, frozenset(right), **more)


DEFECTS = [
    _row("package", "`$` matches before a newline at the end", {"pattern": "b$"}, '"b\\n"', ("", "pattern")),
    _row("package", r"`\d` takes digits of all scripts", {"pattern": r"^\d$"}, '"\u0661"', ("", "pattern")),
    _row("package", r"`\w` takes letters of all scripts", {"pattern": r"^\w$"}, '"\u00e9"', ("", "pattern")),
    _row("package", r"`\s` does not take U+FEFF", {"pattern": r"^\s$"}, '"\\ufeff"'),
    _row("package", "`.` takes U+2028", {"pattern": "^.$"}, '"\\u2028"', ("", "pattern")),
    _row("package", r"`\b` knows words of all scripts", {"pattern": r"^é\b"}, '"éa"'),
    _row("crate", r"`\b` knows words of all scripts", {"pattern": r"^é\b"}, '"éa"'),
    _row("package", "0.3 is no multiple of 0.1", {"multipleOf": 0.1}, "0.3"),
    _row("package", "1e300 is a multiple of 1.5", {"multipleOf": 1.5}, "1e300", ("", "multipleOf")),
    _row("package", "a `false` schema loses the name or number it forbids", {"properties": {"a": False}}, '{"a": 1}', ("/a", "false")),
    _row("package", "`additionalItems` beside `items: false` raises", {"items": False, "additionalItems": False}, "[1]", ("/0", "false"), draft="2019-09"),
    _row("crate", "`.` takes U+2028", {"pattern": "^.$"}, '"\\u2028"', ("", "pattern")),
    _row("crate", "an empty name is missing in the path", {"properties": {"": {"type": "null"}}}, '{"": 1}', ("/", "type")),
    _row("package", "the pattern of all names counts for none", {"patternProperties": {"": {}}, "additionalProperties": False}, '{"a": 1}'),
    _row("package", "patterns are joined, so that back references count the groups of others", {"patternProperties": {"^(b)$": {}, r"^(.)\1$": {}}, "additionalProperties": False}, '{"aa": 1}'),
    _row("package", "a double above 2**53 is divided in binary", {"multipleOf": 10}, "1.8446744073709552e+19"),
    _row("package", "names that `additionalProperties` evaluates are unevaluated", {"additionalProperties": {}, "unevaluatedProperties": False}, '{"a": 1}', draft="2019-09", avoided=True),
    _row("package", "`unevaluatedItems` beside `items: true` raises", {"items": True, "unevaluatedItems": {}}, "[]", draft="2019-09", avoided=True),
    _row("package", "what `additionalProperties` looked at is unevaluated where it fails", {"additionalProperties": {"type": "null"}, "unevaluatedProperties": False}, '{"a": 1}', ("/a", "type")),
    _row("crate", "a double that is no decimal counts as one beside large integers", {"maximum": 1e300}, str(10**300 + 1), avoided=True),
    _row("crate", "a required name is missing where it is forbidden", {"additionalProperties": False, "required": ["a"], "properties": {}}, '{"a": 1}', ("", "additionalProperties")),
]  # fmt: skip


def mended_schema(schema: Any, engine: str) -> Any:
    """Return the schema with patterns that mean to the engine what ECMA-262 says."""
    if isinstance(schema, list):
        return [mended_schema(each, engine) for each in schema]
    if not isinstance(schema, dict):
        return schema
    mended = {name: mended_schema(value, engine) for name, value in schema.items()}
    if engine == "package":
        # It would go back to the unmended class at a `$ref` to the root.
        mended.pop("$schema", None)
    if isinstance(schema.get("pattern"), str):
        mended["pattern"] = _mended(schema["pattern"], engine)
    if isinstance(schema.get("patternProperties"), dict):
        patterns = mended["patternProperties"].items()
        mended["patternProperties"] = {_mended(pattern, engine): value for pattern, value in patterns}
    return mended


def _mended(pattern: str, engine: str) -> str:
    if engine == "crate":
        return _TOKEN.sub(lambda token: _CRATE.get(token[0], token[0]), pattern)
    # Only what a back reference needs is left to be counted.
    pattern = pattern if r"\1" in pattern else pattern.replace("(", "(?:").replace("(?:?", "(?")
    return _TOKEN.sub(lambda token: _ECMA.get(token[0], token[0]), pattern) or "(?:)"


def has_no_oracle(draft: str, source: str) -> bool:
    """Whether the package is too far off to be asked: its `unevaluated*` of 2019-09."""
    return draft == "2019-09" and '"unevaluated' in source


def mended_class(kind: Any) -> Any:
    """Return the package's class with its faulty keywords put right."""
    ours: dict[str, Any] = {"multipleOf": _multiple_of}
    if "additionalItems" in kind.VALIDATORS:
        ours["additionalItems"] = _additional_items(kind.VALIDATORS["additionalItems"])
    return jsonschema.validators.extend(kind, ours)  # type: ignore[no-untyped-call]


def _multiple_of(validator: Any, divisor: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "number") and Fraction(repr(instance)) % Fraction(repr(divisor)):
        yield jsonschema.ValidationError("not a multiple")


def _additional_items(original: Any) -> Any:
    def checked(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(schema.get("items"), list):
            yield from original(validator, rule, instance, schema) or ()

    return checked


def comparable(engine: str, places: frozenset[Place]) -> frozenset[Place]:
    """Return the places without what the engine is known to get wrong about them."""
    if engine in ("package", "fallback"):
        # What failures evaluate is not settled: beside them nothing is said of the unevaluated.
        others = frozenset(place for place in places if not place[1].startswith("unevaluated"))
        places = others or places
    if engine == "package":
        return frozenset(("?" if keyword == "false" else pointer, keyword) for pointer, keyword in places)
    if engine == "crate":
        closed = {pointer for pointer, keyword in places if keyword == "additionalProperties"}
        told = (place for place in places if place[1] != "required" or place[0] not in closed)
        return frozenset((re.sub("/(?=/|$)", "", pointer), keyword) for pointer, keyword in told)
    return places


def gives_up(places: frozenset[Place], source: str) -> bool:
    """Whether the crate inside the core panicked, which it does for some `$recursiveRef`: no verdict, so rejected."""
    return places == {("", "schema")} and '"$recursiveRef"' in source
