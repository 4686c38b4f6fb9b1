"""Validation layer: an answer is accepted, or every fault in it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import ConfigError
from ..schema import Schema
from .foreign import said

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
            exception is a complaint too: what a model wrote must not end a run. They run only on what
            the schema accepts.

    Raises:
        ConfigError: a validator returned something else, such as a bool.
    """
    value: Any = text
    if schema is not None:
        verdict = schema.check(text)
        if not verdict.valid:
            return Check(None, tuple(verdict.hint().splitlines()) or ("the answer does not fit its schema",))
        value = verdict.value
    complaints = tuple(filter(None, (_complaint(validator, value) for validator in validators)))
    return Check(value, complaints)


def _complaint(validator: Validator, value: Any) -> str | None:
    try:
        complaint = validator(value)
    except (ValueError, AssertionError) as error:
        return said(error)
    except Exception as error:  # noqa: BLE001 - it meant to say no, or met what it did not expect
        return f"{_name(validator)} failed on it with {type(error).__name__}: {said(error)}"
    if complaint is None or isinstance(complaint, str):
        return complaint
    raise ConfigError(
        f"the validator {_name(validator)} returned {complaint!r}",
        where="Harness(validators=...)",
        fix="return None to accept a value, or a sentence that says what is wrong with it",
    )


def _name(validator: Validator) -> str:
    return getattr(validator, "__name__", type(validator).__name__)
