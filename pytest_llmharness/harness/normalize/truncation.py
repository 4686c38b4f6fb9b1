"""Cuts a text to length and says so in it."""

from __future__ import annotations

MARK = "\n[truncated]"


def truncated(text: str, max_chars: int) -> str:
    """Return the text, cut with a mark at its end so that it has at most `max_chars` characters.

    The cut never parts a letter from its accents or an emoji from what it is joined to.
    """
    if len(text) <= max_chars:
        return text
    cut = max_chars - len(MARK)
    while cut > 0 and (_clings(text[cut]) or text[cut - 1] == "\u200d"):
        cut -= 1
    return text[: max(cut, 0)].rstrip() + MARK


def _clings(char: str) -> bool:
    import unicodedata

    return char == "\u200d" or unicodedata.category(char)[0] == "M" or "\U0001f3fb" <= char <= "\U0001f3ff"
