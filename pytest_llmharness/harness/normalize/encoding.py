"""Repairs text that was decoded with the wrong table."""

# ruff: noqa: RUF001 - look-alike letters are what this is about
from __future__ import annotations

import re


def _windows(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)  # browsers read the five bytes cp1252 leaves out as themselves


_BYTE_OF = {_windows(byte): byte for byte in range(0x80, 0x100)}
_CONTROLS = {byte: _windows(byte) for byte in range(0x80, 0xA0)}
_TAIL = "[" + "".join(re.escape(_windows(byte)) for byte in range(0x80, 0xC0)) + "]"
_RUN = re.compile(rf"(?:[Â-ß]{_TAIL}|[à-ï]{_TAIL}{{2}}|[ð-ô]{_TAIL}{{3}})+")
_SUSPECT = re.compile(r"[\x80-\x9fÂ-ô]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_CLOSING = frozenset("’”»…–—›")


def repaired_encoding(text: str) -> str:
    """Undo UTF-8 read as Windows-1252 ("cafÃ©", "donâ€™t"), C1 controls and lone surrogates.

    Only what cannot well be meant is changed: É” at the end of a quotation stays.
    """
    if text.isascii():
        return text
    if _SURROGATES.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if _SUSPECT.search(text):
        text = _RUN.sub(_reread, text).translate(_CONTROLS)
    return text


def _reread(match: re.Match[str]) -> str:
    run = match[0]
    try:
        meant = bytes(_BYTE_OF[char] for char in run).decode()
    except (KeyError, UnicodeDecodeError):
        return run
    return meant if _is_certain(match, meant) else run


def _is_certain(match: re.Match[str], meant: str) -> bool:
    """Whether the run is hardly ever written on purpose."""
    if len(meant) > 1:
        return True
    run, follower = match[0], match.string[match.end() : match.end() + 1]
    if run[0] in "ÃÂ" or (run[0] in "ÅÄ" and follower.isalpha()):
        return run[1] not in _CLOSING or follower.isalpha()
    return run[0] in "âðï"  # punctuation, emoji, marks of byte order
