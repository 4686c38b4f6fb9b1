"""Rows of words, and where they stand in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .skeleton import folded_word
from .words import Word

_LONGEST_ROW = 5
_NO_ROW = (("",),)


def entries(text: str) -> list[str]:
    """Return the entries of a list."""
    return [entry for part in re.split(r"[,\n]", text) if (entry := part.strip())]


class Phrases:
    """Rows of words, found by their first word. The last word of a row may be a beginning only."""

    def __init__(self, choices: Iterable[str]) -> None:
        self.first: dict[str, tuple[tuple[str, ...], ...]] = {}
        self.prefixes: tuple[str, ...] = ()
        for choice in choices:
            row = tuple(folded_word(word) for word in choice.split())
            if row[0].endswith("*"):
                self.prefixes += (row[0][:-1],)
            else:
                self.first[row[0]] = (*self.first.get(row[0], ()), row[1:])

    def ends(self, sentence: Sequence[Word], place: int) -> list[int]:
        """Return the place behind each row that stands at `place`."""
        word = sentence[place].text
        rests = self.first.get(word)
        if rests is None:
            return [place + 1] if self.prefixes and word.startswith(self.prefixes) else []
        found = [place + 1 + len(rest) for rest in rests if not rest or _stands(rest, sentence, place + 1)]
        if self.prefixes and word.startswith(self.prefixes):
            found.append(place + 1)
        return found

    def telling_words(self) -> Iterator[str]:
        """Yield the word of each row that says most: the longest."""
        for word, rests in self.first.items():
            for rest in rests:
                yield max((word, *(one for one in rest if one[-1] != "*")), key=len)

    def may_begin(self, word: str) -> bool:
        """Whether a row can begin with this word."""
        return word in self.first or (bool(self.prefixes) and word.startswith(self.prefixes))

    def words(self) -> Iterator[str]:
        """Yield every whole word of every row."""
        for word, rests in self.first.items():
            yield word
            for rest in rests:
                yield from (one for one in rest if not one.endswith("*"))

    def before(self, sentence: Sequence[Word], place: int) -> int | None:
        """Return where a row begins that ends directly before `place`, or None."""
        for start in range(max(0, place - _LONGEST_ROW), place):
            if sentence[start].text in self.first and place in self.ends(sentence, start):
                return start
        return None

    def __contains__(self, word: str) -> bool:
        return () in self.first.get(word, _NO_ROW) or (bool(self.prefixes) and word.startswith(self.prefixes))


def _stands(row: tuple[str, ...], sentence: Sequence[Word], place: int) -> bool:
    if place + len(row) > len(sentence):
        return False
    for index, wanted in enumerate(row, place):
        word = sentence[index].text
        if word != wanted and not (wanted[-1] == "*" and word.startswith(wanted[:-1])):
            return False
    return True
