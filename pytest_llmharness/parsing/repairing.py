"""Damaged JSON to the value it meant, with a receipt for every change."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UnrepairableJSON
from .core import load

if TYPE_CHECKING:
    from .._native._core import Edits


NOTATION = frozenset(
    {
        "code_fence", "comma_instead_of_colon", "comment", "control_character", "double_encoding",
        "escaped_document", "extra_colon", "extra_comma", "invalid_escape", "missing_colon", "missing_comma",
        "number_format", "odd_space", "parentheses", "python_literal", "single_quotes", "smart_quotes",
        "text_around", "unquoted_key",
    }
)  # fmt: skip
"""The rules that change how a value is written; every other rule guesses, drops or invents."""


class Edit(NamedTuple):
    """One change.

    Args:
        span: the bytes of the UTF-8 text that it is about, (start, end).
        rule: the name of the rule; docs/parsing.md describes each.
    """

    span: tuple[int, int]
    rule: str


class Edited:
    """A reading of a text; its edits are made into tuples when they are asked for."""

    __slots__: tuple[str, ...] = ()

    _edits: Edits | tuple[Edit, ...]

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The changes in the order of the text; empty where it was read as it is."""
        edits = self._edits
        return edits if isinstance(edits, tuple) else tuple(Edit(*edit) for edit in edits.listed())

    def _facts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name.lstrip("_")) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edited) or type(self) is not type(other):
            return NotImplemented
        return self._facts() == other._facts()

    __hash__ = None  # type: ignore[assignment]  # what was read may be a dict

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._facts()


@dataclass(frozen=True, slots=True, eq=False)
class Repaired(Edited):
    """What a text meant.

    Args:
        value: the JSON value, as dicts, lists, strings, numbers, True, False, None.
        text: the text it was read from.
    """

    value: Any
    text: str
    _edits: Edits | tuple[Edit, ...] = field(repr=False)

    @property
    def doubts(self) -> tuple[Edit, ...]:
        """The edits that guess, drop or invent; without them the text has this reading alone."""
        return tuple(edit for edit in self.edits if edit.rule not in NOTATION)


def repair_json(text: str) -> Repaired:
    """Read a text as JSON, repairing what is damaged; the time is linear in the text.

    Valid JSON comes back unchanged and without edits, but for one case: a JSON string that holds
    an object or array is decoded once more (rule `double_encoding`). What no rule explains is
    never invented; where a value is missing it is null, and an edit says so.

    Args:
        text: JSON, damaged JSON, or prose around it.

    Raises:
        UnrepairableJSON: the text holds nothing that looks like JSON, or nests deeper than 128.
    """
    core = load("repair_json")
    try:
        value, edits = core.repair_json(text)
    except ValueError as error:
        kind, at = error.args
        if kind == "json":
            return Repaired(json.loads(text), text, ())
        raise _refusal(kind, at, text) from None
    return Repaired(value, text, edits)


def _refusal(kind: str, at: int | None, text: str) -> UnrepairableJSON:
    if kind == "deep":
        return UnrepairableJSON(
            "the text nests deeper than 128 levels",
            where=f"byte {at} of {len(text.encode())}",
            fix="ask the model for a flatter value",
        )
    if kind == "surrogate":
        return UnrepairableJSON(
            "the text holds half of a surrogate pair",
            where="the text",
            fix='decode the bytes with errors="replace"',
        )
    clipped = text if len(text) <= 60 else f"{text[:57]}..."
    return UnrepairableJSON(
        f"{clipped!r} holds no JSON value",
        where=f"the text ({len(text)} characters)",
        fix="ask the model again, and for JSON alone",
    )
