"""One imperative line for each keyword."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from . import kinds, reading

WHOLE = "the answer"

# One encoder for all: `json.dumps` makes a new one for every call that is not its plainest.
as_json = json.JSONEncoder(ensure_ascii=False).encode

_MOST_LISTED = 12
_FORMATS = {
    "date-time": '"2024-01-31T09:30:00Z"',
    "date": '"2024-01-31"',
    "time": '"09:30:00Z"',
    "duration": '"P3D"',
    "email": '"name@example.com"',
    "uri": '"https://example.com/page"',
    "uuid": '"123e4567-e89b-12d3-a456-426614174000"',
    "ipv4": '"192.0.2.1"',
    "ipv6": '"2001:db8::1"',
    "hostname": '"www.example.com"',
}
_LIMITS = {
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "exclusiveMinimum": "must be more than {0}",
    "exclusiveMaximum": "must be less than {0}",
    "multipleOf": "must be a multiple of {0}",
}
_SIZES = {
    "minLength": ("must have at least {0}", "character"),
    "maxLength": ("must have at most {0}", "character"),
    "minItems": ("must have at least {0}", "item"),
    "maxItems": ("must have at most {0}", "item"),
    "additionalItems": ("must have at most {0}", "item"),
    "minProperties": ("must have at least {0}", "field"),
    "maxProperties": ("must have at most {0}", "field"),
}
_REST = {
    "pattern": "must match the pattern {asked}",
    "contentEncoding": "must be {asked} text",
    "contentMediaType": "must be a string that holds {asked}",
    "unevaluatedItems": "must not have more items than the schema describes",
    "not": "must be something else; the schema forbids this value",
    "anyOf": "must match one of the alternatives of the schema",
    "oneOf": "must match exactly one of the alternatives of the schema",
    "schema": "must match the schema",
}


def sentence(subject: str, keyword: str, asked: Any, there: Any) -> str:
    """Return how to mend `there`, which is at `subject`, so that the keyword holds."""
    order = _ORDERS.get(keyword)
    if order is not None:
        words = order(asked, there)
        return words if subject == WHOLE else f"{subject}: {words}"
    if keyword == "false":
        return f"remove {subject}; the schema allows nothing there"
    return f"{subject} {_DEMANDS.get(keyword, _rest)(keyword, asked, there)}"


def expectation(keyword: str, asked: Any) -> str:
    """Return what a keyword asks for, in a few words."""
    words = _EXPECTATIONS.get(keyword)
    if words is not None:
        return words(asked)
    return _DEMANDS.get(keyword, _rest)(keyword, asked, None).removeprefix("must ")


def too_many(subject: str, matched: int, alternatives: int) -> str:
    """Return how to mend a value that matches several alternatives of a `oneOf`."""
    return f"{subject} must match exactly one of the {alternatives} alternatives; it matches {matched}"


def of_branch(told: str, number: int, alternatives: int) -> str:
    """Return what is told of one alternative, and which one it is."""
    return f"{told} (alternative {number} of {alternatives} is the nearest)"


def _one_of(asked: Any, there: Any) -> str:
    options = asked if isinstance(asked, list) else [asked]
    if len(options) == 1:
        return f"use {_shown(options[0])}"
    nearest = _nearest(there, [option for option in options if isinstance(option, str)])
    if nearest is None and None in options and isinstance(there, str) and reading.is_null(there):
        nearest = "null"
    elif nearest is not None:
        nearest = _shown(nearest)
    return f"use one of {_listed(options)}" + (f" (nearest: {nearest})" if nearest else "")


def _without(asked: Any, there: Any) -> str:
    unexpected, known = (asked["unexpected"], asked["known"]) if isinstance(asked, dict) else ([], [])
    if unexpected is None and isinstance(there, dict):
        unexpected = list(there)
    if not unexpected:
        return "remove the fields that the schema does not name"
    told = []
    for name in unexpected[:_MOST_LISTED]:
        nearest = _nearest(name, known)
        told.append(_quoted(name) + (f" (nearest known field: {_quoted(nearest)})" if nearest else ""))
    if len(unexpected) > _MOST_LISTED:
        told.append(f"{len(unexpected) - _MOST_LISTED} more")
    return f"remove the unknown field{'s' if len(unexpected) > 1 else ''} {', '.join(told)}"


def _without_repeats(_asked: Any, there: Any) -> str:
    first: dict[str, int] = {}
    for number, item in enumerate(there if isinstance(there, list) else ()):
        seen = first.setdefault(json.dumps(item, sort_keys=True), number)
        if seen != number:
            return f"remove the repeated items; item {number} repeats item {seen}"
    return "remove the repeated items"


def _limited(keyword: str, asked: Any, there: Any) -> str:
    now = f", not {_shown(there)}" if there is not None else ""
    return _LIMITS[keyword].format(_shown(_whole(asked))) + now


def _sized(keyword: str, asked: Any, there: Any) -> str:
    rule, unit = _SIZES[keyword]
    asked = _whole(asked)
    if asked == 1 and "least" in rule:
        return "must not be empty"
    size = f"; it has {len(there)}" if isinstance(there, (str, list, dict)) else ""
    return rule.format(f"{asked} {unit}{'' if asked == 1 else 's'}") + size


def _containing(_keyword: str, asked: Any, _there: Any) -> str:
    bounds = asked if isinstance(asked, dict) else {"min": 1, "max": None}
    least, most = _whole(bounds["min"]), _whole(bounds["max"])
    words = f"at least {least}" if most is None else f"{least} to {most}"
    return f"must have {words} {'item' if most is None and least == 1 else 'items'} of the kind asked for"


def _formatted(_keyword: str, asked: Any, _there: Any) -> str:
    example = _FORMATS.get(asked)
    return f"must be a valid {asked}" + (f" (e.g., {example})" if example else "")


def _rest(keyword: str, asked: Any, _there: Any) -> str:
    return _REST.get(keyword, f"must satisfy {keyword}").format(asked=asked)


def _missing(asked: Any, _there: Any) -> str:
    return f"add the missing field {_quoted(asked)}"


def _renamed(asked: Any, _there: Any) -> str:
    if not isinstance(asked, dict):
        return "remove the fields; the schema allows no field names"
    rule = sentence("its name", asked["keyword"], asked["expected"], asked["name"])
    return f"rename the field {_quoted(asked['name'])}: {rule}"


def _known(asked: Any) -> str:
    known = asked["known"] if isinstance(asked, dict) else []
    return f"no fields but {_listed(known)}" if known else "no more fields"


def _names(asked: Any) -> str:
    return expectation(asked["keyword"], asked["expected"]) if isinstance(asked, dict) else "no field names"


def _whole(number: Any) -> Any:
    """A float without a fraction as the integer that it is."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _nearest(there: Any, options: Sequence[str]) -> str | None:
    if not isinstance(there, str) or len(there) > 100:
        return None
    import difflib

    folded = {option.casefold(): option for option in reversed(options[:1000])}
    near = difflib.get_close_matches(there.strip().casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def _listed(options: Sequence[Any]) -> str:
    more = len(options) - _MOST_LISTED
    shown = ", ".join(_shown(option) for option in options[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def _shown(value: Any) -> str:
    words = as_json(value)
    return words if len(words) <= 60 else words[:57] + "..."


def _quoted(name: Any) -> str:
    words = str(name)
    return f"'{words if len(words) <= 60 else words[:57] + '...'}'"


def _field(asked: Any) -> str:
    return f"the field {_quoted(asked)}"


_ORDERS: dict[str, Callable[[Any, Any], str]] = {
    "enum": _one_of,
    "const": lambda asked, there: _one_of([asked], there),
    "required": _missing,
    "dependentRequired": _missing,
    "dependencies": _missing,
    "additionalProperties": _without,
    "unevaluatedProperties": _without,
    "propertyNames": _renamed,
    "uniqueItems": _without_repeats,
}
_DEMANDS: dict[str, Callable[[str, Any, Any], str]] = {
    "type": kinds.demand,
    "format": _formatted,
    "contains": _containing,
    **dict.fromkeys(_LIMITS, _limited),
    **dict.fromkeys(_SIZES, _sized),
}
_EXPECTATIONS: dict[str, Callable[[Any], str]] = {
    "type": lambda asked: kinds.named(kinds.ordered(asked)),
    "enum": lambda asked: f"one of {_listed(asked if isinstance(asked, list) else [asked])}",
    "const": _shown,
    "required": _field,
    "dependentRequired": _field,
    "dependencies": _field,
    "additionalProperties": _known,
    "unevaluatedProperties": _known,
    "propertyNames": _names,
    "uniqueItems": lambda _asked: "no repeated items",
    "false": lambda _asked: "nothing",
}
