"""Finds text that tries to take the model over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import merge
from itertools import groupby

from .bearing import has_topic, is_directed
from .encoded import decoded
from .grammar import Language, Match, Matcher, Phrases
from .hit import Hit
from .lexicon import LANGUAGES, UNSPACED
from .marks import MARKS
from .mention import is_mentioned
from .skeleton import Folded
from .words import Word, sentences, words

_REACH = 400
_ENOUGH = 1.0 - 1e-9
_DISGUISE = 0.4
_DEEPEST = 3
_LETTER = r"[^\W_]"
_PULLED_APART = re.compile(
    rf"(?<!{_LETTER}){_LETTER}{{1,2}}(?:[\W_]{{1,3}}{_LETTER}{{1,2}}(?!{_LETTER})){{4,}}"  # i g no re
    rf"|(?<!{_LETTER}){_LETTER}{{1,3}}(?:[\W_]{{1,3}}{_LETTER}{{1,3}}(?!{_LETTER})){{6,}}"
    rf"|{_LETTER}{{15,}}"  # ignoreallprevious
)
_AROUND = 80
_LONG = 5
_STEM = 3
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class _Evidence:
    name: str
    weight: float
    start: int
    end: int
    hidden: str = ""
    beside: str = ""


def hits_in(text: str) -> tuple[Hit, ...]:
    """Return what in `text` tries to take the model over, in order."""
    return tuple(_hits(text, list(_evidence(text, 0))))


def _hits(text: str, found: list[_Evidence], enough: float = _ENOUGH) -> Iterator[Hit]:
    found.sort(key=lambda evidence: (evidence.start, evidence.end, evidence.name))
    left, strong = 0, set()
    for right, evidence in enumerate(found):
        while found[left].start < evidence.start - _REACH:
            left += 1
        near = found[left : right + 1]
        names = {one.name for one in near}
        best: dict[str, float] = {}
        for one in near:
            if not one.beside or not names.isdisjoint(one.beside.split("|")):
                weight = one.weight + (_DISGUISE if one.hidden else 0)
                best[one.name] = max(best.get(one.name, 0), weight)
        if sum(best.values()) >= enough:
            strong.update(left + index for index, one in enumerate(near) if one.name in best)
    hits = (found[index] for index in sorted(strong))
    for (kind, start, end), same in groupby(hits, key=lambda one: (one.name, one.start, one.end)):
        yield Hit(kind, start, end, text[start:end], max(one.hidden for one in same))


def _evidence(text: str, depth: int) -> Iterator[_Evidence]:
    folded = Folded(text)
    for start, end in sentences(folded.text):
        yield from _in_words(folded, words(folded.text, start, end, UNSPACED.vocabulary))
    yield from _in_letters(folded)
    for name, weight, mark in MARKS:
        for match in mark.finditer(text):
            if not is_mentioned(text, match.start(), match.end()):
                yield _Evidence(name, weight, match.start(), match.end())
    if depth < _DEEPEST:
        for start, end, plain in decoded(text):
            inner = list(_hits(plain, list(_evidence(plain, depth + 1)), _ENOUGH - _DISGUISE))
            if inner and not is_mentioned(text, start, end, hidden=True):
                yield _Evidence(inner[0].kind, 1, start, end, "encoding")


def _in_words(folded: Folded, sentence: Sequence[Word]) -> Iterator[_Evidence]:
    for matcher, match in _starters().matches(sentence):
        rule = matcher.rule
        if rule.directed and not is_directed(sentence, match.first, match.head_end, matcher.language):
            continue
        if rule.topical and has_topic(sentence, match.last if matcher.others else match.end):
            continue
        start, end = folded.span(sentence[match.start].start, sentence[match.end - 1].end)
        hidden = "letters" if folded.is_disguised(start, end) else ""
        if not is_mentioned(folded.source, start, end, hidden=bool(hidden)):
            yield _Evidence(rule.name, rule.weight, start, end, hidden, rule.beside)


def _in_letters(folded: Folded) -> Iterator[_Evidence]:
    """Read anew where letters of words were pulled apart, or words run together."""
    for low, high in _suspicious(folded.text):
        places = [index for index in range(low, high) if folded.text[index].isalnum()]
        letters = "".join(folded.text[index] for index in places)
        for language in LANGUAGES:
            if not any(word in letters for word in _long_words(language)):
                continue
            sentence = _respelt(letters, language)
            for matcher, match in _core_starters(language).matches(sentence):
                if not _pulled_apart(folded.text, places, sentence, match):
                    continue
                start, end = (places[sentence[match.first].start], places[sentence[match.end - 1].end - 1] + 1)
                start, end = folded.span(start, end)
                if not is_mentioned(folded.source, start, end, hidden=True):
                    yield _Evidence(matcher.rule.name, matcher.rule.weight, start, end, "spacing", matcher.rule.beside)


def _respelt(letters: str, language: Language) -> list[Word]:
    """Cut letters into the words of a language; unknown letters between them are one word."""
    found: list[Word] = []
    known = False
    for start, end in language.vocabulary.cut(letters):
        if end - start == 1 and found and not known:
            found[-1] = Word("", found[-1].start, end, False)
        else:
            known = end - start > 1
            found.append(Word(letters[start:end] if known else "", start, end, False))
    return found


def _pulled_apart(text: str, places: list[int], sentence: Sequence[Word], match: Match) -> bool:
    """Whether the words of a match were run together, or one was broken up between whole words."""
    first, last = sentence[match.first].start, sentence[match.end - 1].end - 1
    start, end = places[first], places[last] + 1
    if end - start == last + 1 - first:
        return True
    if (start and text[start - 1].isalnum()) or text[end : end + 1].isalnum():
        return False
    inside = (*sentence[match.first : match.head_end], *sentence[match.last : match.end])
    return any(places[word.end - 1] - places[word.start] != word.end - 1 - word.start for word in inside)


def _suspicious(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a folded text where words may be pulled apart or run together."""
    low = high = -1
    for start, end in merge(
        ((match.start(), match.end()) for match in _PULLED_APART.finditer(text)), _split_words(text)
    ):
        first, last = max(0, start - _AROUND), min(len(text), end + _AROUND)
        if first > high:
            if high > 0:
                yield low, high
            low = first
        high = max(high, last)
    if high > 0:
        yield low, high


