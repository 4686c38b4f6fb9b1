"""Finds the rules that can match a sentence at all, then matches them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cache

from .grammar import Match, Matcher
from .lexicon import LANGUAGES
from .phrases import Phrases
from .words import Word

_STEM = 3  # letters a beginning is filed under; no beginning in the rules is shorter


class RuleIndex:
    """Rules, filed by the piece of their pattern that says most."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._exact: dict[str, list[Matcher]] = {}
        self._stems: dict[str, list[tuple[str, Matcher]]] = {}
        for matcher in matchers:
            anchor = max((matcher.head, *matcher.needs), key=_shortest_entry)
            for word in anchor.first:
                self._exact.setdefault(word, []).append(matcher)
            for prefix in anchor.prefixes:
                self._stems.setdefault(prefix[:_STEM], []).append((prefix, matcher))

    def candidates(self, words: Set[str]) -> list[Matcher]:
        """Return the rules of which every piece can begin in a sentence of these words."""
        found: dict[Matcher, None] = {}
        for word in words:
            found.update(dict.fromkeys(self._exact.get(word, ())))
            for prefix, matcher in self._stems.get(word[:_STEM], ()):
                if word.startswith(prefix):
                    found[matcher] = None
        present = _Present(words)
        return [
            matcher for matcher in found if all(present[piece] for piece in (matcher.head, *matcher.needs))
        ]

    def matches(self, sentence: Sequence[Word]) -> Iterator[tuple[Matcher, Match]]:
        """Yield every rule that is found in the sentence, at each place it begins."""
        for matcher in self.candidates({word.text for word in sentence}):
            head = matcher.head
            for place, word in enumerate(sentence):
                if head.may_begin(word.text):
                    match = matcher.match(sentence, place)
                    if match is not None:
                        yield matcher, match


def _shortest_entry(piece: Phrases) -> int:
    """How short the shortest first word is: short words stand in every sentence."""
    return min(map(len, (*piece.first, *piece.prefixes)))


class _Present(dict[Phrases, bool]):
    """Which phrases can stand in a sentence, found out when first asked."""

    def __init__(self, words: Set[str]) -> None:
        self._words = words

    def __missing__(self, phrases: Phrases) -> bool:
        self[phrases] = present = phrases.may_stand_in(self._words)
        return present


@cache
def all_rules() -> RuleIndex:
    """Return the rules of every language."""
    return RuleIndex(matcher for language in LANGUAGES for matcher in language.matchers)
