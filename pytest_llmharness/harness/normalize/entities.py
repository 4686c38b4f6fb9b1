"""Decodes HTML entities, however deeply they were escaped."""

from __future__ import annotations

import re
from html.entities import html5

_LONGEST = 33  # "&CounterClockwiseContourIntegral;"
_NUMERIC = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}));")


def decoded_entities(text: str) -> str:
    """Decode `&name;` and `&#n;` until none is left, in time linear in the text.

    Each `;` closes at most one entity with the text decoded so far, so `&amp;lt;` ends as `<` and no
    nesting makes the work grow.
    """
    if "&" not in text or ";" not in text:
        return text
    out: list[str] = []
    for char in text:
        out.append(char)
        while out[-1:] == [";"]:
            meant = _last_entity(out)
            if meant is None:
                break
            out.extend(meant)
    return "".join(out)


def _last_entity(out: list[str]) -> str | None:
    """Remove the entity that ends `out` and return what it stands for, or None."""
    for size in range(2, min(_LONGEST, len(out)) + 1):
        if out[-size] == "&":
            meant = _meaning("".join(out[-size:]))
            if meant is not None:
                del out[-size:]
            return meant
    return None


def _meaning(entity: str) -> str | None:
    named = html5.get(entity[1:])
    if named is not None:
        return named
    numeric = _NUMERIC.fullmatch(entity)
    if numeric is None:
        return None
    point = int(numeric[1], 16) if numeric[1] else int(numeric[2])
    if point > 0x10FFFF or 0xD800 <= point < 0xE000 or point == 0:
        return "\ufffd"
    return chr(point)
