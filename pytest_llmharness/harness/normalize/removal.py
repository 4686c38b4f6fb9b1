"""Takes an attempt out of a text, with the sentence it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .injection import Hit

REMOVED = "[removed: suspected injection]"
_SENTENCE = 300
_STOP = re.compile(r"[.!?](?=\s|\Z)|[\n\u3002\uff01\uff1f\uff1b]")


def without_hits(text: str, hits: Iterable[Hit]) -> str:
    """Return the text with the sentences that hold the hits replaced by a mark."""
    out, done = [], 0
    for start, end in _sentences_around(text, hits):
        if start < done:
            done = max(done, end)
            continue
        out += [text[done:start], REMOVED]
        done = end
    return "".join([*out, text[done:]])


def _sentences_around(text: str, hits: Iterable[Hit]) -> Iterator[tuple[int, int]]:
    """Yield the bounds of the sentence around each hit, in order."""
    for hit in hits:
        low = max(0, hit.start - _SENTENCE)
        ends = [stop.end() for stop in _STOP.finditer(text, low, hit.start)]
        start = ends[-1] if ends else (low if low == 0 else hit.start)
        stop = _STOP.search(text, hit.end, min(len(text), hit.end + _SENTENCE))
        end = stop.end() if stop else (len(text) if hit.end + _SENTENCE >= len(text) else hit.end)
        while start < hit.start and text[start].isspace():
            start += 1
        while end > hit.end and text[end - 1].isspace():
            end -= 1
        yield start, end
