"""Cuts a long document into sections that can be read on their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ...domain.frozen import dataclass
from .words import sentences

SECTION_CHARS = 1200
_HEADING = re.compile(
    r"(?:(?:article|section|clause|schedule|annex|appendix|exhibit|part|chapter)\s+[\dA-Z]+(?:\.\d+)*\b.{0,80}"
    r"|\d+(?:\.\d+)*\.?\s+[A-Z][^.!?;]{2,80}|#{1,6}\s+\S.{0,100}|[A-Z][A-Z0-9 ,&'/()-]{3,80})",
    re.IGNORECASE,
)
_BLANK = re.compile(r"\n\s*\n")
_DIGITS = re.compile(r"\d+")
_EDGE_LINES = 2
_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document, with the heading it stands under and the page it begins on."""

    text: str
    heading: str
    page: int

    @property
    def label(self) -> str:
        """Where it stands, for a reader."""
        return ", ".join(part for part in (f"page {self.page}", self.heading) if part)


def sections(document: str, max_chars: int = SECTION_CHARS) -> list[Section]:
    """Return a document's sections in order, none longer than `max_chars` characters.

    Form feeds end pages. Lines that stand at the edge of three pages or more are running heads and
    page numbers and are left out. A long section is cut between paragraphs, then sentences, then
    words; each part begins with the heading. Nothing else is lost.
    """
    found: list[Section] = []
    heading, page_of_heading, held = "", 1, list[str]()
    for page, paragraph in _paragraphs(document):
        first, _, rest = paragraph.partition("\n")
        if len(first) <= max_chars // 4 and _is_heading(first, alone=not rest.strip()):
            found += _cut(held, heading, page_of_heading, max_chars)
            heading, page_of_heading, held = first.strip(), page, [rest] if rest.strip() else []
        else:
            if not held and not heading:
                page_of_heading = page
            held.append(paragraph)
            if sum(map(len, held)) > max_chars:
                # Cut as soon as it is full, so that each part has the page it begins on.
                found += _cut(held, heading, page_of_heading, max_chars)
                page_of_heading, held = page, []
    return found + _cut(held, heading, page_of_heading, max_chars)


def _paragraphs(document: str) -> Iterator[tuple[int, str]]:
    pages = document.replace("\r\n", "\n").split("\f")
    edges = Counter(edge for page in pages for edge in set(_edges(page)))
    repeated = {edge for edge, times in edges.items() if times >= _REPEATED}
    for number, page in enumerate(pages, start=1):
        kept = _without_edges(page, repeated) if repeated else page
        for paragraph in _BLANK.split(kept):
            if paragraph.strip():
                yield number, paragraph.strip()


def _edges(page: str) -> list[str]:
    lines = [_DIGITS.sub("#", line.strip()) for line in page.splitlines() if line.strip()]
    return lines[:_EDGE_LINES] + lines[-_EDGE_LINES:] if len(lines) > 2 * _EDGE_LINES else []


def _without_edges(page: str, repeated: set[str]) -> str:
    lines = page.splitlines()
    written = [place for place, line in enumerate(lines) if line.strip()]
    edge = {*written[:_EDGE_LINES], *written[-_EDGE_LINES:]}
    return "\n".join(
        line
        for place, line in enumerate(lines)
        if place not in edge or _DIGITS.sub("#", line.strip()) not in repeated
    )


def _is_heading(line: str, *, alone: bool) -> bool:
    """Tell a heading from the first line of a numbered paragraph."""
    line = line.strip()
    if not line or line.endswith((",", ";", ".")) or not _HEADING.fullmatch(line):
        return False
    if alone or line.startswith("#") or line == line.upper():
        return True
    return all(word[0].isupper() for word in line.split() if len(word) > 3 and word[0].isalpha())


def _cut(paragraphs: list[str], heading: str, page: int, max_chars: int) -> list[Section]:
    """Return the paragraphs under one heading as sections that are short enough."""
    if not paragraphs and not heading:
        return []
    room = max(1, max_chars - len(heading) - 1)
    texts = _packed([piece for each in paragraphs for piece in _pieces(each, room)], room) or [""]
    return [Section(f"{heading}\n{text}".strip(), heading.lstrip("# "), page) for text in texts]


def _packed(pieces: list[str], room: int) -> list[str]:
    texts: list[str] = []
    for piece in pieces:
        if texts and len(texts[-1]) + 1 + len(piece) <= room:
            texts[-1] += "\n" + piece
        else:
            texts.append(piece)
    return texts


def _pieces(paragraph: str, room: int) -> Iterator[str]:
    if len(paragraph) <= room:
        yield paragraph
        return
    for sentence in sentences(paragraph):
        rest = sentence
        while len(rest) > room:
            end = rest.rfind(" ", 1, room + 1)
            end = end if end > 0 else room
            yield rest[:end]
            rest = rest[end:].lstrip()
        if rest:
            yield rest
