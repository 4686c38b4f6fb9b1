"""Schema: what it takes, what it says, and that both of its engines keep the promises."""

from __future__ import annotations

import copy
import importlib
import json
import math
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass
from datetime import date
from typing import Any

import pytest

from pytest_llmharness.errors import ConfigError, HarnessError, InvalidSchema, MissingExtra
from pytest_llmharness.schema import Schema, Verdict, Violation, compiled

CAP = {"properties": {"damage_cap": {"type": ["number", "null"]}}}
CONTRACT = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "clause": {"type": "string"},
            "severity": {"enum": ["low", "medium", "high"]},
            "damage_cap": {"type": ["number", "null"]},
        },
        "required": ["clause", "severity"],
        "additionalProperties": False,
    },
}


@pytest.fixture(params=["rust", "python"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every claim that uses this holds with the core and without it."""
    if request.param == "rust":
        importlib.import_module("pytest_llmharness._native._core")
    monkeypatch.setattr(compiled, "engines", [request.param])
    return str(request.param)


def hints(schema: Any, text: str | bytes, **options: Any) -> list[str]:
    return [violation.hint for violation in Schema(schema, **options).check(text).violations]


def found(schema: Any, text: str | bytes, **options: Any) -> list[tuple[str, str]]:
    violations = Schema(schema, **options).check(text).violations
    return [(violation.pointer, violation.keyword) for violation in violations]


# What Schema takes.


@pytest.mark.parametrize("schema", [{"type": "integer"}, '{"type": "integer"}', b'{"type": "integer"}'])
def test_takes_dicts_and_json_text(engine: str, schema: Any) -> None:
    """A dict, str and bytes of the same schema are one schema."""
    compiled_schema = Schema(schema)
    assert compiled_schema.engine == engine
    assert compiled_schema.accepts("3")
    assert not compiled_schema.accepts(b'"3"')
    assert compiled_schema.source == {"type": "integer"}


def test_takes_booleans(engine: str) -> None:
    """True accepts everything, False nothing."""
    assert Schema(True).accepts("[]")
    assert found(False, "[]") == [("", "false")]
    assert Schema(False).source is False


class Described:
    """A stand-in for any class that describes itself as Pydantic models do."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "required": ["a"]}


def test_takes_a_class_that_describes_itself_without_importing_pydantic() -> None:
    """`model_json_schema` is all that is asked of a model class."""
    assert found(Described, "{}") == [("", "required")]
    code = (
        "import sys\n"
        "from pytest_llmharness.schema import Schema\n"
        "class M:\n"
        "    model_json_schema = staticmethod(lambda: {'type': 'null'})\n"
        "assert Schema(M).accepts('null') and Schema({'type': 'null'}).check('1').hint()\n"
        "assert not {'pydantic', 'jsonschema', 'pytest', 'hypothesis', 'asyncio'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_takes_pydantic_models() -> None:
    """A Pydantic model is its JSON Schema, and its optional fields get the plain hint."""
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Clause", damage_cap=(float | None, ...))
    assert hints(model, '{"damage_cap": "$500,000"}') == [
        "field 'damage_cap' must be a number (e.g., 500000), not a currency string"
    ]


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (list[int], "[1]", '["a"]'),
        (Point, '{"x": 1}', "{}"),
        (int | None, "null", '""'),
    ],
)
def test_takes_python_types(kind: Any, good: str, bad: str) -> None:
    """What Pydantic can describe is a schema."""
    pytest.importorskip("pydantic")
    assert Schema(kind).accepts(good)
    assert not Schema(kind).accepts(bad)


def test_takes_typed_dicts() -> None:
    """A TypedDict asks for its keys."""
    pytest.importorskip("pydantic")
    kind = pytest.importorskip("typing_extensions").TypedDict("Named", {"name": str})
    assert found(kind, "{}") == [("", "required")]


def test_a_python_type_without_pydantic_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pydantic is missing the error carries the command that installs it."""
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(MissingExtra, match=r"pip install 'pytest-llmharness\[pydantic\]'"):
        Schema(list[int])


class Opaque:
    """Nothing that JSON could hold."""


def test_a_type_that_no_schema_can_describe_is_refused() -> None:
    """Pydantic's own error is translated and kept as the cause."""
    pytest.importorskip("pydantic")
    with pytest.raises(InvalidSchema, match=r"no JSON Schema can be made of .*Opaque") as caught:
        Schema(Opaque)
    assert caught.value.__cause__ is not None


# What Schema refuses.


@pytest.mark.parametrize(
    ("schema", "what", "where"),
    [
        ({"type": "nope"}, '"nope" is not allowed at /type', "schema at /type"),
        ({"properties": {"a": {"minimum": "x"}}}, '"x" is not allowed', "schema at /properties/a/minimum"),
        ({"minLength": -1}, "-1 is not allowed", "schema at /minLength"),
        ({"pattern": "("}, "'(' is no regular expression", "schema at /pattern"),
        ({"patternProperties": {"(": {}}}, "'(' is no regular expression", "schema at /patternProperties/("),
        ({"$ref": "#/$defs/no"}, "'#/$defs/no', which is not there", "schema at /$ref"),
        ({"items": {"$ref": "http://a/b"}}, "'http://a/b', which is not there", "schema at /items/$ref"),
        ({"$ref": "#nope"}, "'#nope', which is not there", "schema at /$ref"),
        ({"$schema": "http://a/"}, "'http://a/' is no known dialect", "schema at /$schema"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "no known dialect", "schema at /$schema"),
        ("3", "3 is not allowed at the root", "schema at its root"),
        ("{", "is no JSON: it ends before it is complete", "Schema('{')"),
        (b"\xff", "is not UTF-8", "Schema(b'\\xff')"),
        ([1], "[1], of type list, is no schema", "Schema(schema)"),
        (None, "None, of type NoneType, is no schema", "Schema(schema)"),
        ({1: {}}, "a key of type int", "schema at its root"),
        ({"const": math.nan}, "a number that JSON cannot express", "schema at /const"),
        ({"const": date(2024, 1, 2)}, "a value of type date", "schema at /const"),
    ],
)
def test_what_is_no_schema_is_named_where_it_stands(engine: str, schema: Any, what: str, where: str) -> None:
    """An invalid schema says what, where and how to mend it, when it is made."""
    with pytest.raises(InvalidSchema) as caught:
        Schema(schema)
    assert what in caught.value.what
    assert caught.value.where == where
    assert caught.value.fix
    assert isinstance(caught.value, ConfigError)


def test_a_missing_reference_of_the_registry_is_found_too(engine: str) -> None:
    """The document that holds the dangling reference is named."""
    with pytest.raises(InvalidSchema) as caught:
        Schema({"$ref": "http://a/b"}, registry={"http://a/b": {"items": {"$ref": "http://c/d"}}})
    assert caught.value.where == "registry['http://a/b'] at /items/$ref"


def test_an_unknown_draft_lists_the_known_ones() -> None:
    """A draft that is none is refused with the list of those that are."""
    with pytest.raises(ConfigError, match="use one of 4, 6, 7, 2019-09, 2020-12"):
        Schema({}, draft="3")


def test_references_that_never_end_are_refused_or_end(engine: str) -> None:
    """A schema that looks at itself neither crashes nor hangs."""
    assert Schema({"$ref": "#"}).accepts("1")
    assert found({"allOf": [{"$ref": "#"}], "type": "null"}, "1") == [("", "type")]


def test_a_schema_nested_too_deep_is_refused(engine: str) -> None:
    """Depth is bounded in schemas as it is in texts."""
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"not": deep}
    with pytest.raises(InvalidSchema, match="nested deeper than 128"):
        Schema(deep)


