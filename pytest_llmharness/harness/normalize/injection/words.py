"""Cuts a folded text into sentences and words."""

# ruff: noqa: RUF001 - look-alike letters are what this is about
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_STOP = re.compile(r"[.!?;{}。]|[^\w\s]{7,}")
_WORD = re.compile(r"[^\W_]+")
_STEM = 2
_OPENING = frozenset(":,()[]{}\"'“”„‘’«»<>*_•—–-/#=|~`、「」")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class Word(NamedTuple):
    """A word of a folded text, and where it stands.

    Attributes:
        text: the word.
        start: its first letter.
        end: behind its last letter.
        opens: whether it stands where a command may begin: first, or behind a mark or a line's end.
    """

    text: str
    start: int
    end: int
    opens: bool


class Vocabulary:
    """Known words, to cut text that has no spaces."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        sizes: dict[str, set[int]] = {}
        for word in self._known:
            sizes.setdefault(word[:_STEM], set()).add(len(word))
        self._sizes = {stem: sorted(found, reverse=True) for stem, found in sizes.items()}

    def __contains__(self, word: str) -> bool:
        return word in self._known

    def cut(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the bounds of each piece so that the fewest letters, then words, are unknown.

        A letter that belongs to no word is a piece of its own.
        """
        costs = [(0, 0)] * (len(text) + 1)
        sizes = [1] * len(text)
        for place in range(len(text) - 1, -1, -1):
            unknown, pieces = costs[place + 1]
            best = (unknown + (text[place] not in self._known), pieces + 1)
            for size in self._sizes.get(text[place : place + _STEM], ()):
                if place + size <= len(text) and text[place : place + size] in self._known:
                    unknown, pieces = costs[place + size]
                    if (unknown, pieces + 1) < best:
                        best, sizes[place] = (unknown, pieces + 1), size
            costs[place] = best
        place = 0
        while place < len(text):
            yield place, place + sizes[place]
            place += sizes[place]


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of `text` begins and ends."""
    start = 0
    for stop in _STOP.finditer(text):
        if stop.start() > start:
            yield start, stop.start()
        start = stop.end()
    if start < len(text):
        yield start, len(text)


def words(text: str, start: int, end: int, unspaced: Vocabulary) -> list[Word]:
    """Return the words of one sentence; `unspaced` cuts scripts that set no spaces."""
    found: list[Word] = []
    for match in _WORD.finditer(text, start, end):
        gap = text[found[-1].end : match.start()] if found else ""
        opens = not found or (gap != " " and _is_opening(gap))
        if match[0].isascii() or not _UNSPACED.search(match[0]):
            found.append(Word(match[0], match.start(), match.end(), opens))
            continue
        for first, last in unspaced.cut(match[0]):
            word = Word(match[0][first:last], match.start() + first, match.start() + last, opens)
            found.append(word)
            opens = False
    return found


def _is_opening(gap: str) -> bool:
    """Whether a command may begin behind what stands between two words."""
    marks = gap.rstrip()
    return (marks != "" and marks[-1] in _OPENING) or "\n" in gap[len(marks) :]
