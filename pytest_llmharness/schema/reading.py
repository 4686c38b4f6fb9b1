"""What a string was probably meant to be: models write "$500,000" where 500000 is asked for."""

from __future__ import annotations

import json
import re
from typing import Any

NULLS = frozenset({"", "-", "n/a", "na", "nil", "none", "null", "unknown", "not applicable", "not available"})
_TRUE = frozenset({"true", "yes", "y", "on"})
_FALSE = frozenset({"false", "no", "n", "off"})
_SCALES = {
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "mn": 10**6,
    "mio": 10**6,
    "million": 10**6,
    "b": 10**9,
    "bn": 10**9,
    "billion": 10**9,
    "t": 10**12,
    "tn": 10**12,
    "trillion": 10**12,
}
_CURRENCY = r"[$€£¥₹₽₩₺₪฿]|(?:USD|EUR|GBP|JPY|CHF|CAD|AUD|CNY|INR|US\$|dollars?|euros?|pounds?|yen)\b"
_AMOUNT = re.compile(
    rf"""\s*(?P<minus>[-+])?\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[-+])?\s*
    (?P<digits>\d{{1,3}}(?:[,_ ]\d{{3}})+(?:\.\d+)?|\d{{1,30}}(?:\.\d{{1,30}})?)
    \s*(?P<scale>[a-z]+?)?\s*(?P<after>{_CURRENCY})?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_LONGEST = 100


def as_number(text: str) -> int | float | None:
    """Read "$500,000", "1.2 million" or "42" as a number; None where it does not read as one."""
    match = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    scale = _SCALES.get((match["scale"] or "").lower()) if match["scale"] else 1
    if scale is None:
        return None
    from decimal import Decimal

    amount = Decimal(re.sub("[,_ ]", "", match["digits"])) * scale
    if "-" in ((match["minus"] or "") + (match["inner"] or "")):
        amount = -amount
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def is_currency(text: str) -> bool:
    """Whether the string is an amount of money."""
    match = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST else None
    return bool(match and (match["before"] or match["after"]))


def as_boolean(text: str) -> bool | None:
    """Read "yes" or "False" as a boolean; None where it does not read as one."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def is_null(text: str) -> bool:
    """Whether the string says that there is nothing to say."""
    return text.strip().lower() in NULLS


def as_container(text: str) -> Any:
    """Read a string that holds a JSON object or array; None where it holds none."""
    if not text.strip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
