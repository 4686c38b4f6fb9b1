r"""Both schema engines say the same: verdict, and the set of (pointer, keyword).

Known differences between the Rust core and the fallback on the jsonschema package:

| what | Rust core | fallback | why |
|---|---|---|---|
| `format` | all of them | those whose checker is installed | extras of the package |
| `pattern` with `\p{...}` or `\k<...>` | matched | InvalidSchema | Python's `re` has neither |
| `$vocabulary` of one's own metaschema | honoured | all keywords apply | the package reads none |
| `unevaluatedProperties` (2019-09) beside an `additionalProperties` schema | evaluated | not | its defect |
| documents of another draft | our reading | the package's reading | it changes classes there |
| nesting beyond Python's recursion limit | checked | rejected, keyword "schema" | it recurses |
| `unevaluatedItems` (2019-09) beside `items: true` | evaluated | rejected, keyword "schema" | its defect |
| references more than 4096 in a row | InvalidSchema | rejected, keyword "schema" | it recurses |
| more than a million ways through `unevaluated*` schemas | InvalidSchema | takes long | work doubles |
| a name twice in an object | each is checked | the last one is | Python keeps no other |
| alternatives that repeat at every level, deep | "schema" at the root | their place | work would double |
| a value twice in an `enum` of draft 4 or 6 | taken | InvalidSchema | the metaschema forbids it |
| a schema that refers to itself for the same value, under `not` | violated | holds | it means nothing |
| `unevaluated*` beside a keyword that fails | evaluated | reported as well | annotations of failures differ |
| names of unevaluated fields in a hint | told | not told | the package keeps them to itself |
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pytest_llmharness._native._core import Schema as RustEngine
from pytest_llmharness.schema.fallback import PythonEngine

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = st.sampled_from(["a", "b", "ab", "a/b", "~", "", "x1"])
NUMBERS = st.one_of(
    st.integers(-4, 6),
    st.sampled_from([0.0, 0.5, 1.0, -0.0, 1.5, 0.3, 2**63, 2**64, 1e20, 1e300, -1e300, 5e-324]),
)
STRINGS = st.sampled_from(["", "a", "ab", "abc", "b1", "1", "é", "\U0001f600", "a\n", "$5", "A"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, STRINGS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=8,
)
COUNTS = st.integers(0, 3)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
PATTERNS = st.sampled_from(
    ["^a", "b$", "^[a-z]+$", r"\d", r"^\w{2}$", "a|1", ".", r"^\s*$", "^$", r"^[^\s]\S?$"]
)

PLAIN: dict[str, SearchStrategy[Any]] = {
    "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
    "enum": st.lists(VALUES, min_size=1, max_size=3, unique_by=repr),
    "const": VALUES,
    "minimum": NUMBERS,
    "maximum": NUMBERS,
    "exclusiveMinimum": NUMBERS,
    "exclusiveMaximum": NUMBERS,
    "multipleOf": st.sampled_from([1, 2, 0.5, 0.1, 3]),
    "minLength": COUNTS,
    "maxLength": COUNTS,
    "pattern": PATTERNS,
    "minItems": COUNTS,
    "maxItems": COUNTS,
    "uniqueItems": st.booleans(),
    "minProperties": COUNTS,
    "maxProperties": COUNTS,
    "required": st.lists(NAMES, max_size=3, unique=True),
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
}
REFERENCES = {"$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"])}
# A reference back to the top stands below, where the value gets smaller: a schema that looks at
# the same value again and again means nothing.
RECURSION = st.sampled_from([{"$ref": "#"}, {"$ref": "#/$defs/one"}])


def nested(inner: SearchStrategy[Any]) -> dict[str, SearchStrategy[Any]]:
    """The keywords that hold schemas."""
    several = st.lists(inner, min_size=1, max_size=3)
    below = st.one_of(inner, RECURSION)
    return {
        "properties": st.dictionaries(NAMES, below, max_size=3),
        "patternProperties": st.dictionaries(PATTERNS, below, max_size=2),
        "additionalProperties": below,
        "propertyNames": inner,
        "items": below,
        "prefixItems": st.lists(below, min_size=1, max_size=3),
        "contains": below,
        "anyOf": several,
        "oneOf": several,
        "allOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "dependentSchemas": st.dictionaries(NAMES, inner, max_size=2),
    }


def with_keywords(keywords: dict[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    """Objects with a few of the keywords."""
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


def schemas() -> SearchStrategy[Any]:
    """Schemas of the common keywords, three levels deep at most, false and true among them."""
    bottom = st.one_of(with_keywords(PLAIN), st.booleans())
    middle = with_keywords(PLAIN | nested(bottom))
    used = st.one_of(with_keywords(REFERENCES | PLAIN | nested(bottom)), bottom)
    top = with_keywords(REFERENCES | PLAIN | nested(used))
    definitions = st.fixed_dictionaries({"one": middle, "two": bottom})
    return st.tuples(top, definitions).map(lambda parts: {**parts[0], "$defs": parts[1]})


def outcome(engine: RustEngine | PythonEngine, text: str | bytes) -> tuple[bool, set[tuple[str, str]]]:
    found = engine.check(text)
    assert engine.accepts(text) is (not found)
    return not found, {(pointer, keyword) for pointer, _, keyword, *_ in found}


@given(schemas(), st.lists(VALUES, min_size=1, max_size=4))
@QUICK
def test_engines_agree_on_values(schema: Any, values: list[Any]) -> None:
    """Over the common keywords both engines give one verdict for the same reasons."""
    source = json.dumps(schema)
    rust = RustEngine(source, None, True, [])
    python = PythonEngine(source, None, True, [])
    for value in values:
        text = json.dumps(value)
        assert outcome(rust, text) == outcome(python, text)


LEGACY: dict[str, SearchStrategy[Any]] = {
    "items": st.lists(with_keywords(PLAIN), max_size=2),
    "additionalItems": st.one_of(with_keywords(PLAIN), st.booleans()),
    "dependencies": st.dictionaries(
        NAMES,
        st.one_of(with_keywords(PLAIN), st.lists(NAMES, min_size=1, max_size=2, unique=True)),
        max_size=2,
    ),
    "contains": with_keywords(PLAIN),
}


@pytest.mark.parametrize("draft", ["4", "6", "7", "2019-09"])
@given(st.data())
@QUICK
def test_engines_agree_on_older_drafts(draft: str, data: st.DataObject) -> None:
    """The keywords that older drafts read differently are read alike by both engines."""
    plain = {name: value for name, value in PLAIN.items() if draft != "4" or not name.startswith("exclusive")}
    if draft == "4":
        plain |= {"exclusiveMinimum": st.booleans(), "exclusiveMaximum": st.booleans()}
        plain["required"] = st.lists(NAMES, min_size=1, max_size=3, unique=True)
    schema = data.draw(with_keywords(LEGACY | plain))
    if draft == "4" and ("exclusiveMinimum" in schema or "exclusiveMaximum" in schema):
        schema |= {"minimum": data.draw(NUMBERS), "maximum": data.draw(NUMBERS)}
    try:
        rust = RustEngine(json.dumps(schema), draft, True, [])
    except ValueError:
        # What one engine refuses to compile (a `false` schema in draft 4), the other refuses too.
        with pytest.raises(ValueError, match="invalid"):
            PythonEngine(json.dumps(schema), draft, True, [])
        return
    python = PythonEngine(json.dumps(schema), draft, True, [])
    text = json.dumps(data.draw(VALUES))
    assert outcome(rust, text) == outcome(python, text)


SCRAPS = st.sampled_from(
    [
        *'{}[]",:\\ \n0123456789.eE+-tfnu/\x00\x1f',
        "null", "true", "NaN", "Infinity", "-", "1e999", "-0", "00", "1.", "\\u0041", "\\ud800",
        "\\ud83d\\ude00", "\\u12", "\ufeff", "\u2028", "é", "'", "//", "```json\n", "9" * 25, "9" * 400,
        "[" * 130,
    ]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str | bytes:
    """JSON text with a few characters cut out, put in or exchanged; sometimes as bytes."""
    text = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 3)))
        text = (
            text[:start] + draw(st.one_of(SCRAPS, st.just(""), st.just(text[start : start + 9]))) + text[end:]
        )
    if draw(st.booleans()):
        return text
    raw = bytearray(text, "utf-8")
    if raw and draw(st.booleans()):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw)


@given(damaged())
@settings(QUICK, max_examples=250)
def test_engines_agree_on_damaged_texts(text: str | bytes) -> None:
    """Both engines draw the line between JSON and no JSON at the same place."""
    for rust, python in FIXED:
        assert outcome(rust, text) == outcome(python, text)


def _both(schema: Any) -> tuple[RustEngine, PythonEngine]:
    return RustEngine(json.dumps(schema), None, True, []), PythonEngine(json.dumps(schema), None, True, [])


FIXED = [
    _both(True),
    _both(
        {
            "type": ["object", "array", "integer"],
            "additionalProperties": {"type": "string"},
            "items": {"maximum": 3},
        }
    ),
]
