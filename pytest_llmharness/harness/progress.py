"""Notices a model that goes round in circles: its answers are alike, and nothing else has moved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# What differs between two answers that say the same: numbers, and names that are made up.
_CHANGING = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8,}+\b|\b[^\W\d]*+\d\w*+", re.IGNORECASE
)
# The time to compare two texts in order grows with the square of their pieces: long ones are only
# compared by what they are made of.
_PIECE = re.compile(r"\w+|[^\w\s]+|\s+")
_MOST_CHARS = 400
_MOST_PIECES = 400
_ALIKE = 0.9
_IN_A_ROW = 3


def going_round(turns: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    """Return whether the last three answers are alike and what came of them is equal.

    Args:
        turns: (what the model said, what it called and what that returned) of each turn, oldest
            first. A tool that is asked again and again until its answer changes is no circle, and a
            turn without a word is none either: other limits bound it.
    """
    if len(turns) < _IN_A_ROW or not turns[-1][0]:
        return False
    last = turns[-_IN_A_ROW:]
    if any(not said.strip() or moved != last[0][1] for said, moved in last):
        return False
    first, *others = (_CHANGING.sub("0", said) for said, _ in last)
    return all(_alike(first, other) for other in others)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    from difflib import SequenceMatcher  # only now: most runs end before

    if max(len(one), len(other)) <= _MOST_CHARS:
        return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE
    pieces = _PIECE.findall(one), _PIECE.findall(other)
    size = sum(map(len, pieces))
    if 2 * sum((Counter(pieces[0]) & Counter(pieces[1])).values()) < _ALIKE * size:
        return False
    return size > 2 * _MOST_PIECES or SequenceMatcher(None, *pieces, autojunk=False).ratio() >= _ALIKE
