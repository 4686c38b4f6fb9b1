"""From the schema of a tool's arguments to the signature of a function, for who reads signatures."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from functools import reduce
from inspect import Parameter, Signature
from operator import or_
from types import NoneType
from typing import Annotated, Any, Literal

from ...domain.tool import ToolSpec
from ...errors import ConfigError

_DEEPEST = 8
_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": NoneType,
    "object": dict[str, Any],
}


def signature_of(spec: ToolSpec) -> Signature:
    """Return a signature whose parameters are the arguments of the schema, required ones first.

    The annotations are JSON types, so that whoever builds arguments from them builds JSON. An argument
    that may be left out has the schema's default, else None.

    Raises:
        ConfigError: an argument has a name that no parameter of a function can have.
    """
    named: Mapping[str, Any] = spec.schema.get("properties", {})
    required = set(spec.schema.get("required", ()))
    definitions = spec.schema.get("$defs", {})
    order = sorted(named, key=lambda name: name not in required)
    parameters = [_parameter(spec, name, named[name], name in required, definitions) for name in order]
    return Signature(parameters, return_annotation=str)


def _parameter(
    spec: ToolSpec, name: str, schema: Any, required: bool, definitions: Mapping[str, Any]
) -> Parameter:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigError(
            f"the argument {name!r} of the tool {spec.name!r} cannot be a parameter of a function",
            where=f"tool {spec.name}",
            fix="give the tool arguments with Python names",
        )
    schema = schema if isinstance(schema, Mapping) else {}
    kind = _kind(schema, definitions, _DEEPEST)
    default = Parameter.empty if required else schema.get("default")
    if default is None:
        kind = kind | None
    if "description" in schema:
        kind = Annotated[kind, schema["description"]]
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)


def _kind(schema: Any, definitions: Mapping[str, Any], left: int) -> Any:
    """Return the annotation of a schema; what has none is Any, and checked by the schema alone."""
    if not isinstance(schema, Mapping) or not left:
        return Any
    if "$ref" in schema:
        return _kind(definitions.get(str(schema["$ref"]).rpartition("/")[2]), definitions, left - 1)
    if "enum" in schema or "const" in schema:
        return _choice(schema.get("enum") or [schema.get("const")])
    parts = schema.get("anyOf") or schema.get("oneOf")
    kind = schema.get("type")
    if isinstance(kind, list):
        parts = [{**schema, "type": one} for one in kind]
    if parts:
        return reduce(or_, (_kind(part, definitions, left - 1) for part in parts))
    if kind == "array":
        return list[_kind(schema.get("items"), definitions, left - 1)]  # type: ignore[misc]
    return _TYPES.get(str(kind), Any)


def _choice(values: Sequence[Any]) -> Any:
    plain = all(one is None or isinstance(one, str | int) for one in values)
    return Literal[tuple(values)] if plain else Any
