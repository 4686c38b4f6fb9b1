"""The typed cases of BAML's parser tests, through a translator of its type notation."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import UnrepairableJSON, coerce_json

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus")) / "malformed_json"

_PRIMITIVES = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "null": {"type": "null"},
}
_ALIAS = re.compile(r'@alias\(\s*#?"?(.*?)"?#?\s*\)')
_DESCRIPTION = re.compile(r'@description\(\s*#?"\s*(.*?)\s*"#?\s*\)', re.DOTALL)


def schema_of(declarations: str, target: str) -> dict[str, Any]:
    """The JSON Schema of a target type, with what the declarations define."""
    text = re.sub(r"//[^\n]*", "", declarations)
    found: dict[str, Any] = {}
    for kind, name, body in re.findall(
        r"(class|enum)\s+(\w+)\s*\{(.*?)\n?\s*\}(?=\s*(?:class|enum|$))", text, re.DOTALL
    ):
        found[name] = _class(body) if kind == "class" else _enum(body)
    return {**_target(target.strip()), "$defs": found}


def _statements(body: str) -> list[str]:
    """The lines of a body; an attribute that spans lines belongs to the line it starts on."""
    lines: list[str] = []
    is_open = False
    for line in body.splitlines():
        if is_open or (lines and line.strip().startswith("@") and not line.strip().startswith("@@")):
            lines[-1] += "\n" + line
        elif line.strip() and not line.strip().startswith("@@"):
            lines.append(line.strip())
        if lines:
            is_open = lines[-1].count('#"') > lines[-1].count('"#')
    return lines


def _enum(body: str) -> dict[str, Any]:
    names: list[str] = []
    aliases: dict[str, list[str]] = {}
    for line in _statements(body):
        name = re.match(r"\w+", line)
        if name is None:
            continue
        names.append(name[0])
        alias, description = _ALIAS.search(line), _DESCRIPTION.search(line)
        others = [match[1] for match in (alias, description) if match]
        if alias and description:
            others.append(f"{alias[1]} {description[1]}")
        if others:
            aliases[name[0]] = others
    return {"enum": names, "x-aliases": aliases}


def _class(body: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for line in _statements(body):
        match = re.match(r"(\w+)\s+(.*)", line, re.DOTALL)
        if match is None:
            continue
        alias = _ALIAS.search(match[2])
        kind = re.split(r"\s@", match[2])[0]
        inner = _type(kind.strip())
        properties[match[1]] = {**inner, "x-aliases": [alias[1]]} if alias else inner
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _type(text: str) -> dict[str, Any]:  # noqa: PLR0911 - one form, one return
    text = text.strip()
    if text.endswith("?"):
        return {"anyOf": [_type(text[:-1]), {"type": "null"}]}
    if text.endswith("[]"):
        return {"type": "array", "items": _type(text[:-2])}
    if text.startswith("(") and text.endswith(")"):
        return _type(text[1:-1])
    if "|" in text:
        return {"anyOf": [_type(part) for part in text.split("|")]}
    if text.startswith('"'):
        return {"const": json.loads(text)}
    if text.startswith("map<"):
        return {"type": "object", "additionalProperties": _type(text[4:-1].split(",", 1)[1])}
    return dict(_PRIMITIVES.get(text) or {"$ref": f"#/$defs/{text}"})


def _target(text: str) -> dict[str, Any]:  # noqa: PLR0911 - one form, one return
    """A target as BAML's Rust tests build it: FieldType::List(...), .as_list(), ..."""
    text = text.removesuffix(".into()").strip()
    if text.endswith(".as_list()"):
        return {"type": "array", "items": _target(text.removesuffix(".as_list()"))}
    if text.endswith(".as_optional()"):
        return {"anyOf": [_target(text.removesuffix(".as_optional()")), {"type": "null"}]}
    head, _, rest = text.removeprefix("FieldType::").partition("(")
    inner = rest.rsplit(")", 1)[0].strip()
    match head.lower():
        case "primitive":
            return dict(_PRIMITIVES[inner.removeprefix("TypeValue::").lower()])
        case "class" | "enum":
            return {"$ref": "#/$defs/" + re.search(r'"(\w+)"', inner)[1]}  # type: ignore[index]
        case "list":
            return {"type": "array", "items": _target(inner)}
        case "map":
            return {"type": "object", "additionalProperties": _target(inner.split(",", 1)[1])}
        case "literal":
            _, value = re.match(r"LiteralValue::(\w+)\((.*)\)", inner).groups()  # type: ignore[union-attr]
            return {"const": json.loads(value.removesuffix(".into()"))}
        case "union":
            parts = re.findall(
                r"FieldType::\w+\((?:[^()]|\([^()]*(?:\([^()]*\))?[^()]*\))*\)(?:\.as_list\(\))?", inner
            )
            return {"anyOf": [_target(part) for part in parts]}
        case _:
            return dict(_PRIMITIVES[head.lower()])


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the public corpus is not at {CORPUS}")
def test_bamls_typed_cases_are_met() -> None:
    """The typed expectations of BAML's parser tests, its partial mode included."""
    rows = [json.loads(line) for line in (CORPUS / "baml_jsonish.jsonl").read_text().splitlines()]
    met = [row for row in rows if _meets(row, schema_of(row["baml_schema"], row["target_type"]))]
    assert len(rows) > 100
    assert len(met) / len(rows) >= 0.85


def _meets(row: dict[str, Any], schema: dict[str, Any]) -> bool:
    try:
        value = coerce_json(row["input"], schema).value
    except UnrepairableJSON:
        return bool(row.get("error"))
    return not row.get("error") and bool(value == row["expected"])


def test_the_notation_is_translated() -> None:
    """Optional, list, union, alias, enum, reference: each as JSON Schema says it."""
    declarations = (
        'class A {\n  x int?\n  y (B | "z")[] @alias("why")\n}\nenum B {\n  ONE @alias(k1)\n  TWO\n}\n'
    )
    schema = schema_of(declarations, 'FieldType::list(FieldType::class("A"))')
    assert (schema["type"], schema["items"]) == ("array", {"$ref": "#/$defs/A"})
    assert schema["$defs"]["A"]["properties"] == {
        "x": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "y": {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#/$defs/B"}, {"const": "z"}]},
            "x-aliases": ["why"],
        },
    }
    assert schema["$defs"]["B"] == {"enum": ["ONE", "TWO"], "x-aliases": {"ONE": ["k1"]}}
