"""Cut a body that was changed where the parts of the unchanged one were cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

Text = TypeVar("Text", str, bytes)


def cut_alike(parts: Sequence[bytes], whole: bytes, changed: bytes) -> list[bytes]:
    """Return as many parts of `changed` as there are `parts` of `whole`.

    A cut stays where it was in its line; one inside of what was replaced moves to its end.
    """
    old, new = whole.split(b"\n"), changed.split(b"\n")
    if len(old) != len(new):
        old, new = [whole], [changed]
    cuts, line, old_start, new_start = [0], 0, 0, 0
    for cut in accumulate(len(part) for part in parts):
        while cut > old_start + len(old[line]) and line + 1 < len(old):
            old_start += len(old[line]) + 1
            new_start += len(new[line]) + 1
            line += 1
        cuts.append(new_start + _moved(cut - old_start, old[line], new[line]))
    cuts[-1] = len(changed)
    return [changed[start:end] for start, end in pairwise(cuts)]


def shared_ends(one: Text, other: Text) -> tuple[int, int]:
    """Return how long the beginning and the end are that two texts have in common."""
    head = _shared(one, other)
    return head, _shared(one[head:][::-1], other[head:][::-1])


def _shared(one: Text, other: Text) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:  # halves are compared in one go
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _moved(cut: int, old: bytes, new: bytes) -> int:
    if old == new:
        return cut
    head, tail = shared_ends(old, new)
    if cut <= head:
        return cut
    return len(new) - (len(old) - cut if cut >= len(old) - tail else tail)
