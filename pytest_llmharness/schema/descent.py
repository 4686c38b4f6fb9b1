"""How the fallback goes down a schema: without circles, without doing work twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jsonschema.exceptions import ValidationError

Errors: TypeAlias = Iterator[ValidationError]
Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Any]

# How many levels of alternatives inside alternatives are told apart.
_MAX_BRANCHING = 2


class Found(ValidationError):
    """An error that knows what was expected where the keyword's value does not say it."""

    expected: Any

    def __init__(self, expected: Any, **facts: Any) -> None:
        super().__init__("", **facts)
        self.expected = expected


@dataclass
class Run:
    """What one check remembers, so that its work stays in proportion to the value."""

    remember: bool
    known: dict[tuple[int, int], bool] = field(default_factory=dict)
    open: set[tuple[int, int]] = field(default_factory=set)
    level: int = 0


run: ContextVar[Run] = ContextVar("run")


def is_valid(validator: Any, schema: Any, instance: Any) -> bool:
    """Whether the value satisfies the schema; asked again, it is remembered."""
    current = run.get()
    key = (id(schema), id(instance))
    if key in current.known:
        return current.known[key]
    valid = next(validator.descend(instance, schema), None) is None
    if current.remember and isinstance(instance, (list, dict)):
        current.known[key] = valid
    return valid


def below(validator: Any, instance: Any, schema: Any, **place: Any) -> Errors:
    """Descend with (path, schema_path); the package forgets both where the schema is `false`."""
    if schema is not False:
        yield from validator.descend(instance, schema, **place)
        return
    for error in validator.descend(instance, schema):
        if "path" in place:
            error.path.appendleft(place["path"])
        if "schema_path" in place:
            error.schema_path.appendleft(place["schema_path"])
        yield error


def any_of(validator: Any, branches: Any, instance: Any, _schema: Any) -> Errors:
    """At least one alternative holds."""
    if not any(is_valid(validator, branch, instance) for branch in branches):
        yield _alternatives(validator, branches, instance)


def one_of(validator: Any, branches: Any, instance: Any, _schema: Any) -> Errors:
    """Exactly one alternative holds."""
    if sum(is_valid(validator, branch, instance) for branch in branches) != 1:
        yield _alternatives(validator, branches, instance)


def _alternatives(validator: Any, branches: Any, instance: Any) -> Found:
    current = run.get()
    context: list[ValidationError] = []
    if current.level < _MAX_BRANCHING:
        current.level += 1
        for number, branch in enumerate(branches):
            context.extend(below(validator, instance, branch, schema_path=number))
        current.level -= 1
    return Found(None, context=context)


def refer(original: Keyword) -> Keyword:
    """Follow a reference, but not in circles: what looks at itself again adds nothing."""

    def followed(validator: Any, reference: Any, instance: Any, schema: Any) -> Errors:
        current = run.get()
        key = (id(schema), id(instance))
        if key in current.open:
            return
        current.open.add(key)
        try:
            yield from original(validator, reference, instance, schema) or ()
        finally:
            current.open.discard(key)

    return followed


def expected_of(error: ValidationError) -> Any:
    """Return what the keyword of an error asks for."""
    return error.expected if isinstance(error, Found) else error.validator_value
