"""Finds the rules that can match a sentence at all, then matches them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from .grammar import Match, Matcher
from .lexicon import LANGUAGES
from .phrases import Phrases
from .words import Word

_STEM = 3  # letters a beginning is filed under; no beginning in the rules is shorter


class RuleIndex:
    """Rules, found by the pieces of their patterns, and pieces by the words that tell them."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._rules: dict[Phrases, list[tuple[int, Matcher, frozenset[Phrases]]]] = {}
        self._words: dict[str, set[Phrases]] = {}
        self._stems: dict[str, set[tuple[str, Phrases]]] = {}
        for number, matcher in enumerate(matchers):
            pieces = (matcher.head, *matcher.needs)
            anchor = max(pieces, key=_shortest_word)
            self._rules.setdefault(anchor, []).append((number, matcher, frozenset(pieces)))
            for piece in pieces:
                self._file(piece)

    def _file(self, piece: Phrases) -> None:
        for word in piece.telling_words():
            self._words.setdefault(word, set()).add(piece)
        for prefix in piece.prefixes:
            self._stems.setdefault(prefix[:_STEM], set()).add((prefix, piece))

    def candidates(self, words: Iterable[str]) -> list[Matcher]:
        """Return the rules of which every piece may stand in a sentence of these words, in their order."""
        present: set[Phrases] = set()
        for word in words:
            present.update(self._words.get(word, ()))
            for prefix, piece in self._stems.get(word[:_STEM], ()):
                if word.startswith(prefix):
                    present.add(piece)
        found = [
            (number, matcher)
            for piece in present
            for number, matcher, pieces in self._rules.get(piece, ())
            if present.issuperset(pieces)
        ]
        return [matcher for _, matcher in sorted(found, key=_number)]

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


def _shortest_word(piece: Phrases) -> int:
    """How short the shortest telling word is: short words stand in every sentence."""
    return min(map(len, (*piece.telling_words(), *piece.prefixes)))


def _number(found: tuple[int, Matcher]) -> int:
    return found[0]


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
