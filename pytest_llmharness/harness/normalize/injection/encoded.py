"""Reads stretches of text that are another text, encoded."""

from __future__ import annotations

import base64
import re
from binascii import Error
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from ..entities import decoded_entities
from .skeleton import folded_word

_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{14,}(?:\s?\n[A-Za-z0-9+/_-]{14,})*={0,2}(?![\w+/])")
_HEX = re.compile(r"(?<!\w)(?:0x)?(?:[0-9A-Fa-f]{2}[ :]?){16,}(?!\w)")
_PERCENT = re.compile(r"(?:[\w.~+-]{0,8}%[0-9A-Fa-f]{2}[\w.~+-]{0,8}){4,}")
_TEXT = re.compile(r"[\w\s.,:;!?'\"()/<>@&*+=$#|\[\]{}%-]")
_MOSTLY = 0.9


def decoded(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, hidden text) of each stretch that decodes to readable text."""
    for pattern, decode in ((_BASE64, _from_base64), (_HEX, _from_hex), (_PERCENT, unquote_to_bytes)):
        for match in pattern.finditer(text):
            hidden = _readable(decode, match[0])
            if hidden:
                yield match.start(), match.end(), hidden


def _from_base64(text: str) -> bytes:
    plain = re.sub(r"-?\s", "", text).rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4))


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"^0x|[ :]", "", text))


def _readable(decode: Callable[[str], bytes], text: str) -> str:
    """Return the text that is encoded here, or nothing where it is none."""
    try:
        plain = decode(text).decode()
    except (ValueError, Error):
        return ""
    plain = decoded_entities(plain)
    seen = folded_word(plain)
    is_text = len(_TEXT.findall(seen)) >= _MOSTLY * len(seen) and any(char.isalpha() for char in seen)
    return plain if is_text else ""