def _split_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield where two neighbours make a word of the rules only together: "instruc tions"."""
    known = _all_long_words()
    before = second = re.compile("").match("")
    for match in _WORD.finditer(text):
        word = match[0]
        if word not in known and before[0] not in known:
            if before[0] + word in known:
                yield before.start(), match.end()
            elif second[0] + before[0] + word in known:
                yield second.start(), match.end()
        second, before = before, match


@cache
def _long_words(language: Language) -> frozenset[str]:
    return frozenset(word for word in language.core_words() if len(word) >= (_LONG if language.spaced else 2))


@cache
def _all_long_words() -> frozenset[str]:
    return frozenset(word for language in LANGUAGES if language.spaced for word in _long_words(language))


class _Starters:
    """Rules by the word a match begins with."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._exact: dict[str, tuple[Matcher, ...]] = {}
        self._prefixes: dict[str, list[tuple[str, Matcher]]] = {}
        for matcher in matchers:
            for word in matcher.head.first:
                self._exact[word] = (*self._exact.get(word, ()), matcher)
            for prefix in matcher.head.prefixes:
                self._prefixes.setdefault(prefix[:_STEM], []).append((prefix, matcher))

    def matches(self, sentence: Sequence[Word]) -> Iterator[tuple[Matcher, Match]]:
        """Yield every rule that is found in the sentence."""
        here = _Present(sentence)
        for place, word in enumerate(sentence):
            matchers = self._exact.get(word.text, ())
            stems = self._prefixes.get(word.text[:_STEM])
            if stems:
                matchers += tuple(matcher for prefix, matcher in stems if word.text.startswith(prefix))
            for matcher in matchers:
                if all(here[phrases] for phrases in matcher.needs):
                    match = matcher.match(sentence, place)
                    if match is not None:
                        yield matcher, match


class _Present(dict[Phrases, bool]):
    """Which phrases can stand in a sentence, found out when first asked."""

    def __init__(self, sentence: Sequence[Word]) -> None:
        self._words = frozenset(word.text for word in sentence)

    def __missing__(self, phrases: Phrases) -> bool:
        self[phrases] = present = phrases.may_stand_in(self._words)
        return present


@cache
def _starters() -> _Starters:
    return _Starters(matcher for language in LANGUAGES for matcher in language.matchers)


@cache
def _core_starters(language: Language) -> _Starters:
    return _Starters(matcher for matcher in language.matchers if matcher.rule.is_core)
