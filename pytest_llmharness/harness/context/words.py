"""Cuts texts into words and sentences, so that texts can be compared."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SENTENCE_END = re.compile(
    r"(?<=[.!?;])([\"'\u201d\u2019)\]]*)\s+(?=[\"'\u201c(\[]?[A-Z0-9\u00c0-\u024f])|\n\s*\n|(?<=[\u3002\uff01\uff1f\uff1b])"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|no|nos|mr|mrs|ms|dr|prof|st|inc|ltd|co|corp|sec|art|par|approx|fig|[A-Za-z])\.$",
    re.IGNORECASE,
)

_STOP_WORDS = """
a about all also an and any are as at be been but by can could did do does for from give had has have he
her him his how i if in into is it its me my no not of on or our please she should so such tell than that
the their them then there these they this those to us was we were what when where which who whose why will
with would you your show find list explain describe summarize summarise summary extract every each
"""


def words(text: str) -> list[str]:
    """Return the words of a text, folded and cut to their stems; pairs of letters for CJK text."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if word.isascii():
            found.append(stem(word))
            continue
        for run in _WIDE.findall(word):
            found += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        rest = _WIDE.sub("", word)
        if rest:
            found.append(stem(rest))
    return found


def spoken(text: str) -> str:
    """Return a text's words in small letters with single blanks around them: equal for equal wording."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def content_words(text: str) -> list[str]:
    """Return the words that say what a text is about."""
    return [word for word in words(text) if word not in _STOP_STEMS]


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Return a word without its commonest English endings.

    Example:
        >>> stem("policies"), stem("refunds"), stem("billing"), stem("class")
        ('policy', 'refund', 'bill', 'class')
    """
    word = word.replace("\u2019", "'").removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]
    for ending in ("ing", "ed"):
        kept = word.removesuffix(ending)
        if kept != word and len(kept) > 2 and re.search("[aeiouy]", kept):
            doubled = len(kept) > 3 and kept[-1] == kept[-2] and kept[-1] not in "lsz"
            return kept[:-1] if doubled else kept
    return word.removesuffix("e") if len(word) > 4 else word


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, trimmed, none of them empty.

    A point after an abbreviation or a single letter does not end one.
    """
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        piece = text[start : end.start() + len(end[1] or "")]
        if piece.endswith(".") and _ABBREVIATION.search(piece[-12:]):
            continue
        found.append(piece)
        start = end.end()
    found.append(text[start:])
    return [piece for piece in (" ".join(piece.split()) for piece in found) if piece]


_STOP_STEMS = frozenset(map(stem, _STOP_WORDS.split()))
