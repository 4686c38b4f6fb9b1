"""Scores texts for a query by the words they share (Okapi BM25)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log

from .words import content_words

_K1, _B = 1.2, 0.75


class Bm25:
    """An index over a fixed list of texts. After Robertson and Zaragoza (2009), Lucene's constants.

    Example:
        >>> index = Bm25(["cats purr", "dogs bark", "cats and dogs"])
        >>> [score > 0 for score in index.scores("cat")]
        [True, False, True]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(content_words(text)) for text in texts]
        self._lengths = [sum(count.values()) for count in counts]
        self._mean = sum(self._lengths) / len(counts) if counts else 0.0
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, count in enumerate(counts):
            for word, times in count.items():
                self._postings[word].append((place, times))

    def scores(self, query: str) -> list[float]:
        """Return one score a text, 0.0 where it shares no word with the query."""
        scores = [0.0] * len(self._lengths)
        for word in dict.fromkeys(content_words(query)):
            found = self._postings.get(word, ())
            weight = log(1 + (len(scores) - len(found) + 0.5) / (len(found) + 0.5))
            for place, times in found:
                norm = _K1 * (1 - _B + _B * self._lengths[place] / self._mean)
                scores[place] += weight * times * (_K1 + 1) / (times + norm)
        return scores
