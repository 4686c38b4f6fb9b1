"""Validation layer: an answer is accepted, or every fault in it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ..schema import Schema


Validator: TypeAlias = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of checking one answer: no problems means accepted."""

    value: Any
    problems: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the answer is accepted."""
        return not self.problems


def check(text: str, schema: Schema | None, validators: Iterable[Validator] = ()) -> Check:
    """Check an answer against the schema, then against each validator.

    Args:
        text: the model's answer.
        schema: what the answer must satisfy as JSON; None takes it as text.
        validators: functions of the value that return a complaint, or None to accept; a raised
            ValueError is a complaint too. They run only on what the schema accepts.
    """
    value: Any = text
    if schema is not None:
        verdict = schema.check(text)
        if not verdict.valid:
            return Check(None, tuple(verdict.hint().splitlines()))
        value = verdict.value
    complaints = tuple(filter(None, (_complaint(validator, value) for validator in validators)))
    return Check(value, complaints)


def _complaint(validator: Validator, value: Any) -> str | None:
    try:
        return validator(value)
    except ValueError as error:
        return str(error) or type(error).__name__
