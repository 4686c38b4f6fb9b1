"""Values that mean the right thing in the wrong type, made to fit a schema: opt in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import UnrepairableJSON
from ..schema import Schema
from .core import load


class Receipt(NamedTuple):
    """One value that was changed to fit.

    Args:
        pointer: where it stands in the result, a JSON pointer.
        rule: the name of the rule; docs/parsing.md describes each.
        before: the value as it came, as JSON text, clipped.
        after: the value as it is now, as JSON text, clipped.
    """

    pointer: str
    rule: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Coerced:
    """A value that fits, and what was changed for it; no receipt where it fitted at once."""

    value: Any
    receipts: tuple[Receipt, ...]


def coerce_json(text: str, schema: Schema | dict[str, Any] | bool) -> Coerced:
    """Read a text as a value of a schema: repair it, then change what means the right thing.

    `"$500,000"` becomes 500000 where a number is asked for, `"two"` the enum's `"TWO"`, one value
    a list of one. Nothing is guessed beyond that: the result has the schema's types, but whether
    it is valid is the schema's word (`schema.check_value`).

    Args:
        text: JSON, damaged JSON, prose around it, or a bare value.
        schema: a Schema or a JSON Schema.

    Raises:
        UnrepairableJSON: nothing in the text can be made to fit.
        CoreMissing: this installation has no compiled core.
    """
    core = load("coerce_json")
    source = schema.source if isinstance(schema, Schema) else schema
    try:
        value, receipts = core.coerce_json(text, json.dumps(source))
    except ValueError as error:
        _, pointer = error.args
        raise UnrepairableJSON(
            "nothing in the text can be made to fit the schema",
            where=f"the schema at {pointer or 'its root'}",
            fix="ask the model again, with the schema in the prompt",
        ) from None
    return Coerced(value, tuple(Receipt(*receipt) for receipt in receipts))
