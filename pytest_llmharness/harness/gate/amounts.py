"""Reads amounts of money as people and models write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d\u207b", "-"))
_CURRENCY = re.compile(r"^[A-Z]{3}\b|\b[A-Z]{3}$|[$€£¥₹₽₩¢]|\b(?:EUR|USD)\b", re.IGNORECASE)
_SPACES = re.compile(r"[\s'_\u2019]+")


def read_amount(value: Any) -> Decimal | None:
    """Return a number or the text of one as a decimal; None where it is neither.

    NaN and the infinities are read, so that a rule can refuse them. "(10,000)" and "10000-" are
    negative, as accountants write it; of "." and "," the last one is the decimal mark, and a lone
    comma before three digits is a thousands mark.

    >>> read_amount("-$10,000"), read_amount("1.234,50 EUR"), read_amount("ten")
    (Decimal('-10000'), Decimal('1234.50'), None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    return _from_text(value) if isinstance(value, str) and len(value) <= 100 else None


def amounts_in(value: Any) -> Iterator[tuple[str, Decimal | None]]:
    """Yield (pointer, amount) for the amounts that a value holds, however deep.

    A scalar is one amount, None where it cannot be read. In an object or array the leaves that read
    as numbers count, and the container itself is unreadable where it holds no number at all.
    """
    if not isinstance(value, Mapping | list | tuple):
        if value is not None:
            yield "", read_amount(value)
        return
    found = [(pointer, leaf) for pointer, leaf in _leaves(value) if read_amount(leaf) is not None]
    for pointer, leaf in found:
        yield pointer, read_amount(leaf)
    if not found:
        yield "", None


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (pointer, scalar) without recursion, so that depth cannot break it."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        pointer, one = stack.pop()
        if isinstance(one, Mapping):
            stack.extend((f"{pointer}/{name}", each) for name, each in one.items())
        elif isinstance(one, list | tuple):
            stack.extend((f"{pointer}/{position}", each) for position, each in enumerate(one))
        else:
            yield pointer, one


def _from_text(text: str) -> Decimal | None:
    plain = unicodedata.normalize("NFKC", text).translate(_MINUS).strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = "-" + plain[1:-1]
    plain = _SPACES.sub("", _CURRENCY.sub("", plain.strip())) if not _is_word(plain) else plain
    if plain.endswith("-"):
        plain = "-" + plain[:-1]
    try:
        return Decimal(_with_point(plain))
    except InvalidOperation:
        return None


def _is_word(text: str) -> bool:
    return text.lstrip("+-").casefold() in ("nan", "inf", "infinity", "snan")


def _with_point(text: str) -> str:
    """Return the text with "." as its decimal mark and without thousands marks."""
    if "," not in text:
        return text.replace(".", "") if text.count(".") > 1 else text
    if "." in text:
        thousands = "." if text.rfind(",") > text.rfind(".") else ","
        return text.replace(thousands, "").replace(",", ".")
    head, _, tail = text.rpartition(",")
    if len(tail) == 3 or "," in head:
        return text.replace(",", "")
    return f"{head}.{tail}"
