"""Rules about calls, and how they are written down as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from ...domain.frozen import dataclass
from .conditions import SQL_TESTS, TESTS, Condition

Effect: TypeAlias = Literal["allow", "approve", "escalate", "deny"]
STRICTNESS: tuple[Effect, ...] = ("allow", "approve", "escalate", "deny")
"""From the mildest to the strictest: let it run, ask a person, ask the person above, refuse."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It applies where the tool's name fits and every condition holds.

    Args:
        name: names it in decisions and logs.
        then: what follows; see `STRICTNESS`.
        tools: shell patterns of tool names, matched without regard to case.
        when: conditions on the arguments; none means always.
        reason: one clause for the model and the person who is asked.
    """

    name: str
    then: Effect
    tools: tuple[str, ...] = ("*",)
    when: tuple[Condition, ...] = ()
    reason: str = ""


def rules_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules of rows that `RULES_SCHEMA` accepts."""
    return tuple(
        Rule(
            row["name"],
            row["then"],
            _tuple(row.get("tools", "*")),
            tuple(
                Condition(_tuple(one["at"]), one["test"], one.get("value"))
                for one in _tuple(row.get("when", ()))
            ),
            row.get("reason", ""),
        )
        for row in rows
    )


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _one_or_more(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


# What the tests compare with, where not everything will do.
_VALUES: tuple[tuple[list[str], dict[str, Any]], ...] = (
    (["in", "not_in"], {"type": "array"}),
    (["lt", "le", "gt", "ge"], {"type": ["number", "string"]}),
    (["outside"], {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}),
    (["matches"], {"type": "string", "format": "regex"}),
    (["longer_than"], {"type": "integer", "minimum": 0}),
    (
        list(SQL_TESTS),
        {
            "type": ["object", "null"],
            "properties": {
                "dialect": {"type": ["string", "null"]},
                "max_rows": {"type": ["integer", "null"]},
            },
            "additionalProperties": False,
        },
    ),
)

RULES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "then": {"enum": list(STRICTNESS)},
            "tools": _one_or_more({"type": "string", "minLength": 1}),
            "when": _one_or_more(
                {
                    "type": "object",
                    "properties": {
                        "at": _one_or_more({"type": "string"}),
                        "test": {"enum": [*TESTS, *SQL_TESTS]},
                        "value": True,
                    },
                    "required": ["at", "test"],
                    "additionalProperties": False,
                    "allOf": [
                        {
                            "if": {"properties": {"test": {"enum": tests}}},
                            "then": {"properties": {"value": value}},
                        }
                        for tests, value in _VALUES
                    ],
                }
            ),
            "reason": {"type": "string"},
        },
        "required": ["name", "then"],
        "additionalProperties": False,
    },
}
"""JSON Schema of rules as data."""
