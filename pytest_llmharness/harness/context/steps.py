"""The four steps between retrieving and sending: filter, rank, compress, assemble."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from ...errors import ConfigError
from .contract_law import CONTRACT_LAW
from .packing import at_both_ends, chosen
from .snippet import Ask, Snippet
from .topics import Subject, relevance
from .words import spoken


def relevant(
    min_share: float = 0.2, subjects: Iterable[Subject] = (CONTRACT_LAW,)
) -> Callable[[Ask, Sequence[Snippet]], list[Snippet]]:
    """Return the filter step: what is empty, said twice or beside the point is left out.

    Where the query asks for a known topic, only snippets that treat it stay, and their scores count
    within that. Otherwise a snippet stays where it scores at least `min_share` of the best one;
    scores of 0 or less are then left out, unless no snippet has more.
    """
    fields = tuple(subjects)

    def filtered(ask: Ask, snippets: Sequence[Snippet]) -> list[Snippet]:
        written = [_scored(snippet) for snippet in snippets if snippet.text.strip()]
        by_topic = relevance(ask.query, [snippet.text for snippet in written], fields)
        if by_topic is not None:
            top = max((abs(snippet.score) for snippet in written), default=0.0) or 1.0
            # A retriever's own score decides between snippets that treat the topics equally well.
            kept = [
                replace(snippet, score=topic + snippet.score / top / 10)
                for snippet, topic in zip(written, by_topic, strict=True)
                if topic > 0
            ]
        else:
            best = max((snippet.score for snippet in written), default=0.0)
            kept = [s for s in written if best <= 0 or (s.score > 0 and s.score >= min_share * best)]
        return _without_doubles(kept)

    if not 0 <= min_share <= 1:
        raise ConfigError(
            f"min_share={min_share!r} cannot work", where="relevant()", fix="give it a number from 0 to 1"
        )
    return filtered


def ranked(ask: Ask, snippets: Sequence[Snippet]) -> list[Snippet]:
    """Return the snippets by score, best first; equal ones as they came."""
    del ask
    return sorted(snippets, key=lambda snippet: -_scored(snippet).score)


def compressed(ask: Ask, snippets: Sequence[Snippet]) -> list[Snippet]:
    """Return the snippets without boilerplate; what stays is word for word as it was."""
    del ask
    shorter = (replace(snippet, text=without_boilerplate(snippet.text)) for snippet in snippets)
    return [snippet for snippet in shorter if snippet.text.strip()]


def assembled(ask: Ask, snippets: Sequence[Snippet]) -> list[Snippet]:
    """Return what fits, the best at the start and at the end, the weakest in the middle.

    Models use what stands at the ends of their context best (Liu et al. 2023, "Lost in the Middle").
    """
    return at_both_ends(chosen(ask, snippets))


_BOILERPLATE = re.compile(
    r"\bin witness whereof\b|^\W*whereas\b|\bnow,? therefore\b|\bgood and valuable consideration\b"
    r"|\b(?:headings?|captions?)\b.{0,80}\b(?:convenience|reference)\b"
    r"|\b(?:executed|signed) in (?:any number of )?counterparts\b"
    r"|\bthis page (?:is|has been) (?:intentionally )?left blank\b"
    r"|\bthe parties have caused this (?:agreement|contract)\b|\ball rights reserved\b",
    re.IGNORECASE,
)
# No formula without one of these: most texts hold none, and need no closer look.
_HINTS = (
    *("whereas", "witness", "therefore", "consideration", "heading", "caption", "counterpart"),
    *("left blank", "have caused", "rights reserved"),
)
_LEADERS = re.compile(r"[._\-=*~\u2022]{4,}|(?: \.){4,}")
# A sentence ends at its point, before a numbered or bulleted line, after a heading in capitals.
_END = re.compile(
    r"(?<=[.!?])\s+|\n(?=\s*(?:\d+(?:\.\d+)+\s|\d+[.)]\s|\(\w{1,3}\)\s|[-*#\u2022]\s|\n))|(?<=[A-Z]{2})\n"
)
# Indentation stays: in code and in lists it has a meaning.
_BLANKS = re.compile(r"(?<=\S)[ \t]{3,}")
_EMPTY_LINES = re.compile(r"\n{3,}")
_LEFT_OUT = "[\u2026]"


def without_boilerplate(text: str) -> str:
    """Return a text without formulas that carry no obligation, rulers and long runs of blanks.

    Indentation stays. Where sentences were taken out from between others, "[…]" says so.

    Example:
        >>> without_boilerplate("Fees are due. Headings are for convenience only.   It ends in May.")
        'Fees are due. […] It ends in May.'
    """
    text = _LEADERS.sub(" ", text)
    lowered = text.lower()
    hinted = any(hint in lowered for hint in _HINTS)
    pieces: list[str] = [] if hinted else [text]
    for piece in _pieces(text) if hinted else ():
        if not _BOILERPLATE.search(" ".join(piece.split())):
            pieces.append(piece)
        elif any(map(str.strip, pieces)) and not pieces[-1].startswith(_LEFT_OUT):
            pieces.append(_LEFT_OUT + (piece[len(piece.rstrip()) :] or " "))
    kept = "\n".join(_BLANKS.sub(" ", line.rstrip()) for line in "".join(pieces).splitlines())
    return _EMPTY_LINES.sub("\n\n", kept).strip("\n").removesuffix(_LEFT_OUT).rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Cut a text into sentences, each with the blanks that follow it."""
    start = 0
    for end in _END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


def _scored(snippet: Snippet) -> Snippet:
    """A score that is no number ranks last."""
    return snippet if math.isfinite(snippet.score) else replace(snippet, score=0.0)


def _without_doubles(snippets: Sequence[Snippet]) -> list[Snippet]:
    """Leave out what a better snippet says word for word; the order stays.

    Only whole repetitions count: two clauses that differ in one number or one "not" are two clauses.
    """
    said = [spoken(snippet.text) for snippet in snippets]
    kept: list[int] = []
    for place in sorted(range(len(snippets)), key=lambda at: -snippets[at].score):
        if not any(said[place] in said[other] for other in kept):
            kept.append(place)
    return [snippets[place] for place in sorted(kept)]
