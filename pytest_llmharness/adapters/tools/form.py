"""A form: what a value looks like in JSON, and how that JSON becomes the annotated type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_SHOWN_CHARS = 80


class Mismatch(Exception):
    """A JSON value that does not fit a form. `path` leads to it, outermost step first."""

    def __init__(self, text: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.path = path

    def __str__(self) -> str:
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{steps.removeprefix('.')}: {self.text}" if steps else self.text


@dataclass(frozen=True, slots=True)
class Form:
    """What one annotation means.

    Args:
        schema: its JSON Schema.
        build: makes the annotated type of a JSON value; raises Mismatch where it does not fit. A
            value that has the type already stays as it is.
    """

    schema: dict[str, Any]
    build: Callable[[Any], Any]

    def described(self, note: str | None) -> Form:
        """Return this form with a description, where there is one to give."""
        return Form({**self.schema, "description": note}, self.build) if note else self


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a record: its form, and the default as JSON in a tuple of one, or empty."""

    form: Form
    required: bool
    default: tuple[Any, ...] = ()


def scalar(name: str, *kinds: type) -> Form:
    """Return the form of a JSON scalar, which arrives as it is."""

    def build(value: Any) -> Any:
        if type(value) in kinds:
            return value
        if isinstance(value, bool) is not (bool in kinds):
            raise Mismatch(f"{shown(value)} is no {name}")
        if isinstance(value, kinds):
            return value
        # To JSON, 3.0 is an integer.
        if int in kinds and isinstance(value, float) and value.is_integer():
            return int(value)
        raise Mismatch(f"{shown(value)} is no {name}")

    return Form({"type": name}, build)


def anything() -> Form:
    """Return the form that every value has."""
    return Form({}, lambda value: value)


def choice(members: Iterable[tuple[Any, Any]]) -> Form:
    """Return the form of one out of several (JSON value, Python value) pairs."""
    pairs = list(members)

    def build(value: Any) -> Any:
        for code, member in pairs:
            if value is member or (code == value and isinstance(code, bool) is isinstance(value, bool)):
                return member
        raise Mismatch(f"{shown(value)} is none of {', '.join(shown(code) for code, _ in pairs)}")

    return Form({"enum": [code for code, _ in pairs]}, build)


def union(forms: list[Form]) -> Form:
    """Return the form of a value that fits the first of these that it fits."""

    def build(value: Any) -> Any:
        reasons: list[Mismatch] = []
        for form in forms:
            try:
                return form.build(value)
            except Mismatch as reason:
                reasons.append(reason)
        told = [reason for form, reason in zip(forms, reasons, strict=True) if form.schema != NULL.schema]
        if len(told) == 1:
            raise told[0]
        raise Mismatch(f"{shown(value)} fits none of {len(forms)} forms: {'; '.join(map(str, told))}")

    return Form({"anyOf": [form.schema for form in forms]}, build)


def array(schema: dict[str, Any], item: Callable[[int], Form], make: Callable[[list[Any]], Any]) -> Form:
    """Return the form of a JSON array whose item number n has the form `item(n)`."""

    def build(value: Any) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            raise Mismatch(f"{shown(value)} is no array")
        items = [at(number, item(number), part) for number, part in enumerate(value)]
        try:
            return make(items)
        except TypeError as error:  # a set of lists
            raise Mismatch(str(error)) from error

    return Form({"type": "array", **schema}, build)


def mapping(member: Form | None) -> Form:
    """Return the form of a JSON object with any keys."""
    inner = member or anything()

    def build(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mismatch(f"{shown(value)} is no object")
        return {key: at(key, inner, part) for key, part in value.items()}

    return Form({"type": "object", **({"additionalProperties": member.schema} if member else {})}, build)


def record(fields: Mapping[str, Field], make: Callable[..., Any], kind: type | None = None) -> Form:
    """Return the form of a JSON object with these members and no others, made by `make(**members)`."""
    required = {name for name, field in fields.items() if field.required}
    builders = {name: field.form.build for name, field in fields.items()}

    def build(value: Any) -> Any:
        if kind is not None and isinstance(value, kind):
            return value
        if type(value) is not dict and not isinstance(value, Mapping):
            raise Mismatch(f"{shown(value)} is no object")
        if not required <= value.keys() <= fields.keys():
            missing = [name for name in fields if name in required and name not in value]
            unknown = [name for name in value if name not in fields]
            raise Mismatch(
                f"{'missing' if missing else 'unknown'}: {', '.join(map(str, missing or unknown))}"
            )
        try:
            members = {name: builders[name](part) for name, part in value.items()}
        except Mismatch:  # once more, to say where it stands
            members = {name: at(name, fields[name].form, part) for name, part in value.items()}
        try:
            return make(**members)
        except Exception as error:  # a dataclass checks its values as it likes
            raise Mismatch(f"{type(error).__name__}: {error}") from error

    properties = {
        name: {**field.form.schema, **({"default": field.default[0]} if field.default else {})}
        for name, field in fields.items()
    }
    return Form(
        {
            "type": "object",
            "properties": properties,
            "required": [name for name, field in fields.items() if field.required],
            "additionalProperties": False,
        },
        build,
    )


def at(step: str | int, form: Form, value: Any) -> Any:
    """Build a part, and say where it stands if it does not fit."""
    try:
        return form.build(value)
    except Mismatch as reason:
        raise Mismatch(reason.text, (step, *reason.path)) from reason.__cause__


def as_json(value: Any) -> Any:
    """Return the value as JSON gives it back.

    Raises:
        TypeError, ValueError: JSON cannot express it.
    """
    return json.loads(json.dumps(value, allow_nan=False))


def shown(value: Any) -> str:
    """Return the value as a text that fits a line."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."


NULL = scalar("null", type(None))
