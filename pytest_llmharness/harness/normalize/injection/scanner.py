"""Finds text that tries to take the model over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from ....domain.frozen import dataclass
from .bearing import has_topic, is_conditional, is_directed
from .encoded import decoded
from .hit import Hit
from .letters import respelt_matches
from .lexicon import UNSPACED
from .marks import MARKS
from .mention import is_mentioned
from .rule_index import all_rules
from .skeleton import Folded
from .words import sentences, words

_REACH = 400
_ENOUGH = 1.0 - 1e-9
_DISGUISE = 0.4
_DEEPEST = 3
_ENDS = frozenset(("override", "disobey", "void", "guards"))  # the same words say this only once
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
    """Return the most that each kind of evidence says, as far as it counts beside the others."""
    names = {one.name for one in near}
    best: dict[str, float] = {}
    taken: list[_Evidence] = []
    for one in sorted(near, key=lambda one: (-one.weight, one.start - one.end)):
        if one.beside and names.isdisjoint(one.beside.split("|")):
            continue
        if one.name in _ENDS:
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
            inner = list(_hits(plain, list(_evidence(plain, depth + 1)), _ENOUGH - _DISGUISE))
            if inner and not is_mentioned(text, start, end, hidden=True):
                yield _Evidence(inner[0].kind, 1, start, end, "encoding")


def _in_words(folded: Folded) -> Iterator[_Evidence]:
    rules = all_rules()
    for low, high in sentences(folded.text):
        plain = set(_WORD.findall(folded.text, low, high))
        candidates = rules.candidates(plain) if all(map(str.isascii, plain)) else None
        if candidates == []:
            continue
        sentence = words(folded.text, low, high, UNSPACED.vocabulary)
        conditional = is_conditional(sentence)
        for matcher, match in rules.matches(sentence, candidates):
            rule = matcher.rule
            if rule.directed and not is_directed(sentence, match.first, match.head_end, matcher.language):
                continue
            if rule.topical and (
                conditional or has_topic(sentence, match.last if matcher.others else match.end)
            ):
                continue
            start, end = folded.span(sentence[match.start].start, sentence[match.end - 1].end)
            hidden = "letters" if folded.is_disguised(start, end) else ""
            if not is_mentioned(folded.source, start, end, hidden=bool(hidden)):
                yield _Evidence(rule.name, rule.weight, start, end, hidden, rule.beside)