# Drafts, registry, formats.

EXCLUSIVE = {"minimum": 1, "exclusiveMinimum": True}


def test_the_draft_is_chosen_by_argument_then_by_schema_then_newest(engine: str) -> None:
    """`draft=` wins over `$schema`, and 2020-12 is the default."""
    four = "http://json-schema.org/draft-04/schema#"
    assert found(EXCLUSIVE, "1", draft="4") == [("", "exclusiveMinimum")]
    assert found({"$schema": four, **EXCLUSIVE}, "1") == [("", "exclusiveMinimum")]
    assert Schema({"$schema": four, "items": [False]}, draft="7").accepts("[]")
    with pytest.raises(InvalidSchema):
        Schema(EXCLUSIVE)
    assert not Schema({"prefixItems": [False]}).accepts("[1]")


@pytest.mark.parametrize("own", ["7", "2020-12"])
@pytest.mark.parametrize("draft", ["4", "6", "7", "2019-09", "2020-12"])
def test_metaschemas_are_built_in(engine: str, draft: str, own: str) -> None:
    """A schema may refer to the metaschema of any draft, whatever its own, without a registry."""
    uri = (
        f"http://json-schema.org/draft-0{draft}/schema#"
        if len(draft) == 1
        else f"https://json-schema.org/draft/{draft}/schema"
    )
    assert Schema({"$ref": uri}, draft=own).accepts('{"type": "null"}')
    assert not Schema({"$ref": uri}, draft=own).accepts('{"type": 3}')


