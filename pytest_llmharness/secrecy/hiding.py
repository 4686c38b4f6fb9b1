"""Both nets and the known values over one text, also where it is wrapped in base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .known import environment_values, forms
from .names import find_named
from .shapes import Span, find_shapes

REDACTED = "[redacted]"
"""What stands where a secret stood."""

_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}")
_LONG_RUN = 4096
_READABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\udc80-\udcff]{12}")
_DEEPEST = 3
_URL_SAFE = str.maketrans("-_", "+/")
_STANDARD = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret in a text.

    Attributes:
        kind: what it is, e.g. "GitHub token".
        start, end: where it stands.
    """

    kind: str
    start: int
    end: int


class Nets:
    """What finds secrets: by shape, by name, and by value.

    Args:
        known: secrets known by their value.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._forms = forms(known)

    def find(self, text: str) -> list[Finding]:
        """Return every secret in the text, in order of place."""
        found = [Finding(kind, *span) for kind, span in self._spans(text)]
        found += [Finding(kind, *span) for kind, span, _ in self._wrapped(text, 0)]
        return sorted(found, key=lambda each: (each.start, each.end))

    def hide(self, text: str) -> str:
        """Return the text with every secret replaced; hiding again changes nothing."""
        return self._hide(text, 0)

    def _hide(self, text: str, depth: int) -> str:
        # A second look: with one secret gone, another may stand at the edge of a word.
        for _ in range(3):
            before = text
            text = _replaced(text, [(span, REDACTED) for _, span in self._spans(text)])
            text = _replaced(text, [(span, instead) for _, span, instead in self._wrapped(text, depth)])
            if text == before:
                break
        return text

    def _spans(self, text: str) -> Iterator[tuple[str, Span]]:
        for form in self._forms:
            start = text.find(form)
            while start >= 0:
                yield "known value", (start, start + len(form))
                start = text.find(form, start + 1)
        yield from find_shapes(text)
        yield from find_named(text)

    def _wrapped(self, text: str, depth: int) -> Iterator[tuple[str, Span, str]]:
        """Yield what is base64 of a text with a secret, and the base64 of it without."""
        if depth >= _DEEPEST:
            return
        for run in _RUN.finditer(text):
            # What stands before may belong to a word; before an image nothing does.
            steps = 4 if run.end() - run.start() < _LONG_RUN else 1
            for start in range(run.start(), run.start() + steps):
                coded = text[start : run.end()]
                plain = _decoded(coded)
                if plain is None:
                    continue
                hidden = self._hide(plain, depth + 1)
                if hidden != plain:
                    yield "base64 of a secret", (start, run.end()), _coded(hidden, coded)
                    break


def hide(text: str, known: Iterable[str] = ()) -> str:
    """Return the text without secrets: by shape, by name, and by value.

    Args:
        text: what is about to be shown or written.
        known: secrets known by their value, besides those of the environment.
    """
    return Nets((*environment_values(), *known)).hide(text)


def _replaced(text: str, changes: list[tuple[Span, str]]) -> str:
    """Return the text with spans replaced; those that overlap become one."""
    if not changes:
        return text
    pieces, end = [], 0
    for (start, stop), instead in sorted(changes):
        if start >= end:
            pieces += [text[end:start], instead]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])


def _decoded(coded: str) -> str | None:
    whole = coded[: len(coded) // 4 * 4] if len(coded) % 4 == 1 else coded
    try:
        plain = base64.b64decode(whole.translate(_URL_SAFE) + "=" * (-len(whole) % 4))
    except (binascii.Error, ValueError):
        return None
    text = plain.decode("utf-8", "surrogateescape")
    return text if _READABLE.search(text) else None


def _coded(plain: str, like: str) -> str:
    """Return base64 in the alphabet that stood there, without padding: what stood there follows."""
    coded = base64.b64encode(plain.encode("utf-8", "surrogateescape")).decode().rstrip("=")
    return coded.translate(_STANDARD) if "-" in like or "_" in like else coded
