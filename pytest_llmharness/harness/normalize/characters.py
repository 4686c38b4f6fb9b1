"""One spelling for what looks alike: keyboards of phones and desktops write it differently."""

# ruff: noqa: RUF001 - look-alike letters are what this is about
from __future__ import annotations

import re
import unicodedata

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_LINES = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_ONE_SPELLING = str.maketrans(
    {
        **dict.fromkeys(_SPACES, " "),
        **dict.fromkeys(_LINES, "\n"),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        "—": "--",
        "―": "--",
        "…": "...",
        **{chr(0xFF10 + index): str(index) for index in range(10)},
        **{chr(0xFF21 + index): chr(0x41 + index) for index in range(26)},
        **{chr(0xFF41 + index): chr(0x61 + index) for index in range(26)},
        **dict(zip("ﬀﬁﬂﬃﬄﬅﬆ", ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True)),
    }
)
_SPLIT_LINE = re.compile("\u00ad[ \t]*\n[ \t]*")
# Controls, soft hyphens, direction marks, variation selectors, tags and other letters nobody sees.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# Joiners carry meaning in Arabic, Indic and Khmer script and between emoji; elsewhere they hide.
_JOINED = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u2190-\u2bff\U0001f000-\U0001faff"
_JOINER = re.compile(f"(?<![{_JOINED}])[\u200c\u200d]+|[\u200c\u200d]+(?![{_JOINED}\u200c\u200d])")


def canonical_characters(text: str) -> str:
    """Drop what is not seen, and give quotes, dashes, spaces, ligatures and widths one spelling."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", _SPLIT_LINE.sub("", text))
    text = _UNSEEN.sub("", text.translate(_ONE_SPELLING))
    return text if text.isascii() else unicodedata.normalize("NFC", _JOINER.sub("", text))
