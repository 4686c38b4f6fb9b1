"""What has changed in the shape of an answer since it was recorded; its text is never compared.

The shape is the set of fields and the JSON kinds of their values. The items of a list are told
apart by their `type` (or `object`, `event`) only, however many there are, and so are the events of a
stream. What the model itself writes as JSON, the arguments of a tool call, is text like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .take import CLIENT_CLOSED, DONE, RecordedRequest, RecordedResponse

Severity: TypeAlias = Literal["info", "warning", "error"]
_VARIANT = ("type", "object", "event")
_WRITTEN_BY_MODEL = ("arguments", "args", "input", "partial_json", "parsed", "logprobs")
_Shape: TypeAlias = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a live answer differs from its take.

    Attributes:
        severity: "info" for a field that was added, "warning" for one that was removed, "error" for
            one whose type changed, or an answer of another status.
        place: the field's path; "status" or "end" for the answer as a whole.
        what: in words.
    """

    severity: Severity
    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """One call that went out beside its take.

    Attributes:
        call: its number in the block.
        request: what was asked.
        differences: () where the shape is the same; None where no take answers the request.
    """

    call: int
    request: RecordedRequest
    differences: tuple[Difference, ...] | None


def differences(was: RecordedResponse, now: RecordedResponse) -> tuple[Difference, ...]:
    """Return how the shape of an answer has changed."""
    if was.status != now.status or not now.status:
        said = f"{now.status}" if now.status else (now.error or now.end)
        return (Difference("error", "status", f"{was.status or was.end} -> {said}"),)
    if now.end != DONE and was.end == DONE and now.end != CLIENT_CLOSED:
        return (Difference("error", "end", f"{was.end} -> {now.end} {now.error}".rstrip()),)
    old, new = _shape_of(was), _shape_of(now)
    if not old or not new:
        return ()
    return tuple(sorted(_compared(old, new), key=lambda each: (_RANK[each.severity], each.place)))


_RANK = {"error": 0, "warning": 1, "info": 2}


def _compared(old: _Shape, new: _Shape) -> Iterator[Difference]:
    def stands(place: str) -> bool:
        """Whether what holds the field is there on both sides, as the same kind."""
        parent = _parent(place)
        return bool(old.get(parent, set()) & new.get(parent, set()))

    for place in new.keys() - old.keys():
        if stands(place):
            yield Difference("info", place, f"added ({_kinds(new[place])})")
    for place in old.keys() - new.keys():
        if stands(place):
            chosen = place.endswith(">")
            said = "not in this answer" if chosen else f"removed (was {_kinds(old[place])})"
            yield Difference("info" if chosen else "warning", place, said)
    for place in old.keys() & new.keys():
        was, now = old[place] - {"null"}, new[place] - {"null"}
        if was and now and not was & now:
            yield Difference("error", place, f"{_kinds(was)} -> {_kinds(now)}")


def _shape_of(response: RecordedResponse) -> _Shape:
    shape: _Shape = {}
    for document in _documents(response.body):
        _walk(document, "", shape)
    return shape


def _documents(body: bytes) -> Iterator[Any]:
    text = body.decode("utf-8", "replace")
    if (whole := _read(text)) is not None:
        yield whole
        return
    for line in text.splitlines():
        told = line.removeprefix("data:").strip()
        if told[:1] in ("{", "[") and (document := _read(told)) is not None:
            yield document


def _read(text: str) -> Any | None:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _walk(value: Any, place: str, shape: _Shape, depth: int = 0) -> None:
    shape.setdefault(place, set()).add(_kind(value))
    if depth > 100:
        return
    if isinstance(value, list):
        for each in value:
            _walk(each, f"{place}[]", shape, depth + 1)
    elif isinstance(value, dict):
        variant = next((value[name] for name in _VARIANT if isinstance(value.get(name), str)), None)
        if variant is not None:
            place = f"{place}<{variant}>"
            shape.setdefault(place, set()).add("object")
        for name, each in value.items():
            inner = f"{place}.{name}" if place else name
            if name in _WRITTEN_BY_MODEL and not isinstance(each, list):
                shape.setdefault(inner, set()).add(_kind(each))
            else:
                _walk(each, inner, shape, depth + 1)


def _parent(place: str) -> str:
    if place.endswith(">"):
        return place[: place.rindex("<")]
    if place.endswith("[]"):
        return place[:-2]
    return place.rpartition(".")[0]


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = ((str, "string"), (list, "list"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "number")


def _kinds(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds))
