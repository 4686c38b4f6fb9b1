"""The schema of an action: what a model may write, closed against invented arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..domain.tool import ToolSpec

# Keywords beside which "additionalProperties": false would refuse what the author allowed.
_OPEN = (
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "dependentSchemas",
)

_FIXED = frozenset((str, int, float, bool, type(None)))  # of which a copy is the thing itself


def closed(spec: ToolSpec) -> ToolSpec:
    """Return the spec with an argument schema that refuses unknown arguments.

    A schema that names no arguments at all, or says itself what else it takes (`additionalProperties`,
    a combination of schemas), is left as it is. The model is sent the very schema that its calls are
    checked against.
    """
    schema = dict(spec.schema)
    if "properties" not in schema or any(keyword in schema for keyword in _OPEN):
        return spec
    return replace(spec, schema={**schema, "type": "object", "additionalProperties": False})


def defaults_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the schema says of arguments that are left out, by name."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {
        name: one["default"]
        for name, one in properties.items()
        if isinstance(one, Mapping) and "default" in one
    }


def own(value: Any) -> Any:
    """Return a copy that a tool may change: neither the schema nor the conversation changes with it."""
    if isinstance(value, dict):
        return {name: each if type(each) in _FIXED else own(each) for name, each in value.items()}
    return [own(each) for each in value] if isinstance(value, list) else value


def action_schema(specs: Iterable[ToolSpec]) -> dict[str, Any]:
    """Return the JSON Schema of one proposed action, for models that have no tools of their own."""
    kinds = [
        {
            "type": "object",
            "properties": {"name": {"const": spec.name}, "arguments": dict(spec.schema)},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for spec in specs
    ]
    return {"oneOf": kinds} if kinds else {"not": {}}
