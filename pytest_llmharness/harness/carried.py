"""What a prompt takes over from the session, told by its place: so each message is written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from ..domain.message import Message
from ..domain.message_json import message_from_json, message_to_json

Piece: TypeAlias = dict[str, Any] | list[int]
"""A message, or [first, end] of messages that the session had before."""

_MOST_SEARCHES = 8  # what is new is looked for in all that was: not more often, or time grows with both


def written_pieces(messages: Iterable[Message], before: Sequence[Message]) -> list[Piece]:
    """Return messages as JSON values, those of `before` by their place in it.

    Example:
        >>> hello, hi, bye = Message.user("hello"), Message.assistant("hi"), Message.user("bye")
        >>> written_pieces([hello, hi, bye], [hello, hi])
        [[0, 2], {'role': 'user', 'parts': ['bye'], 'tool_call_id': None, 'tool_name': None}]
    """
    pieces: list[Piece] = []
    place, searches = 0, 0
    for message in messages:
        found = place if place < len(before) and before[place] == message else -1
        if found < 0 and searches < _MOST_SEARCHES and place < len(before):
            searches += 1
            found = _found(message, before, place + 1)
        if found < 0:
            pieces.append(message_to_json(message))
            continue
        last = pieces[-1] if pieces else None
        if isinstance(last, list) and last[1] == found:
            last[1] += 1
        else:
            pieces.append([found, found + 1])
        place = found + 1
    return pieces


def read_pieces(pieces: Iterable[Piece], before: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages that `written_pieces` wrote.

    Raises:
        ValueError: they are taken from a place where the session has none.
    """
    messages: list[Message] = []
    for piece in pieces:
        if isinstance(piece, dict):
            messages.append(message_from_json(piece))
            continue
        first, end = piece
        if not 0 <= first < end <= len(before):
            raise ValueError(f"messages {first} to {end} of {len(before)}")
        messages += before[first:end]
    return tuple(messages)


def _found(message: Message, before: Sequence[Message], start: int) -> int:
    try:
        return before.index(message, start)
    except ValueError:
        return -1
