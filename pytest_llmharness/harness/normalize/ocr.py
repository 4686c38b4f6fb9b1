"""Repairs what a scanner left behind: words cut at line ends, page numbers between the lines."""

from __future__ import annotations

import re

_CUT = re.compile(r"(?<![^\W\d_])([^\W\d_]*[^\W\d_A-Z])-[ \t]*\n[ \t]*(?=([^\W\d_A-Z]+))")
_COMPOUND = re.compile(r"\b([^\W\d_]+)-([^\W\d_]+)")
# Heads that keep their hyphen wherever the line ends.
_HEADS = frozenset(
    {"self", "non", "well", "half", "all", "cross", "long", "short", "high", "low", "ill", "so", "up", "on"}
    | {"off", "in", "out", "old", "new", "two", "three", "vice", "ex", "co"}
)
_PAGE = re.compile(
    r"^[ \t]*(?:(?:page|seite|página|страница)[ \t]+\d{1,5}(?:[ \t]*(?:of|von|sur|de|из|/)[ \t]*\d{1,5})?"
    r"|第[ \t]*\d{1,5}[ \t]*页)[ \t]*(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


def repaired_scan(text: str) -> str:
    """Join words that were cut at a line's end, and drop lines that only number the page.

    The text itself is the dictionary: a compound that is written with its hyphen somewhere else
    in it keeps the hyphen.
    """
    if "\n" not in text:
        return text
    if "-" in text:
        compounds = {(head.lower(), tail.lower()) for head, tail in _COMPOUND.findall(text)}
        text = _CUT.sub(lambda cut: _joined(cut, compounds), text)
    return _PAGE.sub("", text)


def _joined(cut: re.Match[str], compounds: set[tuple[str, str]]) -> str:
    head = cut[1].lower()
    keeps = head in _HEADS or (head, cut[2].lower()) in compounds
    return cut[1] + ("-" if keeps else "")
