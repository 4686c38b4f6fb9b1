"""Two texts in one, word by word: what was and what is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

Piece: TypeAlias = tuple[Literal["same", "was", "is"], str]

_WORD = re.compile(r"\s+|\w+(?:[.'-]\w+)*|[^\w\s]")  # 0.2 and gpt-4o-mini are a word each
_MOST_WORDS = 4000
"""Beyond so many words that differ, comparing takes longer than anyone waits."""


def word_diff(old: str, new: str) -> Iterator[Piece]:
    """Yield the pieces of both texts in order."""
    one, other = (_WORD.findall(text) for text in (old, new))
    start = _equal_beginning(one, other)
    end = _equal_beginning(one[start:][::-1], other[start:][::-1])
    yield from _piece("same", one[:start])
    yield from _changed(one[start : len(one) - end], other[start : len(other) - end])
    yield from _piece("same", one[len(one) - end :])


def in_words(old: str, new: str, *, around: int = 40, longest: int = 200) -> str:
    """Return the difference in a line: `Tell me [-a joke-]{+two jokes+}`.

    Args:
        old: what was.
        new: what is.
        around: how much of the text beside a difference is shown.
        longest: how much of what was, and of what is, is shown.
    """
    pieces = list(word_diff(old, new))
    shown = []
    for place, (kind, text) in enumerate(pieces):
        if kind == "same":
            shown.append(_clipped(text, around if place else 0, around if place + 1 < len(pieces) else 0))
        else:
            marks = "[-{}-]" if kind == "was" else "{{+{}+}}"
            shown.append(marks.format(_clipped(text, longest // 2, longest // 2)))
    return "".join(shown)


def _clipped(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail + 5:
        return text
    return f"{text[:head]} ... {text[len(text) - tail :]}"


def _equal_beginning(one: Sequence[str], other: Sequence[str]) -> int:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


def _changed(one: list[str], other: list[str]) -> Iterator[Piece]:
    if len(one) + len(other) > _MOST_WORDS:
        yield from _piece("was", one)
        yield from _piece("is", other)
        return
    for kind, start, end, begin, stop in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from _piece("same", one[start:end])
        else:
            yield from _piece("was", one[start:end])
            yield from _piece("is", other[begin:stop])


def _piece(kind: Literal["same", "was", "is"], words: Sequence[str]) -> Iterator[Piece]:
    if words:
        yield kind, "".join(words)
