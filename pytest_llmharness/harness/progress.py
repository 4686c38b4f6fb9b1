"""Notices a model that goes round in circles: its answers are alike, and nothing else has moved."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What differs between two answers that say the same: numbers, and names made up of digits.
_CHANGING = re.compile(r"\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)
# Long texts are compared by their pieces: the time for it grows with the square of their number.
_PIECE = re.compile(r"\w{1,12}|\W{1,12}")
_COMPARED_CHARS = 2_000
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
    first, *others = (_CHANGING.sub("0", said[:_COMPARED_CHARS]) for said, _ in last)
    return all(_alike(first, other) for other in others)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    from difflib import SequenceMatcher  # only now: most runs end before

    matcher = SequenceMatcher(None, _pieces(one), _pieces(other), autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return False
    return matcher.ratio() >= _ALIKE


def _pieces(text: str) -> Sequence[str]:
    return text if len(text) <= _MOST_PIECES else _PIECE.findall(text)[:_MOST_PIECES]
