"""What users give as a schema, as JSON Schema text."""

from __future__ import annotations

import json
import math
import sys
import types
import typing
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ..errors import InvalidSchema, MissingExtra
from . import text
from .hint import escaped

_CORE = "pytest_llmharness._native._core"
_HALF = "it holds half of a character (a lone surrogate)"
_FIX = "pass a dict, a bool, JSON text, a Pydantic model class or a Python type"


def text_of(schema: Any) -> str:
    """Return a schema as JSON text.

    Args:
        schema: a dict or bool, JSON text as str or bytes, a class with `model_json_schema` (a
            Pydantic model), or a type that Pydantic can describe.

    Raises:
        InvalidSchema: it is none of these, or JSON cannot express it.
        MissingExtra: it is a plain type and pydantic is not installed.
    """
    if isinstance(schema, (str, bytes)):
        return checked_text(schema)
    if isinstance(schema, (bool, Mapping)):
        return _dumped(dict(schema) if isinstance(schema, Mapping) else schema)
    describe = getattr(schema, "model_json_schema", None)
    if isinstance(schema, type) and callable(describe):
        return _dumped(_described(schema, describe))
    if _is_type(schema):
        adapter = type_adapter()
        return _dumped(_described(schema, lambda: adapter(schema).json_schema()))
    raise InvalidSchema(
        f"{_shown(schema)}, of type {type(schema).__name__}, is no schema", where="Schema(schema)", fix=_FIX
    )


def json_of(value: Any) -> str | None:
    """Return the JSON text of a value at once, where the core is there and the value is plain."""
    found = core()
    return found.json_of(value) if found else None


def core() -> ModuleType | None:
    """Return the compiled core; None where it is missing or this interpreter may not load it."""
    # A look here is twenty times as quick as an import statement that finds the module loaded.
    found = sys.modules.get(_CORE)
    if found is None:
        try:
            found = import_module(_CORE)
        except ImportError:
            return None
    return found


def first_inexpressible(value: Any, pointer: str = "", depth: int = 0) -> tuple[str, str, str] | None:
    """Find what JSON cannot express: (pointer, what is there, why not), or None.

    JSON knows None, booleans, finite numbers, strings, lists (and tuples) and dicts with string
    keys, nested at most 128 deep.
    """
    if not isinstance(value, (list, tuple, dict)):
        fault = _fault_of_scalar(value)
        return (pointer, *fault) if fault else None
    if depth == text.MAX_DEPTH:
        return pointer, f"a value of type {type(value).__name__}", f"it is nested deeper than {depth}"
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and not isinstance(key, str):
            return pointer, f"a key of type {type(key).__name__}", "JSON keys are strings"
        if isinstance(key, str) and text.has_lone_surrogate(key):
            return pointer, "a key", _HALF
        found = first_inexpressible(member, f"{pointer}/{escaped(key)}", depth + 1)
        if found:
            return found
    return None


def _fault_of_scalar(value: Any) -> tuple[str, str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return ("a string", _HALF) if text.has_lone_surrogate(value) else None
    if isinstance(value, (int, float)):
        return None if _is_finite(value) else ("a number", "it is beyond the range of JSON")
    return f"a value of type {type(value).__name__}", "JSON has no such type"


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def checked_text(schema: str | bytes) -> str:
    """Return JSON text as str.

    Raises:
        InvalidSchema: it is no JSON.
    """
    try:
        text.read(schema)
    except text.NoJson as error:
        raise InvalidSchema(
            f"the schema text is no JSON: it {error}",
            where=f"Schema({_shown(schema)})",
            fix="pass JSON text of an object or a boolean",
        ) from None
    return schema.decode() if isinstance(schema, bytes) else schema


def _dumped(schema: Any) -> str:
    native = core()
    written: str | None = native.json_of(schema) if native else None
    if written is not None:
        return written
    found = first_inexpressible(schema)
    if found:
        pointer, what, why = found
        raise InvalidSchema(
            f"the schema holds {what} that JSON cannot express: {why}",
            where=f"schema at {pointer or 'its root'}",
            fix="use only None, bool, int, float, str, list and dict with str keys",
        )
    return json.dumps(schema)


def _described(schema: Any, describe: Any) -> Any:
    try:
        return describe()
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidSchema(
            f"no JSON Schema can be made of {_shown(schema)}: {reason}",
            where="Schema(schema)",
            fix="give the type fields that JSON can express, or pass a JSON Schema as a dict",
        ) from error


def _is_type(schema: Any) -> bool:
    if isinstance(schema, (type, types.UnionType, typing.NewType)):
        return True
    return typing.get_origin(schema) is not None or type(schema).__name__ == "TypeAliasType"


def type_adapter() -> Any:
    """Return Pydantic's `TypeAdapter`.

    Raises:
        MissingExtra: pydantic is not installed.
    """
    try:
        return import_module("pydantic").TypeAdapter
    except ImportError as error:
        raise MissingExtra(
            "a schema from a Python type needs pydantic, which is not installed",
            where="Schema(schema)",
            fix=f"{sys.executable} -m pip install 'pytest-llmharness[pydantic]'",
        ) from error


def _shown(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= 60 else words[:57] + "..."
