"""Tidies white space, and leaves the shape of code and lists alone."""

from __future__ import annotations

import re

_TRAILING = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_INSIDE = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)|(?<=\S)\t(?=\S)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_INDENT = re.compile(r"^[ \t]*(?=\S)", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_UNTIDY = re.compile(r"\A\s|\s\Z|[ \t]\n|[ \t]{2}|\t|\n{3}")


def tidy_whitespace(text: str) -> str:
    """Trim the ends, line ends and runs of blanks; keep indentation and fenced code.

    The indentation that all lines share is dropped, so that a pasted block keeps its shape.
    """
    if not _UNTIDY.search(text):
        return text
    text = _TRAILING.sub("", text)
    text = _without_margin(text.strip("\n"))
    pieces = _fenced(text)
    return _EMPTY_LINES.sub("\n\n", "".join(pieces)).strip("\n")


def _fenced(text: str) -> list[str]:
    """Return the pieces of the text with the runs of blanks outside fenced code closed up."""
    pieces, start, inside = [], 0, False
    for fence in _FENCE.finditer(text):
        piece = text[start : fence.start()]
        pieces.append(piece if inside else _INSIDE.sub(" ", piece))
        start, inside = fence.start(), not inside
    rest = text[start:]
    pieces.append(rest if inside else _INSIDE.sub(" ", rest))
    return pieces


def _without_margin(text: str) -> str:
    indents = [match[0] for match in _INDENT.finditer(text)]
    margin = min(indents, key=len, default="")
    if not margin or not all(indent.startswith(margin) for indent in indents):
        return text
    return re.sub(rf"^{margin}", "", text, flags=re.MULTILINE)
