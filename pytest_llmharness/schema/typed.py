"""What a Python type makes of a JSON text, and what its own validators say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, get_args

from . import hint, source, text
from .verdict import Violation

_OWN = ("value_error", "assertion_error")
_PREFIXES = ("Value error, ", "Assertion failed, ")


class Typed:
    """Builds the values of one type: a Pydantic model, or whatever Pydantic can describe.

    Args:
        kind: the type.
    """

    __slots__ = ("_validate", "kind")

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._validate: Callable[[str | bytes], Any] | None = None

    def build(self, document: str | bytes) -> tuple[Any, tuple[Violation, ...]]:
        """Return the value of a JSON text, or None and everything its validators have against it."""
        try:
            return self._validator()(document), ()
        except Exception as error:  # noqa: BLE001 - a validator of the user's raises what it likes
            return None, tuple(self._told(error, text.read(document)))

    def own_complaints(self, document: str | bytes) -> tuple[Violation, ...]:
        """Return what the type's own validators have against a text that its schema refuses already.

        They are asked about the fields that are right, as Pydantic does, so that all faults are named
        at once.
        """
        try:
            self._validator()(document)
        except Exception as error:  # noqa: BLE001 - as above; here the schema has said no already
            faults = [fault for fault in _faults(error) or () if _is_own(fault)]
            return tuple(_violation(fault, text.read(document)) for fault in faults)
        return ()

    def _told(self, error: Exception, value: Any) -> Iterator[Violation]:
        faults = _faults(error)
        if faults is None:
            name = getattr(self.kind, "__name__", str(self.kind))
            yield Violation.of(value, "", f"{name} failed on it with {type(error).__name__}: {error}")
        for fault in faults or ():
            yield _violation(fault, value)

    def _validator(self) -> Callable[[str | bytes], Any]:
        if self._validate is None:
            describes_itself = isinstance(self.kind, type) and hasattr(self.kind, "model_json_schema")
            self._validate = (
                getattr(self.kind, "model_validate_json", text.read)
                if describes_itself
                else source.type_adapter()(self.kind).validate_json
            )
        return self._validate

    def __reduce__(self) -> tuple[Any, ...]:
        return Typed, (self.kind,)


def _faults(error: Exception) -> Sequence[Mapping[str, Any]] | None:
    """Return the faults that a ValidationError lists; None for any other exception."""
    listed = getattr(error, "errors", None)
    return listed(include_url=False) if callable(listed) and hasattr(error, "error_count") else None


def _is_own(fault: Mapping[str, Any]) -> bool:
    """Whether somebody's validator found it, and not Pydantic itself."""
    known: tuple[str, ...] = get_args(import_module("pydantic_core.core_schema").ErrorType)
    return fault["type"] in _OWN or fault["type"] not in known


def _violation(fault: Mapping[str, Any], value: Any) -> Violation:
    said = str(fault["msg"])
    for prefix in _PREFIXES:
        said = said.removeprefix(prefix)
    return Violation.of(value, _pointer(fault["loc"], value), said, keyword=fault["type"])


def _pointer(steps: Sequence[Any], value: Any) -> str:
    """Return where in the value a fault lies; steps that only name an alternative are left out."""
    pointer = ""
    for step in steps:
        in_object = isinstance(value, dict) and step in value
        if in_object or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            value = value[step]
            pointer += f"/{hint.escaped(step)}"
    return pointer
