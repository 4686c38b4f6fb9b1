"""Tells what kind of legal document a text is, and under which law it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from ...domain.frozen import dataclass

_ENOUGH_KIND = 4
_ENOUGH_JURISDICTION = 2
_STRONG, _WEAK = 2, 1
_LONGEST_READ = 200_000


@dataclass(frozen=True, slots=True)
class Document:
    """What a text is.

    Attributes:
        kind: "contract", "judgment", "statute", "policy", or None where it is none of them.
        jurisdiction: "US", "UK", "EU", "DE", "FR", "ES", "CH", or None where it does not say.
    """

    kind: str | None = None
    jurisdiction: str | None = None

    @property
    def route(self) -> str | None:
        """The task a router should take it for: "extraction" for legal documents."""
        return "extraction" if self.kind is not None else None


def document_of(text: str) -> Document:
    """Return what kind of legal document `text` is.

    A kind needs several different cues, so a text that only has the word "legal" in it is none; a tie
    between kinds or jurisdictions is settled by the order of the tables.
    """
    lowered = text[:_LONGEST_READ].lower()
    kind = _best(lowered, "kinds", _ENOUGH_KIND)
    if kind is None:
        return Document()
    return Document(kind, _best(lowered, "jurisdictions", _ENOUGH_JURISDICTION))


def _best(text: str, table: str, enough: int) -> str | None:
    scores = {name: _score(text, strong, weak) for name, (strong, weak) in _patterns(table).items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] >= enough else None


def _score(text: str, strong: re.Pattern[str], weak: re.Pattern[str]) -> int:
    """Count each different cue once."""
    return _STRONG * len({match[0] for match in strong.finditer(text)}) + _WEAK * len(
        {match[0] for match in weak.finditer(text)}
    )


@cache
def _patterns(table: str) -> Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    from .document_cues import JURISDICTIONS, KINDS

    cues = KINDS if table == "kinds" else JURISDICTIONS
    return {name: (_pattern(strong), _pattern(weak)) for name, (strong, weak) in cues.items()}


def _pattern(cues: str) -> re.Pattern[str]:
    found = sorted(
        (cue.strip() for cue in re.split(r"[,\n]", cues) if cue.strip()), key=lambda cue: (-len(cue), cue)
    )
    words = (
        r"\s+".join(re.escape(word) for word in cue.split()).replace(r"\*", r"\w*").replace(r"\#", r"\d+")
        for cue in found
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)")
