"""What JSON does not know, as JSON: its own JSON form where it has one, or else its text."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from .foreign import said
from .received import is_json, whole

_DEEPEST = 100


def json_form(value: Any, depth: int = 0) -> Any:
    """Return the value itself where it is JSON, and what may stand for it where it is not.

    Example:
        >>> json_form({"a": [1, "b"], 2: {3}, "cap": Fraction(1, 3)})
        {'a': [1, 'b'], '2': [3], 'cap': '1/3'}
    """
    if value is None or isinstance(value, str | int | float):
        return _of_scalar(value)
    if depth == 0 and isinstance(value, dict | list) and is_json(value):
        return value
    return "..." if depth == _DEEPEST else _of_many(value, depth)


def _of_scalar(value: str | float | None) -> str | float | None:
    if isinstance(value, str):
        return whole(value)
    return value if not isinstance(value, float) or isfinite(value) else str(value)


def _of_many(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {whole(_text(name)): json_form(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_form(each, depth + 1) for each in value]
    if isinstance(value, Set):
        return [json_form(each, depth + 1) for each in sorted(value, key=_text)]
    return _of_object(value, depth)


def _of_object(value: Any, depth: int) -> Any:
    try:
        own = record_form(value)
    except Exception:  # noqa: BLE001 - its text will do
        own = None
    return whole(_text(value)) if own is None else json_form(own, depth + 1)


def record_form(value: Any) -> dict[str, Any] | None:
    """Return the members of a dataclass or a Pydantic model; None for anything else."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else None


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a class of somebody else's
        return f"{type(value).__name__} ({said(error)})"