def test_a_registry_document_takes_the_draft_of_the_schema(engine: str) -> None:
    """Without `$schema` of its own a document is read in the referrer's draft."""
    registry = {"http://a/b": {"items": [{"type": "null"}]}}
    assert found({"$ref": "http://a/b"}, "[1]", registry=registry, draft="7") == [("/0", "type")]


def test_a_registry_document_is_found_by_uri_id_and_relative_name(engine: str) -> None:
    """The key, the document's own `$id` and a relative reference all lead to it."""
    null = {"$id": "http://a/null", "$defs": {"n": {"type": "null"}}, "$ref": "#/$defs/n"}
    assert not Schema({"$ref": "http://x/y"}, registry={"http://x/y": null}).accepts("1")
    assert not Schema({"$ref": "http://a/null"}, registry={"http://x/y": null}).accepts("1")
    assert not Schema({"$ref": "n.json"}, registry={"n.json": '{"type": "null"}'}).accepts("1")


def test_a_metaschema_of_the_registry_decides_the_draft(engine: str) -> None:
    """An own `$schema` is followed to the draft it is written in."""
    registry = {"http://a/meta": {"$schema": "http://json-schema.org/draft-07/schema#"}}
    schema = {"$schema": "http://a/meta", "items": [{"type": "null"}]}
    assert found(schema, "[1]", registry=registry) == [("/0", "type")]


def test_formats_are_asserted_unless_told_otherwise(engine: str) -> None:
    """True asserts, False and unknown names annotate."""
    schema = {"properties": {"day": {"format": "date"}, "odd": {"format": "no-such-format"}}}
    assert hints(schema, '{"day": "x", "odd": "x"}') == [
        "field 'day' must be a valid date (e.g., \"2024-01-31\")"
    ]
    assert found(schema, '{"day": "x"}', formats=False) == []


def test_formats_of_ones_own_run_on_the_python_engine() -> None:
    """A dict of functions adds formats; the built-in ones stay, other types are left alone."""
    schema = Schema(
        {"additionalProperties": {"format": "even"}, "properties": {"day": {"format": "date"}}},
        formats={"even": lambda text: int(text) % 2 == 0},
    )
    assert schema.engine == "python"
    assert schema.accepts('{"a": "2", "b": 3, "day": "2024-01-31"}')
    bad = schema.check('{"a": "3", "b": "x", "day": "y"}')
    assert [violation.pointer for violation in bad.violations] == ["/a", "/b", "/day"]


def test_a_format_function_that_fails_is_named() -> None:
    """Any error but ValueError is the function's fault, not the text's."""
    schema = Schema({"format": "ratio"}, formats={"ratio": lambda text: 1 / len(text)})
    assert schema.accepts('"a"')
    with pytest.raises(ConfigError, match="the function of the format 'ratio' raised ZeroDivisionError"):
        schema.accepts('""')


# Texts that are no JSON.

