"""Reads anew where the letters of words were pulled apart, or words were run together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from heapq import merge

from .grammar import Language, Match, Matcher
from .lexicon import LANGUAGES
from .rule_index import RuleIndex
from .words import Word

_LETTER = r"[^\W_]"
_PULLED_APART = re.compile(
    rf"(?<!{_LETTER})(?:"
    rf"{_LETTER}{{1,2}}(?:[\W_]{{1,3}}{_LETTER}{{1,2}}(?!{_LETTER})){{4,}}"  # i g no re
    rf"|{_LETTER}{{1,3}}(?:[\W_]{{1,3}}{_LETTER}{{1,3}}(?!{_LETTER})){{6,}}"
    rf"|{_LETTER}{{15,}})"  # ignoreallprevious
)
_AROUND = 80
_LONG = 5
_LONG_UNSPACED = 2
_WORD = re.compile(rf"{_LETTER}+")


def respelt_matches(text: str) -> Iterator[tuple[Matcher, int, int]]:
    """Yield (rule, start, end) of what a folded text says once its letters are put together."""
    for low, high in _suspicious(text):
        places = [index for index in range(low, high) if text[index].isalnum()]
        letters = "".join([text[index] for index in places])
        parts = {
            size: {letters[at : at + size] for at in range(len(letters))} for size in (_LONG, _LONG_UNSPACED)
        }
        for language in LANGUAGES:
            if not _holds_long_word(letters, parts, language):
                continue
            sentence = _respelt(letters, language)
            for matcher, match in _core_rules(language).matches(sentence):
                if _pulled_apart(text, places, sentence, match, spaced=language.spaced):
                    yield (
                        matcher,
                        places[sentence[match.first].start],
                        places[sentence[match.end - 1].end - 1] + 1,
                    )


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


def _pulled_apart(
    text: str, places: list[int], sentence: Sequence[Word], match: Match, *, spaced: bool
) -> bool:
    """Whether the words of a match were run together, or one was broken up between whole words."""
    first, last = sentence[match.first].start, sentence[match.end - 1].end - 1
    start, end = places[first], places[last] + 1
    if spaced and end - start == last + 1 - first:
        return True
    if (start and text[start - 1].isalnum()) or text[end : end + 1].isalnum():
        return False
    inside = (*sentence[match.first : match.head_end], *sentence[match.last : match.end])
    return any(places[word.end - 1] - places[word.start] != word.end - 1 - word.start for word in inside)


def _suspicious(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a folded text where words may be pulled apart or run together."""
    pulled = ((match.start(), match.end()) for match in _PULLED_APART.finditer(text))
    low, high = 0, -1
    for start, end in merge(pulled, _split_words(text)):
        first, last = max(0, start - _AROUND), min(len(text), end + _AROUND)
        if first > high:
            if high > 0:
                yield low, high
            low = first
        high = max(high, last)
    if high > 0:
        yield low, high


def _split_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield where neighbours make a word of the rules only together: "instruc tions"."""
    known = _all_long_words()
    first = second = ("", 0)
    for match in _WORD.finditer(text):
        word = match[0]
        if word not in known and second[0] and second[0] not in known:
            if second[0] + word in known:
                yield second[1], match.end()
            elif first[0] + second[0] + word in known:
                yield first[1], match.end()
        first, second = second, (word, match.start())


@cache
def _long_words(language: Language) -> frozenset[str]:
    return frozenset(word for word in language.core_words() if len(word) >= _shortest(language))


def _shortest(language: Language) -> int:
    return _LONG if language.spaced else _LONG_UNSPACED


def _holds_long_word(letters: str, parts: Mapping[int, Set[str]], language: Language) -> bool:
    known = _long_words_by_beginning(language)
    there = known.keys() & parts[_shortest(language)]
    return any(word in letters for beginning in there for word in known[beginning])


@cache
def _long_words_by_beginning(language: Language) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in _long_words(language):
        found.setdefault(word[: _shortest(language)], []).append(word)
    return found


@cache
def _all_long_words() -> frozenset[str]:
    return frozenset(word for language in LANGUAGES if language.spaced for word in _long_words(language))


@cache
def _core_rules(language: Language) -> RuleIndex:
    return RuleIndex(matcher for matcher in language.matchers if matcher.rule.is_core)
