"""What a signature says in code: its annotations resolved, its defaults as JSON."""

from __future__ import annotations

import enum
from typing import Any, get_type_hints

from .form import as_json


class Unclear(Exception):
    """An annotation that has no JSON Schema, and what to do about it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def hints_of(owner: Any) -> dict[str, Any]:
    """Return the annotations of a function or class, forward references resolved.

    Raises:
        Unclear: one cannot be resolved.
    """
    try:
        return get_type_hints(owner, localns=_names_inside(owner), include_extras=True)
    except Exception as error:
        name = getattr(error, "name", None)
        said = f"{name!r} is not defined" if name else f"{type(error).__name__}: {error}"
        where = f" of {owner.__name__}" if isinstance(owner, type) else ""
        raise Unclear(
            f"the annotations{where} cannot be resolved: {said}",
            f"define or import {name or 'it'} at module level, outside `if TYPE_CHECKING:`",
        ) from error


def json_of(value: Any) -> Any:
    """Return the JSON that stands for a value: an Enum member's own value.

    Raises:
        Unclear: JSON cannot express it.
    """
    try:
        return as_json(value.value if isinstance(value, enum.Enum) else value)
    except (TypeError, ValueError) as error:
        raise Unclear(f"{value!r} is no JSON value", "give it a value of JSON: a string, say") from error


def default_json(default: Any) -> tuple[Any, ...]:
    """Return a default as JSON in a tuple of one; empty where JSON cannot express it."""
    try:
        return (json_of(default),)
    except Unclear:
        return ()


def _names_inside(owner: Any) -> dict[str, Any] | None:
    # A class may refer to itself and to its inner classes, also where it stands in a function.
    if not isinstance(owner, type):
        return None
    inner = {name: value for name, value in vars(owner).items() if isinstance(value, type)}
    return {**inner, owner.__name__: owner}
