"""ECMA-262 patterns, which JSON Schema asks for, as Python patterns."""

from __future__ import annotations

import re
from functools import lru_cache

_SPACE = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PIECE = re.compile(_PAIR + r"|\\c[A-Za-z]|\\k<|\\u\{[0-9A-Fa-f]{1,6}\}|\\.|\(\?<(?![=!])|.", re.DOTALL)
_OUTSIDE = {
    "$": r"\Z",
    ".": r"[^\n\r\u2028\u2029]",
    r"\s": f"[{_SPACE}]",
    r"\S": f"[^{_SPACE}]",
    "(?<": "(?P<",
}


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Compile an ECMA-262 pattern: ASCII `\d` and `\w`, Unicode `\s`, `$` only at the very end.

    Raises:
        re.error: the pattern is none, or uses what `re` does not have (`\p{...}`).
    """
    out: list[str] = []
    inside = False
    for piece in _PIECE.findall(pattern):
        out.append(_inside(piece) if inside else _outside(piece))
        inside = piece != "]" if inside else piece == "["
    return re.compile("".join(out), re.ASCII)


def _outside(piece: str) -> str:
    if piece == r"\k<":
        raise re.error("named back references are not supported")
    return _OUTSIDE.get(piece) or _character(piece)


def _inside(piece: str) -> str:
    # Python warns about what may become set operations in a class.
    if piece in ("[", "&", "~", "|"):
        return "\\" + piece
    return _SPACE if piece == r"\s" else _character(piece)


def _character(piece: str) -> str:
    if piece.startswith(r"\c"):
        return f"\\x{ord(piece[2]) % 32:02x}"
    if piece.startswith(r"\u") and piece.count("u") == 2:
        units = bytes.fromhex(piece.replace(r"\u", ""))
        return re.escape(units.decode("utf-16-be"))
    if piece.startswith(r"\u{"):
        return re.escape(chr(int(piece[3:-1], 16)))
    return "/" if piece == r"\/" else piece
