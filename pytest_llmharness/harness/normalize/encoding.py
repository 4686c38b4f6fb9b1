"""Repairs text that was decoded with the wrong table."""

# ruff: noqa: RUF001 - look-alike letters are what this is about
from __future__ import annotations

import re


def _windows(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)  # browsers read the five bytes cp1252 leaves out as themselves


# What a byte over ASCII was read as: by Windows-1252, or by Latin-1.
_BYTE_OF = {chr(byte): byte for byte in range(0x80, 0x100)} | {
    _windows(byte): byte for byte in range(0x80, 0x100)
}
_CONTROLS = {byte: _windows(byte) for byte in range(0x80, 0xA0)}
_TAIL = f"[{''.join(re.escape(char) for char, byte in _BYTE_OF.items() if byte < 0xC0)}]"
_RUN = re.compile(rf"(?:[Â-ß]{_TAIL}|[à-ï]{_TAIL}{{2}}|[ð-ô]{_TAIL}{{3}})+")
_SUSPECT = re.compile(r"[\x80-\x9fÂ-ô]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_CLOSING = frozenset("’”»…–—›")


def repaired_encoding(text: str) -> str:
    """Undo UTF-8 read as Windows-1252 ("cafÃ©", "donâ€™t") or Latin-1, C1 controls, lone surrogates.

    Only what cannot well be meant is changed: É” at the end of a quotation stays. Where one part of a
    text is certainly wrong, the parts that only may be are changed with it. What other tables made of
    a text is not undone.
    """
    if text.isascii():
        return text
    if _SURROGATES.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if _SUSPECT.search(text):
        if any(_is_certain(run) for run in _RUN.finditer(text)):
            text = _RUN.sub(lambda run: _reread(run[0]), text)
        text = text.translate(_CONTROLS)
    return text


def _reread(run: str) -> str:
    """Return what the bytes of a run say as UTF-8, or the run where they say nothing."""
    try:
        return bytes(_BYTE_OF[char] for char in run).decode()
    except UnicodeDecodeError:
        return run


def _is_certain(match: re.Match[str]) -> bool:
    """Whether the run is hardly ever written on purpose."""
    run, follower = match[0], match.string[match.end() : match.end() + 1]
    meant = _reread(run)
    if meant == run or len(meant) > 1:
        return meant != run
    if run[0] in "ÃÂ" or (run[0] in "ÅÄ" and follower.isalpha()):
        return run[1] not in _CLOSING or follower.isalpha()
    return run[0] in "âðï"  # punctuation, emoji, marks of byte order
