"""How alike an extracted value is to the expected one, from 0 to 1."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from .days import same_day
from .numbers import is_marked, same_amount

# Comparisons of list items before the rest is compared in order only: an answer may be any length.
_MOST_PAIRS = 40_000
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def similarity(expected: Any, actual: Any) -> float:
    """Return how alike two JSON values are.

    Numbers and dates are compared by what they say, text without regard to case and spaces, lists by the
    F1 of their items in any order, objects by their fields (see `field_scores`). A value of another kind
    is 0.0.

    ```python
    assert similarity(500000, "$500,000") == 1.0
    assert similarity("2024-03-05", "March 5, 2024") == 1.0
    assert similarity(["a", "b", "c"], ["x", "a"]) == 0.4
    ```
    """
    if expected is None or isinstance(expected, bool) or actual is None or isinstance(actual, bool):
        return float(_truth(expected) is _truth(actual) if expected is not None else is_empty(actual))
    if isinstance(expected, Mapping):
        return _object(expected, actual)
    if isinstance(expected, list | tuple):
        return _list_f1(expected, actual) if isinstance(actual, list | tuple) else 0.0
    if isinstance(expected, str) and isinstance(actual, str):
        return float(_same_text(expected, actual))
    return float(same_amount(expected, actual))


def field_scores(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> dict[str, float]:
    """Return the similarity of each expected field; one that is not there is 0, unless null was expected."""
    return {
        name: similarity(value, actual[name]) if name in actual else float(value is None)
        for name, value in expected.items()
    }


def extra_fields(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that nobody expected and that say something."""
    return tuple(name for name, value in actual.items() if name not in expected and not is_empty(value))


def is_empty(value: Any) -> bool:
    """Return whether a value says nothing: null, an empty text, list or object."""
    return any(value is empty or (type(value) is type(empty) and value == empty) for empty in _EMPTY)


def mean_with_extras(
    scores: Mapping[str, float], weights: Mapping[str, float], extras: int, extra_weight: float
) -> float:
    """Return the weighted mean where each extra field is one more field of score 0."""
    total = sum(weights.get(name, 1.0) for name in scores) + extras * extra_weight
    if total == 0:
        return 1.0
    value = sum(score * weights.get(name, 1.0) for name, score in scores.items()) / total
    return round(value, 9)


def _object(expected: Mapping[str, Any], actual: Any) -> float:
    if not isinstance(actual, Mapping):
        return 0.0
    extras = len(extra_fields(expected, actual))
    return mean_with_extras(field_scores(expected, actual), {}, extras, 0.5)


def _truth(value: Any) -> Any:
    """Return True or False also for their names in text."""
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower(), value)
    return value


def _same_text(expected: str, actual: str) -> bool:
    # Two plain texts stay text: "1.10" and "1.1" are two versions, "7" and "007" two names.
    is_amount = is_marked(expected) or is_marked(actual)
    return (
        _folded(expected) == _folded(actual)
        or (is_amount and same_amount(expected, actual))
        or same_day(expected, actual)
    )


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _list_f1(expected: list[Any] | tuple[Any, ...], actual: list[Any] | tuple[Any, ...]) -> float:
    if not expected and not actual:
        return 1.0
    return round(2 * _matched(list(expected), list(actual)) / (len(expected) + len(actual)), 9)


def _matched(expected: list[Any], actual: list[Any]) -> float:
    """Pair the items, the most alike first, and return the sum of their similarities."""
    if len(expected) * len(actual) > _MOST_PAIRS:
        return sum(similarity(one, other) for one, other in zip(expected, actual, strict=False))
    pairs = [
        (-alike, row, column)
        for row, one in enumerate(expected)
        for column, other in enumerate(actual)
        if (alike := similarity(one, other)) > 0
    ]
    rows: set[int] = set()
    columns: set[int] = set()
    total = 0.0
    for negative, row, column in sorted(pairs):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            total -= negative
    return total
