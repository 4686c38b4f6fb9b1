"""A tool made from a function: its signature is its schema."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import inspect
import json
import types
from collections.abc import Callable, Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
    overload,
)

from ...domain.tool import ToolSpec
from ...errors import ConfigError

Function = TypeVar("Function", bound=Callable[..., Any])

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Any: {},
}


class FunctionTool:
    """A function with the Tool port; it can still be called as the function it was."""

    def __init__(self, function: Callable[..., Any], spec: ToolSpec) -> None:
        self._function = function
        self.spec = spec
        self.__doc__ = function.__doc__
        self.__name__ = spec.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the plain function."""
        return self._function(*args, **kwargs)

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        """Run with arguments by name; a sync function runs in a thread."""
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**arguments)
        return await asyncio.to_thread(self._function, **arguments)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, read_only: bool = False
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function: `@tool`, or `@tool(name=..., read_only=True)`.

    The argument schema comes from the annotations, the description from the docstring's first
    paragraph; `Annotated[int, "what it is"]` describes an argument.

    Raises:
        ConfigError: an argument has no annotation, or one that has no JSON Schema.
    """

    def make(function: Callable[..., Any]) -> FunctionTool:
        told = description if description is not None else _first_paragraph(function)
        return FunctionTool(
            function, ToolSpec(name or function.__name__, told, _arguments_schema(function), read_only)
        )

    return make if function is None else make(function)


def _first_paragraph(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    return " ".join(text.split("\n\n", 1)[0].split())


def _arguments_schema(function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    properties: dict[str, Any] = {}
    required = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in hints or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
            parameter.POSITIONAL_ONLY,
        ):
            raise _unclear(function, str(parameter), "give it an annotation and let it be passed by name")
        schema = _schema_of(hints[parameter.name], function, parameter.name)
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif _is_json(parameter.default):
            schema = {**schema, "default": parameter.default}
        properties[parameter.name] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _schema_of(  # noqa: PLR0911 - one line for each kind of type
    kind: Any, function: Callable[..., Any], name: str
) -> dict[str, Any]:
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    origin, args = get_origin(kind), get_args(kind)

    def inner(part: Any) -> dict[str, Any]:
        return _schema_of(part, function, name)

    if origin is Annotated:
        words = [extra for extra in args[1:] if isinstance(extra, str)]
        return {**inner(args[0]), **({"description": words[0]} if words else {})}
    if origin in (Union, types.UnionType):
        return {"anyOf": [inner(part) for part in args]}
    if origin is Literal:
        return {"enum": list(args)}
    if (origin or kind) in (list, set, tuple):
        return _array(args, origin or kind, inner)
    if (origin or kind) is dict:
        return {"type": "object", **({"additionalProperties": inner(args[1])} if args else {})}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if callable(getattr(kind, "model_json_schema", None)):
        return dict(kind.model_json_schema())
    if is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _record(kind, inner)
    raise _unclear(
        function, f"{name}: {kind!r}", "annotate it with JSON types, a Literal, an Enum or a dataclass"
    )


def _array(args: tuple[Any, ...], kind: Any, inner: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    if kind is tuple and args and args[-1] is not Ellipsis:
        count = len(args)
        return {
            "type": "array",
            "prefixItems": [inner(part) for part in args],
            "minItems": count,
            "maxItems": count,
        }
    return {"type": "array", **({"items": inner(args[0])} if args else {})}


def _record(kind: Any, inner: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    required = getattr(kind, "__required_keys__", None)
    if required is None:
        missing = dataclasses.MISSING
        required = {
            field.name
            for field in dataclasses.fields(kind)
            if field.default is missing and field.default_factory is missing
        }
    return {
        "type": "object",
        "properties": {name: inner(hint) for name, hint in hints.items()},
        "required": sorted(required),
        "additionalProperties": False,
    }


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _unclear(function: Callable[..., Any], what: str, fix: str) -> ConfigError:
    code = getattr(function, "__code__", None)
    where = f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
    return ConfigError(f"the argument {what} of {function.__name__} has no JSON Schema", where=where, fix=fix)
