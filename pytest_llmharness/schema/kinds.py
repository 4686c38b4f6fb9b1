"""The kinds of JSON values in words, and what a value of the wrong kind was meant to be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from . import reading

_NAMES = {
    "number": "a number",
    "integer": "an integer",
    "string": "a string",
    "boolean": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def demand(_keyword: str, asked: Any, there: Any) -> str:
    """Return the demand on a value of the wrong kind, with an example made from it."""
    types = ordered(asked)
    example, type_name, kind = _meant(types, there)
    if kind == "":
        kind = _kind(there)
    wanted = named([type_name] if type_name else types) or "another value"
    return f"must be {wanted}{f' (e.g., {example})' if example else ''}, not {kind}"


def _meant(types: Sequence[str], there: Any) -> tuple[str, str, str]:
    """Return (example, type, kind of what is there) that `there` was probably meant to be."""
    if isinstance(there, str):
        return _meant_by_string(types, there)
    if isinstance(there, bool) or there is None:
        return "", "", ""
    if isinstance(there, float) and "integer" in types:
        return str(round(there)), "integer", "a number with a fraction"
    if isinstance(there, (int, float)) and "string" in types:
        return json.dumps(json.dumps(there)), "string", "a number"
    if "array" in types and isinstance(there, dict):
        return "[{...}]", "array", "an object"
    return "", "", ""


def _meant_by_string(types: Sequence[str], there: str) -> tuple[str, str, str]:
    number = reading.as_number(there)
    if number is not None and ("number" in types or "integer" in types):
        name = "number" if "number" in types else "integer"
        kind = "a currency string" if reading.is_currency(there) else "a string"
        return json.dumps(number if name == "number" else round(number)), name, kind
    boolean = reading.as_boolean(there)
    if boolean is not None and "boolean" in types:
        return json.dumps(boolean), "boolean", "a string"
    if "null" in types and reading.is_null(there):
        return "null", "", f"the string {json.dumps(there, ensure_ascii=False)}"
    container = reading.as_container(there)
    if isinstance(container, dict) and "object" in types:
        return "", "object", "a string that holds JSON"
    if isinstance(container, list) and "array" in types:
        return "", "array", "a string that holds JSON"
    return "", "", ""


def ordered(asked: Any) -> list[str]:
    """Return the asked types, the most telling first and null last, whatever the order of the schema."""
    names = [str(name) for name in (asked if isinstance(asked, list) else [asked])]
    if "number" in names and "integer" in names:
        names.remove("integer")
    order = list(_NAMES)
    return sorted(names, key=lambda name: order.index(name) if name in order else -1)


def named(types: Sequence[str]) -> str:
    """Return types as words: "a number, a string or null"."""
    words = [_NAMES.get(name, name) for name in types]
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _kind(there: Any) -> str:
    if there is None:
        return "null"
    if isinstance(there, bool):
        return "a boolean"
    for kind, name in ((str, "string"), (list, "array"), (dict, "object")):
        if isinstance(there, kind):
            return _NAMES[name]
    return "a number"
