"""Secrets that no single string of a body shows: told in pieces by a stream, or spelled in escapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from .cutting import shared_ends

Hide: TypeAlias = Callable[[str], str]

_INDICES = ("type", "index", "output_index", "content_index", "item_id")
_ESCAPES = ("\\u00", "\\/")


def hide_in_documents(text: str, hide: Hide) -> str:
    """Return JSON, or a stream of it, without the secrets that show only once its strings are read.

    A model tells a key token by token, each in an event of its own (server-sent events, or one
    document a line): the strings of one place in these are read as one. Events without a secret
    keep their bytes.
    """
    lines = text.splitlines(keepends=True)
    events = [_event(line) for line in lines]
    told: dict[tuple[Any, ...], list[_Piece]] = {}
    for event in filter(None, events):
        for piece in _pieces(event, event.document, ()):
            told.setdefault(piece.place, []).append(piece)
    spelled = any(each in text for each in _ESCAPES)
    if not told:
        return _hide_in_document(text, hide) if spelled else text
    for pieces in told.values():
        if spelled:
            for piece in pieces:
                piece.become(hide(piece.text))
        _hide_across(pieces, hide)
    changed = {id(event): event for event in filter(None, events) if event.changed}
    if not changed:
        return text
    return "".join(
        str(event) if event is not None and event.changed else line
        for event, line in zip(events, lines, strict=True)
    )


class _Event:
    """One line of a stream that holds a JSON object."""

    def __init__(self, lead: str, document: Any, rest: str) -> None:
        self.document, self.changed = document, False
        self._lead, self._rest = lead, rest

    def __str__(self) -> str:
        end = self._rest[len(self._rest.rstrip()) :]
        return f"{self._lead}{_written(self.document, self._rest)}{end}"


class _Piece:
    """A string of an event; `place` is where it stands in each event of its kind."""

    def __init__(self, event: _Event, place: tuple[Any, ...], holder: Any, name: Any) -> None:
        self.place, self.text = place, holder[name]
        self._event, self._holder, self._name = event, holder, name

    def become(self, text: str) -> None:
        if text != self.text:
            self.text = self._holder[self._name] = text
            self._event.changed = True


def _event(line: str) -> _Event | None:
    lead = line[: len(line) - len(line.removeprefix("data:").lstrip(" "))]
    rest = line[len(lead) :]
    if not rest.startswith("{"):
        return None
    try:
        return _Event(lead, json.loads(rest), rest)
    except (ValueError, RecursionError):
        return None


def _pieces(event: _Event, value: Any, place: tuple[Any, ...]) -> Iterator[_Piece]:
    """Yield every string in a value; an item of a list is known by its index field, if it has one."""
    if isinstance(value, dict):
        told = tuple(value[name] for name in _INDICES if isinstance(value.get(name), str | int))
        items, place = list(value.items()), (*place, told)
    elif isinstance(value, list):
        items = [(number, item) for number, item in enumerate(value)]
    else:
        return
    for name, item in items:
        known = "" if isinstance(item, dict) and isinstance(item.get("index"), int) else name
        if isinstance(item, str):
            yield _Piece(event, (*place, name), value, name)
        else:
            yield from _pieces(event, item, (*place, known))


def _hide_across(pieces: list[_Piece], hide: Hide) -> None:
    """Hide in the pieces' text as a whole; each keeps what it has before and after the secrets."""
    if len({piece.text for piece in pieces}) < 2:
        return  # an id or a name that every event repeats
    whole = "".join(piece.text for piece in pieces)
    hidden = hide(whole)
    if hidden == whole:
        return
    head, tail = shared_ends(whole, hidden)
    instead, place = hidden[head : len(hidden) - tail], 0
    first, last = head, len(whole) - tail
    for piece in pieces:
        start, end = place, place + len(piece.text)
        place = end
        if end <= first or start >= last:
            continue
        before, after = piece.text[: max(first - start, 0)], piece.text[last - start :] if last < end else ""
        piece.become(before + instead + after)
        instead = ""


def _hide_in_document(text: str, hide: Hide) -> str:
    try:
        document = json.loads(text)
        hidden = _hidden(document, hide)
    except (ValueError, RecursionError):
        return text
    return text if hidden == document else _written(hidden, text)


def _hidden(value: Any, hide: Hide) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {hide(name): _hidden(item, hide) for name, item in value.items()}
    return [_hidden(item, hide) for item in value] if isinstance(value, list) else value


def _written(document: Any, like: str) -> str:
    separators = (", ", ": ") if '": ' in like else (",", ":")
    return json.dumps(document, ensure_ascii=like.isascii(), separators=separators)
