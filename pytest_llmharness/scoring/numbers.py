"""Numbers as people and models write them."""

from __future__ import annotations

import math
import re

_CURRENCY = re.compile(r"[$€£¥₹]|\b(?:usd|eur|gbp|chf|jpy|dollars|euros)\b", re.IGNORECASE)
_GROUP = re.compile(r"(?<=\d)[ \u00a0\u202f'_](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"([-+]?)\s*([\d.,]+)\s*([a-z]*)\s*(%?)", re.IGNORECASE)
_PLAIN = re.compile(r"\d+(\.\d+)?|\.\d+")
_COMMA_GROUPS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_DOT_GROUPS = re.compile(r"\d{1,3}(\.\d{3}){2,}|\d{1,3}(\.\d{3})+,\d+")
_DECIMAL_COMMA = re.compile(r"\d+,(\d{1,2}|\d{4,})")
_SCALES = {"": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
_LONGEST = 40


def readings(text: str) -> tuple[float, ...]:
    """Return the numbers that a text may say: none, one, or two for a percentage (12 and 0.12).

    It knows "$500,000", "1.2 million", "1.234,50", "(300)" and "12 %". A text with a leading zero ("007")
    is a name and no number.
    """
    if len(text) > _LONGEST:
        return ()
    bare = _GROUP.sub("", _CURRENCY.sub("", text).strip())
    if bare.startswith("(") and bare.endswith(")"):  # as accountants write a loss
        bare = f"-{bare[1:-1]}"
    match = _NUMBER.fullmatch(bare)
    if match is None:
        return ()
    sign, digits, scale, percent = match.groups()
    plain, factor = _plain(digits), _SCALES.get(scale.lower())
    if plain is None or factor is None:
        return ()
    value = float(f"{sign}{plain}") * factor
    return (value, value / 100) if percent else (value,)


def is_marked(text: str) -> bool:
    """Return whether a text says that it is an amount: by a currency, a unit or a grouping."""
    return bool(readings(text)) and re.fullmatch(r"[-+]?\d+(\.\d+)?", text.strip()) is None


def amounts(value: object) -> tuple[float, ...]:
    """Return the numbers that a JSON value may say."""
    if isinstance(value, str):
        return readings(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ()
    try:
        return (float(value),)
    except OverflowError:
        return ()


def same_amount(one: object, other: object) -> bool:
    """Return whether two values may say the same number, up to the noise of floats."""
    return any(
        math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
        for left in amounts(one)
        for right in amounts(other)
    )


def _plain(digits: str) -> str | None:
    """Return digits with a decimal point at most, or None where the marks make no sense."""
    if re.match(r"0\d", digits):
        return None
    if _PLAIN.fullmatch(digits):
        return digits
    if _COMMA_GROUPS.fullmatch(digits):
        return digits.replace(",", "")
    if _DOT_GROUPS.fullmatch(digits) or _DECIMAL_COMMA.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    return None