NO_JSON = {
    "empty": ("", "is empty"),
    "blank": (" \n", "is empty"),
    "invalid UTF-8": (b'"\xff"', "is not UTF-8 at byte 1"),
    "byte order mark": (b"\xef\xbb\xbf{}", "starts with text that is no JSON"),
    "NaN": ('{"a": NaN}', "holds NaN"),
    "infinity": ("-Infinity", "holds -Infinity"),
    "lone surrogate escape": ('"\\ud800"', "holds a lone surrogate"),
    "lone surrogate in str": ('"\ud800"', "holds a lone surrogate"),
    "huge float": ("1e400", "beyond the range of a double"),
    "huge integer": ("9" * 5000, "beyond the range of a double"),
    "too deep": ("[" * 129 + "]" * 129, "is nested deeper than 128"),
    "far too deep": ("[" * 1_000_000, "is nested deeper than 128"),
    "two values": ("1 2", "has more text after the JSON value, from line 1 column 3"),
    "cut off": ('{"a": [1, 2', "ends before it is complete"),
    "cut in a string": ('{"a": "b', "ends before it is complete"),
    "code fence": ("```json\n{}\n```", "is inside a code fence"),
    "prose": ("Sure! {}", "starts with text that is no JSON"),
    "trailing comma": ("[1,]", "has a mistake at line 1 column"),
    "single quotes": ("{'a': 1}", "has a mistake at line 1 column 2"),
}


@pytest.mark.parametrize(("text", "reason"), NO_JSON.values(), ids=NO_JSON.keys())
def test_text_that_is_no_json_is_one_violation(engine: str, text: str | bytes, reason: str) -> None:
    """It never raises: it is one violation at the root, with the reason in its hint."""
    schema = Schema({"type": "object"})
    assert not schema.accepts(text)
    verdict = schema.check(text)
    [violation] = verdict.violations
    assert (violation.pointer, violation.keyword, violation.span) == ("", "json", None)
    assert violation.hint.startswith("answer with one JSON value and nothing else")
    assert reason in violation.hint
    assert len(violation.got) <= 80
    verdict.hint().encode()
    with pytest.raises(HarnessError, match="there is no value"):
        _ = verdict.value


def test_nesting_up_to_the_bound_is_checked(engine: str) -> None:
    """128 levels are fine."""
    assert Schema(True).accepts("[" * 128 + "]" * 128)


@pytest.mark.parametrize("text", [None, 3, bytearray(b"{}"), ["{}"]])
def test_what_is_no_text_is_a_type_error(engine: str, text: Any) -> None:
    """A caller's mistake is not a verdict."""
    schema = Schema(True)
    with pytest.raises(TypeError, match="must be str or bytes, not"):
        schema.accepts(text)
    with pytest.raises(TypeError, match="must be str or bytes, not"):
        schema.check(text)


# Verdicts.


def test_a_verdict_is_true_where_the_value_is_valid(engine: str) -> None:
    """valid, truth, violations, hint and value say one thing."""
    verdict = Schema(CAP).check('{"damage_cap": 1e3}')
    assert verdict
    assert verdict.valid
    assert verdict.violations == ()
    assert verdict.hint() == ""
    assert verdict.value == {"damage_cap": 1000.0}
    assert verdict.value is verdict.value


def test_a_rejected_text_still_has_its_value(engine: str) -> None:
    """JSON that breaks the schema can be read; integers stay exact."""
    verdict = Schema({"type": "string"}).check("12345678901234567890123")
    assert not verdict
    assert verdict.value == 12345678901234567890123


def test_verdicts_and_violations_cannot_be_changed() -> None:
    """Both are frozen."""
    verdict = Schema(False).check("1")
    with pytest.raises(FrozenInstanceError):
        verdict.violations[0].hint = "x"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        verdict._text = "x"  # type: ignore[misc]


def test_verdicts_survive_pickle_and_copy(engine: str) -> None:
    """Executors carry them."""
    verdict = Schema(CONTRACT).check('[{"clause": 3}]')
    for again in (pickle.loads(pickle.dumps(verdict)), copy.deepcopy(verdict)):
        assert again == verdict
        assert again.violations == verdict.violations
        assert again.value == verdict.value
    assert pickle.loads(pickle.dumps(Schema(True).check("3"))).value == 3


