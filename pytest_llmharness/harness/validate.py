"""Validation layer: an answer is accepted, or every fault in it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigError, CoreMissing, UnrepairableJSON
from .foreign import said

if TYPE_CHECKING:
    from ..parsing import Edit, OutputParser
    from ..schema import Schema, Verdict

Validator: TypeAlias = Callable[[Any], str | None]

_SHOWN_DOUBTS = 3


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of checking one answer: no problems means accepted.

    Args:
        value: the value that was accepted.
        problems: what is wrong with the answer, a line each.
        edits: what was mended in the notation of an accepted answer, or passed around it.
        places: the characters of the answer where what is wrong begins, as far as that is known.
    """

    value: Any
    problems: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the answer is accepted."""
        return not self.problems


def check(text: str, schema: Schema | None, validators: Iterable[Validator] = ()) -> Check:
    """Check an answer against the schema, then against each validator.

    An answer that is no JSON is read once more: without its thinking, out of a fence or prose, and
    with its notation mended (quotes, commas, comments). Where that takes a guess, or would lose or
    invent anything, the answer is refused, and the problem says where.

    Args:
        text: the model's answer.
        schema: what the answer must satisfy as JSON; None takes it as text.
        validators: functions of the value that return a complaint, or None to accept; a raised
            exception is a complaint too: what a model wrote must not end a run. They run only on what
            the schema accepts.

    Raises:
        ConfigError: a validator returned something else, such as a bool.
    """
    found = Check(text) if schema is None else _read(text, schema)
    if not found.valid:
        return found
    complaints = tuple(filter(None, (_complaint(validator, found.value) for validator in validators)))
    return Check(found.value, complaints, found.edits)


def _read(text: str, schema: Schema) -> Check:
    verdict = schema.check(text)
    if verdict.valid or verdict.violations[0].keyword != "json":
        return replace(_judged(verdict), places=_places(verdict, text))
    from ..parsing import repair_json

    try:
        repaired = repair_json(_thinking_separator().parse(text).text)
    except (CoreMissing, UnrepairableJSON):
        return replace(_judged(verdict), places=_places(verdict, text))
    if repaired.doubts:
        return Check(None, (_doubtful(repaired.doubts),))
    return _judged(schema.check_value(repaired.value), repaired.edits)


def _places(verdict: Verdict, text: str) -> tuple[int, ...]:
    """Return where the first faults begin, in characters; how long the answer is decides if anyone asks."""
    if verdict.valid:
        return ()
    spans = [fault.span for fault in verdict.violations[:_SHOWN_DOUBTS] if fault.span is not None]
    if not spans or text.isascii():
        return tuple(start for start, _ in spans)
    data = text.encode("utf-8", "surrogatepass")
    return tuple(len(data[:start].decode("utf-8", "ignore")) for start, _ in spans)


def _judged(verdict: Verdict, edits: tuple[Edit, ...] = ()) -> Check:
    if verdict.valid:
        return Check(verdict.value, (), edits)
    return Check(None, tuple(verdict.hint().splitlines()) or ("the answer does not fit its schema",))


def _doubtful(doubts: tuple[Edit, ...]) -> str:
    shown = ", ".join(
        f"{doubt.rule.replace('_', ' ')} at byte {doubt.span[0]}" for doubt in doubts[:_SHOWN_DOUBTS]
    )
    return f"the JSON is damaged or cut off ({shown})"


@cache
def _thinking_separator() -> OutputParser:
    """A parser that knows no calls: it only separates thinking."""
    from ..parsing import OutputParser

    return OutputParser(grammars=())


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
