"""Finds text that tries to take the model over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ....domain.frozen import dataclass
from .bearing import (
    is_about,
    is_conditional,
    is_directed,
    is_of_others,
    is_refused,
    is_vague,
    reported_places,
)
from .encoded import decoded
from .grammar import Match, Matcher
from .hit import Hit
from .letters import respelt_matches
from .lexicon import UNSPACED
from .marks import MARKS
from .mention import crosses_fields, crosses_quotes, is_mentioned
from .rule_index import all_rules
from .skeleton import Folded
from .words import Word, sentences, words

_REACH = 400
_ENOUGH = 0.9 - 1e-9
_ENOUGH_ENCODED = 0.6 - 1e-9
_DISGUISE = 0.4
_DEEPEST = 3
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
    strong: set[int] = set()
    left = 0
    for right, evidence in enumerate(found):
        while found[left].start < evidence.start - _REACH:
            left += 1
        best = _best_by_name(dict.fromkeys(found[left : right + 1]))
        if sum(best.values()) >= enough:
            strong.update(index for index in range(left, right + 1) if found[index].name in best)
    hits = (found[index] for index in sorted(strong))
    for (kind, start, end), same in groupby(hits, key=lambda one: (one.name, one.start, one.end)):
        yield Hit(kind, start, end, text[start:end], max(one.hidden for one in same))


def _best_by_name(near: Iterable[_Evidence]) -> dict[str, float]:
    """Return the most that each kind of evidence says; the same words say something only once."""
    names = {one.name for one in near}
    best: dict[str, float] = {}
    taken: list[_Evidence] = []
    for one in sorted(near, key=lambda one: (-one.weight, one.start - one.end)):
        if one.beside and names.isdisjoint(one.beside.split("|")):
            continue
        if not one.beside:
            if any(one.start < other.end and other.start < one.end for other in taken):
                continue
            taken.append(one)
        best[one.name] = max(best.get(one.name, 0), one.weight + (_DISGUISE if one.hidden else 0))
    return best


def _evidence(text: str, depth: int) -> Iterator[_Evidence]:
    folded = Folded(text)
    yield from _in_words(folded)
    for matcher, first, last in respelt_matches(folded.text):
        start, end = folded.span(first, last)
        if not is_mentioned(text, start, end, hidden=True):
            rule = matcher.rule
            yield _Evidence(rule.name, rule.weight, start, end, "spacing", rule.beside)
    for name, weight, mark in MARKS:
        for match in mark.finditer(text):
            if not is_mentioned(text, match.start(), match.end()):
                yield _Evidence(name, weight, match.start(), match.end())
    if depth < _DEEPEST:
        for start, end, plain in decoded(text):
            inner = list(_hits(plain, list(_evidence(plain, depth + 1)), _ENOUGH_ENCODED))
            if inner and not is_mentioned(text, start, end, hidden=True):
                yield _Evidence(inner[0].kind, 1, start, end, "encoding")


def _in_words(folded: Folded) -> Iterator[_Evidence]:
    rules = all_rules()
    said: set[tuple[str, float, int, int]] = set()
    for low, high in sentences(folded.text):
        plain = set(_WORD.findall(folded.text, low, high))
        candidates = rules.candidates(plain) if all(map(str.isascii, plain)) else None
        if candidates == []:
            continue
        sentence = words(folded.text, low, high, UNSPACED.vocabulary)
        for matcher, match in _meant(sentence, list(rules.matches(sentence, candidates))):
            rule = matcher.rule
            start, end = folded.span(sentence[match.start].start, sentence[match.end - 1].end)
            if (rule.name, rule.weight, start, end) in said:
                continue
            said.add((rule.name, rule.weight, start, end))
            hidden = "letters" if folded.is_disguised(start, end) else ""
            if not (
                crosses_fields(folded.source, start, end)
                or (matcher.others and crosses_quotes(folded.source, start, end))
                or is_mentioned(folded.source, start, end, hidden=bool(hidden))
            ):
                yield _Evidence(rule.name, rule.weight, start, end, hidden, rule.beside)


def _meant(sentence: Sequence[Word], found: list[tuple[Matcher, Match]]) -> Iterator[tuple[Matcher, Match]]:
    """Yield the matches whose words are said to the reader, of the reader's own orders."""
    reports = [match for matcher, match in found if matcher.rule.name == "report"]
    if len(reports) == len(found):
        return
    reported = reported_places(reports)
    conditional = is_conditional(sentence)
    for matcher, match in found:
        rule, several = matcher.rule, bool(matcher.others)
        if (
            rule.weight
            and reported.get(match.start, match.end) >= match.end
            and not (rule.name == "leak" and is_vague(sentence, match, matcher.language))
            and not (several and is_refused(sentence, match.first))
            and not (rule.name == "void" and is_of_others(sentence, match, matcher.language))
            and (not rule.directed or is_directed(sentence, match.first, match.head_end, matcher.language))
            and not (rule.topical and (conditional or is_about(sentence, matcher, match)))
        ):
            yield matcher, match
