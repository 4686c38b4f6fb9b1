"""What to say of a request that no take answers: the nearest take, and where it differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .fingerprint import canonical_body, json_body, request_path, request_query
from .take import RecordedRequest, Take


def nearest_words(request: RecordedRequest, takes: Sequence[Take]) -> str:
    """Return e.g. "3 takes; nearest is #2, differs at messages[1].content"."""
    count = "1 take" if len(takes) == 1 else f"{len(takes)} takes"
    path = request_path(request.url)
    same_path = [
        (number, take.request)
        for number, take in enumerate(takes, 1)
        if take.request.method == request.method and request_path(take.request.url) == path
    ]
    if not same_path:
        return f"{count}; none is a {request.method} to {path}" if takes else count
    try:
        asked = json_body(request.body)
        number, nearest = max(same_path, key=lambda each: _closeness(json_body(each[1].body), asked))
        return f"{count}; nearest is #{number}, {_difference(nearest, request)}"
    except RecursionError:
        return f"{count}; {len(same_path)} to {path}, too deep to compare"


def difference_words(stored: RecordedRequest, asked: RecordedRequest) -> str:
    """Return where a request differs from the one whose take it gets, e.g. "differs at messages[1].content"."""
    if (stored.method, request_path(stored.url)) != (asked.method, request_path(asked.url)):
        path, recorded = request_path(asked.url), request_path(stored.url)
        return f"is {asked.method} {path}, where {stored.method} {recorded} was recorded"
    try:
        return _difference(stored, asked)
    except RecursionError:
        return "differs, too deep to say where"


def _closeness(stored: Any, asked: Any) -> float:
    """Count equal top-level fields; a list counts by its equal beginning."""
    if not isinstance(stored, dict) or not isinstance(asked, dict):
        return 0.0
    return sum(_likeness(stored[name], asked[name]) for name in stored.keys() & asked.keys())


def _likeness(stored: Any, asked: Any) -> float:
    if _same(stored, asked):
        return 1.0
    if not isinstance(stored, list) or not isinstance(asked, list):
        return 0.0
    equal = 0
    for one, other in zip(stored, asked, strict=False):
        if not _same(one, other):
            break
        equal += 1
    return equal / (max(len(stored), len(asked)) + 1)


def _difference(stored: RecordedRequest, asked: RecordedRequest) -> str:
    if request_query(stored.url) != request_query(asked.url):
        return "differs in the query"
    if canonical_body(stored.body) == canonical_body(asked.body):
        return "equals it, but has been played"
    place = first_difference(json_body(stored.body), json_body(asked.body))
    return f"differs at {place or 'body'}"


def first_difference(stored: Any, asked: Any, path: str = "") -> str | None:
    """Return the JSON path of the first difference, "" for the root, or None where equal."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        names = [*asked, *(name for name in stored if name not in asked)]
        for name in names:
            inner = f"{path}.{name}" if path else name
            if name not in stored or name not in asked:
                return inner
            found = first_difference(stored[name], asked[name], inner)
            if found is not None:
                return found
        return None
    if isinstance(stored, list) and isinstance(asked, list):
        for place, (one, other) in enumerate(zip(stored, asked, strict=False)):
            found = first_difference(one, other, f"{path}[{place}]")
            if found is not None:
                return found
        return None if len(stored) == len(asked) else f"{path}[{min(len(stored), len(asked))}]"
    return None if _same(stored, asked) else path


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are one value, 1 and true are two."""
    if isinstance(one, dict | list):
        return type(one) is type(other) and first_difference(one, other) is None
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
