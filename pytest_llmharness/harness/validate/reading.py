"""From the text of an answer to its value, by the schema."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ...errors import CoreMissing, UnrepairableJSON

if TYPE_CHECKING:
    from ...domain.result import LLMResult
    from ...parsing import Edit, OutputParser
    from ...schema import Schema, Verdict, Violation

_SHOWN_DOUBTS = 3


class Reading:
    """What was read.

    Attributes:
        value: the value; None where there are violations.
        violations: everything the schema has against it.
        edits: what was mended in the notation, or passed around.
    """

    __slots__ = ("edits", "value", "violations")

    def __init__(
        self, value: Any, violations: tuple[Violation, ...] = (), edits: tuple[Edit, ...] = ()
    ) -> None:
        self.value, self.violations, self.edits = value, violations, edits


def read(text: str, schema: Schema) -> Reading:
    """Read an answer.

    One that is no JSON is read once more: without its thinking, out of a fence or prose, and with its
    notation mended (quotes, commas, comments). Where that takes a guess, or would lose or invent
    anything, the answer is refused, and the violation says where.
    """
    verdict = schema.check(text)
    if verdict.valid or verdict.violations[0].keyword != "json":
        return _judged(verdict, schema, text)
    from ...parsing import repair_json

    try:
        repaired = repair_json(_thinking_separator().parse(text).text)
    except (CoreMissing, UnrepairableJSON):
        return Reading(None, verdict.violations)
    if repaired.doubts:
        return Reading(None, (_doubtful(repaired.doubts, text),))
    judged = schema.check_value(repaired.value)
    return _judged(judged, schema, json.dumps(repaired.value), repaired.edits)


def revived(result: LLMResult, schema: Schema | None) -> LLMResult:
    """Return a result that was kept as JSON with the value that it had, where a Python type made it."""
    if schema is None or schema.typed is None or not result.success:
        return result
    metadata = {**result.metadata, "value": read(result.content, schema).value}
    return replace(result, metadata=metadata)


def _judged(verdict: Verdict, schema: Schema, text: str, edits: tuple[Edit, ...] = ()) -> Reading:
    if schema.typed is None:
        return Reading(verdict.value, (), edits) if verdict.valid else Reading(None, verdict.violations)
    if verdict.valid:
        return Reading(*schema.typed.build(text), edits)
    named = {violation.pointer for violation in verdict.violations}
    more = (other for other in schema.typed.own_complaints(text) if other.pointer not in named)
    return Reading(None, (*verdict.violations, *more))


def _doubtful(doubts: tuple[Edit, ...], text: str) -> Violation:
    from ...schema import Violation
    from ...schema.hint import clipped

    shown = ", ".join(
        f"{doubt.rule.replace('_', ' ')} at byte {doubt.span[0]}" for doubt in doubts[:_SHOWN_DOUBTS]
    )
    line = f"the JSON is damaged or cut off ({shown})"
    return Violation("", "", "json", "JSON", clipped(text, 80), line, doubts[0].span)


@cache
def _thinking_separator() -> OutputParser:
    """A parser that knows no calls: it only separates thinking."""
    from ...parsing import OutputParser

    return OutputParser(grammars=())