def test_every_violation_is_named_at_once_in_the_order_of_the_text(engine: str) -> None:
    """Five faults are five violations, ordered as a reader meets them."""
    text = '[{"severity": "hihg", "damage_cap": "n/a", "klause": 1}, {"clause": 2, "severity": "low"}]'
    assert found(CONTRACT, text) == [
        ("/0", "additionalProperties"),
        ("/0", "required"),
        ("/0/severity", "enum"),
        ("/0/damage_cap", "type"),
        ("/1/clause", "type"),
    ]


def test_hint_is_bounded_and_ends_in_whole_lines(engine: str) -> None:
    """At most 1 KB, one line a violation, and the rest is counted."""
    text = json.dumps([{"clause": 1, "severity": "é" * 50} for _ in range(100)])
    verdict = Schema(CONTRACT).check(text)
    assert len(verdict.violations) == 200
    hint = verdict.hint()
    lines = hint.splitlines()
    assert len(hint.encode()) <= 1024
    assert lines[-1] == f"and {200 - (len(lines) - 1)} more"
    assert lines[:-1] == [violation.hint for violation in verdict.violations[: len(lines) - 1]]


@pytest.mark.parametrize("name", ["a\nb", "a\x85b", "a\u2028b", "x" * 5000])
def test_a_hint_is_one_line_whatever_the_field_is_called(engine: str, name: str) -> None:
    """Names from a model cannot break the prompt's lines or its bound."""
    [hint] = hints({"additionalProperties": False}, json.dumps({name: 1}))
    assert len(hint.splitlines()) == 1
    assert len(hint) <= 300


def test_a_violation_carries_the_facts(engine: str) -> None:
    """Pointers, keyword, what was expected and what is there."""
    schema = {"$defs": {"cap": {"maximum": 5}}, "properties": {"a/b~": {"$ref": "#/$defs/cap"}}}
    assert Schema(schema).check('{"a/b~": 9}').violations == (
        Violation(
            pointer="/a~1b~0",
            schema_pointer="/$defs/cap/maximum",
            keyword="maximum",
            expected="be at most 5",
            got="9",
            hint="field 'a/b~' must be at most 5, not 9",
        ),
    )


def test_got_is_clipped(engine: str) -> None:
    """A huge value is shown by its first 80 characters."""
    [violation] = Schema({"type": "null"}).check(json.dumps(["x" * 10_000] * 3)).violations
    assert len(violation.got) == 80
    assert violation.got.endswith("...")


# Hints.

