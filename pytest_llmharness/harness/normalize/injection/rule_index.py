"""Finds the rules that can match a sentence at all, then matches them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from .grammar import Match, Matcher
from .lexicon import LANGUAGES
from .phrases import Phrases
from .words import Word

_STEM = 3  # letters a beginning is filed under; no beginning in the rules is shorter
_PREFIX_WORDS = 4  # a beginning stands for about so many words
_Filed = tuple[Matcher, tuple[Phrases, ...]]  # a rule, and its pieces


class RuleIndex:
    """Rules, filed by the piece of their pattern that says most."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._exact: dict[str, list[_Filed]] = {}
        self._stems: dict[str, list[tuple[str, _Filed]]] = {}
        for matcher in matchers:
            pieces = (matcher.head, *matcher.needs)
            anchor = max(pieces, key=_shortest_entry)
            filed = matcher, tuple(sorted(pieces, key=_commonness))
            for word in dict.fromkeys(anchor.telling_words()):
                self._exact.setdefault(word, []).append(filed)
            for prefix in anchor.prefixes:
                self._stems.setdefault(prefix[:_STEM], []).append((prefix, filed))

    def candidates(self, words: set[str]) -> list[Matcher]:
        """Return the rules of which every piece can begin in a sentence of these words."""
        filed: dict[_Filed, None] = {}
        for word in words:
            filed.update(dict.fromkeys(self._exact.get(word, ())))
            for prefix, one in self._stems.get(word[:_STEM], ()):
                if word.startswith(prefix):
                    filed[one] = None
        present = _Present(words)
        return [matcher for matcher, pieces in filed if all(map(present.__getitem__, pieces))]

    def matches(
        self, sentence: Sequence[Word], candidates: Iterable[Matcher] | None = None
    ) -> Iterator[tuple[Matcher, Match]]:
        """Yield every rule, or every one of the candidates, at each place of the sentence it is found."""
        if candidates is None:
            candidates = self.candidates({word.text for word in sentence})
        places = _Places(sentence)
        for matcher in candidates:
            for place in places[matcher.head]:
                match = matcher.match(sentence, place)
                if match is not None:
                    yield matcher, match


def _shortest_entry(piece: Phrases) -> int:
    """How short the shortest telling word is: short words stand in every sentence."""
    return min(map(len, (*piece.telling_words(), *piece.prefixes)))


def _commonness(piece: Phrases) -> int:
    """How likely a piece stands in a sentence: what is unlikely is best asked for first."""
    return len(piece.first) + _PREFIX_WORDS * len(piece.prefixes)


class _Present(dict[Phrases, bool]):
    """Which phrases can stand in a sentence, found out when first asked."""

    def __init__(self, words: set[str]) -> None:
        self._words = words

    def __missing__(self, phrases: Phrases) -> bool:
        self[phrases] = present = phrases.may_stand_in(self._words)
        return present


class _Places(dict[Phrases, list[int]]):
    """Where phrases stand in a sentence, found out when first asked: rules share their heads."""

    def __init__(self, sentence: Sequence[Word]) -> None:
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(sentence):
            self._places.setdefault(word.text, []).append(place)

    def __missing__(self, phrases: Phrases) -> list[int]:
        words = phrases.first.keys() & self._places.keys()
        if phrases.prefixes:
            words |= {word for word in self._places if word.startswith(phrases.prefixes)}
        self[phrases] = places = sorted(place for word in words for place in self._places[word])
        return places


@cache
def all_rules() -> RuleIndex:
    """Return the rules of every language."""
    return RuleIndex(matcher for language in LANGUAGES for matcher in language.matchers)
