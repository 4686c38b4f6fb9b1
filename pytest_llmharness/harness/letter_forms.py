"""The many forms of a letter: cases, full widths, ligatures, the alphabets of mathematics."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def forms(letters: str, *, plain: bool) -> tuple[str, ...]:
    """Return the single characters that fold to one or two letters; `plain` keeps to ASCII."""
    own = (letters,) if len(letters) == 1 else ()
    found = (*own, *_forms().get(letters, ()))
    return tuple(one for one in found if one.isascii()) if plain else found


def pattern(letters: str, *, plain: bool) -> str:
    """Return the regular expression of these characters; one that matches nothing where there is none."""
    found = forms(letters, plain=plain)
    return f"[{''.join(map(re.escape, found))}]" if found else r"(?!)"


@lru_cache(maxsize=1)
def _forms() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for first, last in ((0x41, 0x2500), (0xFB00, 0xFB07), (0xFF00, 0xFFF0), (0x1D400, 0x1D800)):
        for character in map(chr, range(first, last)):
            folded = unicodedata.normalize("NFKC", character).casefold()
            if len(folded) in (1, 2) and folded != character and folded.isalnum():
                found.setdefault(folded, []).append(character)
    return {letters: tuple(each) for letters, each in found.items()}