HINTS = [
    ({"type": "number"}, '"42"', "must be a number (e.g., 42), not a string"),
    ({"type": "number"}, '"$500,000"', "must be a number (e.g., 500000), not a currency string"),
    ({"type": "number"}, '"-€1.5"', "must be a number (e.g., -1.5), not a currency string"),
    ({"type": "number"}, '"USD 2 million"', "must be a number (e.g., 2000000), not a currency string"),
    ({"type": "number"}, '"1.2 million"', "must be a number (e.g., 1200000), not a string"),
    ({"type": "number"}, '"5k"', "must be a number (e.g., 5000), not a string"),
    ({"type": "number"}, '"about five"', "must be a number, not a string"),
    ({"type": "number"}, "true", "must be a number, not a boolean"),
    ({"type": ["null", "number"]}, '"42"', "must be a number (e.g., 42), not a string"),
    ({"type": ["null", "number"]}, '"n/a"', 'must be a number or null (e.g., null), not the string "n/a"'),
    ({"type": ["number", "null"]}, '"None"', 'must be a number or null (e.g., null), not the string "None"'),
    ({"type": ["number", "null"]}, '""', 'must be a number or null (e.g., null), not the string ""'),
    ({"type": "number"}, '"n/a"', "must be a number, not a string"),
    ({"type": "integer"}, '"7"', "must be an integer (e.g., 7), not a string"),
    ({"type": "integer"}, "3.7", "must be an integer (e.g., 4), not a number with a fraction"),
    ({"type": "boolean"}, '"yes"', "must be a boolean (e.g., true), not a string"),
    ({"type": "string"}, "42", 'must be a string (e.g., "42"), not a number'),
    ({"type": "string"}, "null", "must be a string, not null"),
    ({"type": "object"}, '"{\\"a\\": 1}"', "must be an object, not a string that holds JSON"),
    ({"type": "array"}, "{}", "must be an array (e.g., [{...}]), not an object"),
    ({"type": ["array", "string", "null"]}, "true", "must be a string, an array or null, not a boolean"),
    ({"type": ["array", "string", "null"]}, "1", 'must be a string (e.g., "1"), not a number'),
    ({"anyOf": [{"type": "number"}, {"type": "null"}]}, '"$5"', "must be a number (e.g., 5), not a currency string"),
    ({"minimum": 3}, "1", "must be at least 3, not 1"),
    ({"maximum": 3}, "4.5", "must be at most 3, not 4.5"),
    ({"exclusiveMinimum": 0}, "0", "must be more than 0, not 0"),
    ({"exclusiveMaximum": 0}, "0", "must be less than 0, not 0"),
    ({"multipleOf": 5}, "7", "must be a multiple of 5, not 7"),
    ({"minLength": 1}, '""', "must not be empty"),
    ({"minLength": 3}, '"a"', "must have at least 3 characters; it has 1"),
    ({"maxLength": 1}, '"abc"', "must have at most 1 character; it has 3"),
    ({"pattern": "^a"}, '"b"', "must match the pattern ^a"),
    ({"format": "ipv4"}, '"b"', 'must be a valid ipv4 (e.g., "192.0.2.1")'),
    ({"minItems": 1}, "[]", "must not be empty"),
    ({"maxItems": 1}, "[1, 2]", "must have at most 1 item; it has 2"),
    ({"contains": {"type": "null"}}, "[]", "must have at least 1 item of the kind asked for"),
    ({"contains": {"type": "null"}, "maxContains": 1}, "[null, null]", "must have 1 to 1 items of the kind asked for"),
    ({"minProperties": 2}, "{}", "must have at least 2 fields; it has 0"),
    ({"not": {}}, "1", "must be something else; the schema forbids this value"),
    ({"oneOf": [{}, {}, False]}, "1", "must match exactly one of the 3 alternatives; it matches 2"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value", "rest"), HINTS)
def test_hint_is_a_demand_on_the_field(engine: str, rule: dict[str, Any], value: str, rest: str) -> None:
    """What the value must be, with an example made from what it is."""
    assert hints({"properties": {"x": rule}}, f'{{"x": {value}}}') == [f"field 'x' {rest}"]


ORDERS = [
    ({"enum": ["low", "medium", "high"]}, '"hihg"', 'use one of "low", "medium", "high" (nearest: "high")'),
    ({"enum": ["low", "medium", "high"]}, '"MEDIUM"', 'use one of "low", "medium", "high" (nearest: "medium")'),
    ({"enum": ["low", "high"]}, "7", 'use one of "low", "high"'),
    ({"enum": ["a", None]}, '"n/a"', 'use one of "a", null (nearest: null)'),
    ({"const": "x"}, '"y"', 'use "x"'),
    ({"required": ["a", "b"]}, '{"a": 1}', "add the missing field 'b'"),
    ({"dependentRequired": {"a": ["b"]}}, '{"a": 1}', "add the missing field 'b'"),
    (
        {"properties": {"severity": {}}, "additionalProperties": False},
        '{"sevrity": 1}',
        "remove the unknown field 'sevrity' (nearest known field: 'severity')",
    ),
    ({"additionalProperties": False}, '{"y": 1, "z": 1}', "remove the unknown fields 'y', 'z'"),
    ({"uniqueItems": True}, "[1, 2, 1]", "remove the repeated items; item 2 repeats item 0"),
    ({"propertyNames": {"maxLength": 2}}, '{"abc": 1}', "rename the field 'abc': its name must have at most 2 characters; it has 3"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value", "order"), ORDERS)
def test_hint_is_an_order_at_the_field(engine: str, rule: dict[str, Any], value: str, order: str) -> None:
    """What to do; the place is named in front of it, except at the root."""
    assert hints(rule, value) == [order]
    assert hints({"properties": {"x": rule}}, f'{{"x": {value}}}') == [f"field 'x': {order}"]


PETS = {
    "$defs": {
        "Cat": {"properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["kind"]},
        "Dog": {"properties": {"kind": {"const": "dog"}, "bark": {"type": "string"}}, "required": ["kind"]},
    },
    "properties": {"pet": {"type": "object", "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}},
}


def test_alternatives_are_explained_by_the_nearest_one(engine: str) -> None:
    """A tag picks the alternative; an unknown tag is answered with those that are known."""
    assert hints(PETS, '{"pet": {"kind": "dog", "bark": 3}}') == [
        "field 'bark' must be a string (e.g., \"3\"), not a number"
    ]
    assert hints(PETS, '{"pet": {"kind": "cow"}}') == ['field \'kind\': use one of "cat", "dog"']


@pytest.mark.parametrize(
    ("pointer", "subject"),
    [
        ("", "the answer"),
        ("/a", "field 'a'"),
        ("/a/b", "field 'b'"),
        ("/37", "item 37"),
        ("/37/a", "item 37, field 'a'"),
        ("/a/3", "item 3 of 'a'"),
        ("/a/3/b", "item 3 of 'a', field 'b'"),
        ("/1/a/3/b", "item 1, item 3 of 'a', field 'b'"),
        ("/1/2", "item 1, item 2"),
        ("/0/a", "field 'a'"),
        ("/0/2/a", "item 2, field 'a'"),
        ("/0/0", "item 0, item 0"),
        ("/0", "item 0"),
    ],
)
def test_a_hint_names_its_place(engine: str, pointer: str, subject: str) -> None:
    """The field by its last name, the items of longer arrays on the way with their index."""
    rule: dict[str, Any] = {"type": "null"}
    value: Any = True
    for part in reversed(pointer.split("/")[1:]):
        if part.isdecimal():
            rule, value = {"items": rule}, [None] * int(part) + [value]
            if rule["items"] != {"type": "null"}:
                rule = {"prefixItems": [{}] * int(part) + [rule["items"]]}
        else:
            rule, value = {"properties": {part: rule}}, {part: value}
    [violation] = Schema(rule).check(json.dumps(value)).violations
    assert violation.pointer == pointer
    assert violation.hint == f"{subject} must be null, not a boolean"


def test_both_engines_give_the_same_violations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the places: every word and every schema pointer."""
    text = '[{"severity": "hihg", "damage_cap": "n/a", "klause": 1}, {"clause": 2}, 3]'
    rust = Schema(CONTRACT).check(text).violations
    monkeypatch.setattr(compiled, "engines", ["python"])
    assert Schema(CONTRACT).check(text).violations == rust
    assert len(rust) == 7


# Python values.


def test_values_are_checked_as_the_json_they_are(engine: str) -> None:
    """Tuples are arrays; the verdict keeps the very object."""
    value = {"damage_cap": "$5", "tags": ("a", "b")}
    verdict = Schema({**CAP, "required": ["tags"]}).check_value(value)
    assert verdict.hint() == "field 'damage_cap' must be a number (e.g., 5), not a currency string"
    assert verdict.value is value
    assert Schema({"type": "array"}).accepts_value((1, 2))
    assert not Schema({"type": "array"}).accepts_value({})


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "pointer", "reason"),
    [
        ({"a": [1, date(2024, 1, 2)]}, "/a/1", "a value of type date: JSON has no such type"),
        ({"a/b": {1}}, "/a~1b", "a value of type set"),
        (math.inf, "", "a number: it is beyond the range of JSON"),
        ([math.nan], "/0", "a number: it is beyond the range of JSON"),
        (10**400, "", "a number: it is beyond the range of JSON"),
        ({1: "a"}, "", "a key of type int: JSON keys are strings"),
        ("\ud800", "", "a lone surrogate"),
        ({"\ud800": 1}, "", "a lone surrogate"),
        (CIRCLE, "/0" * 128, "it is nested deeper than 128"),
        (b"{}", "", "a value of type bytes"),
        (object, "", "a value of type type"),
    ],
)
def test_what_json_cannot_express_is_a_violation(value: Any, pointer: str, reason: str) -> None:
    """It never crashes: it is one violation at its place."""
    schema = Schema(True)
    assert not schema.accepts_value(value)
    verdict = schema.check_value(value)
    [violation] = verdict.violations
    assert not verdict
    assert (violation.pointer, violation.keyword) == (pointer, "json")
    assert reason in violation.hint
    verdict.hint().encode()


# The object itself.


def test_accepts_is_the_native_method_itself() -> None:
    """No Python frame stands between a caller and the core."""
    core = importlib.import_module("pytest_llmharness._native._core")
    schema = Schema(CAP)
    assert schema.engine == "rust"
    assert type(schema.accepts).__name__ == "builtin_function_or_method"
    assert isinstance(schema.accepts.__self__, core.Schema)  # type: ignore[attr-defined]


def test_without_the_core_the_fallback_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that cannot be imported changes the engine, not the answers."""
    monkeypatch.setitem(sys.modules, "pytest_llmharness._native._core", None)
    schema = Schema(CAP)
    assert schema.engine == "python"
    assert not schema.accepts('{"damage_cap": "$500,000"}')
    assert schema.check('{"damage_cap": "$500,000"}').violations[0].hint == (
        "field 'damage_cap' must be a number (e.g., 500000), not a currency string"
    )


def test_a_schema_cannot_be_changed(engine: str) -> None:
    """Neither its attributes nor what it was made of."""
    made_of = {"enum": [1]}
    schema = Schema(made_of)
    made_of["enum"].append(2)
    assert not schema.accepts("2")
    assert isinstance(schema.source, dict)
    schema.source["enum"] = [2]
    assert schema.source == {"enum": [1]}
    with pytest.raises(AttributeError, match="cannot be changed"):
        schema.engine = "other"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del schema.accepts


def test_a_schema_survives_pickle_and_copy(engine: str) -> None:
    """It is compiled again from its recipe: text, draft, registry and formats."""
    schema = Schema(
        {"$ref": "http://a/b", "format": "date"}, draft="4", registry={"http://a/b": EXCLUSIVE}, formats=False
    )
    for again in (pickle.loads(pickle.dumps(schema)), copy.copy(schema), copy.deepcopy(schema)):
        assert again.engine == engine
        assert again.source == schema.source
        assert again.accepts('"no date"')
        assert not again.accepts("1")


def test_a_schema_is_safe_in_threads(engine: str) -> None:
    """Eight threads on one schema get the verdicts that one gets."""
    schema = Schema({"$defs": {"n": {"anyOf": [{"type": "null"}, CONTRACT]}}, "items": {"$ref": "#/$defs/n"}})
    texts = [
        json.dumps([[{"clause": "x" * number, "severity": "low"}], number % 2 or None])
        for number in range(40)
    ]
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(
            pool.map(lambda text: (schema.accepts(text), len(schema.check(text).violations)), texts)
        )
    assert verdicts == [(number % 2 == 0, number % 2) for number in range(40)]


def test_repr_is_short_and_says_the_engine(engine: str) -> None:
    """A schema and a verdict can be read in a failure message."""
    assert repr(Schema(True)) == f"Schema(true, engine={engine!r})"
    assert len(repr(Schema({"enum": ["x" * 500]}))) < 100
    assert repr(Schema(True).check("1")) == "Verdict(valid=True)"
    assert repr(Schema(False).check("1")).startswith("Verdict(valid=False, hint=")
    assert isinstance(Schema(False).check("1"), Verdict)


def test_no_work_doubles_with_the_depth_of_a_value(engine: str) -> None:
    """Alternatives that come back at every level are told apart in bounded work."""
    kinds = [
        {"type": "object", "properties": {"k": {"const": tag}, "c": {"$ref": "#"}}, "required": ["k"]}
        for tag in ("a", "b")
    ]
    value: Any = {"k": "none"}
    for _ in range(40):
        value = {"k": "a", "c": value}
    verdict = Schema({"anyOf": [*kinds, {"type": "null"}]}).check_value(value)
    assert len(verdict.violations) == 1
    assert verdict.violations[0].keyword == "anyOf"
