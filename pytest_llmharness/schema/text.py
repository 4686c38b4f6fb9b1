"""Strict JSON text to Python values, and what is wrong with text that is none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

MAX_DEPTH = 128

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_FENCE = re.compile(r"\s*(```|~~~)")
# 2**1024 and larger integers have more digits than this, or are caught by the conversion.
_MOST_DIGITS = 310


class NoJson(ValueError):
    """The text is no JSON; the message completes "it ..."."""


def read(text: str | bytes, *, integer: Callable[[str], int | float] = int) -> Any:
    """Read JSON text (RFC 8259), as strictly as the Rust core does.

    Args:
        text: the text; bytes are UTF-8.
        integer: turns the digits of an integer into a number.

    Raises:
        NoJson: also for NaN and infinities, lone surrogates, numbers beyond the range of a
            double and nesting deeper than 128.
    """
    source = _decoded(text)
    _check_depth(source)
    try:
        value = json.loads(
            source,
            parse_float=_in_range(float),
            parse_int=_in_range(integer),
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise NoJson(_fault(source, error)) from None
    if "\\u" in source and has_lone_surrogate(json.dumps(value, ensure_ascii=False)):
        raise NoJson("holds a lone surrogate, half of a character")
    return value


def has_lone_surrogate(text: str) -> bool:
    """Whether a str holds what UTF-8 cannot express."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        if has_lone_surrogate(text):
            raise NoJson("holds a lone surrogate, half of a character")
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise NoJson(f"is not UTF-8 at byte {error.start}") from None


def _check_depth(source: str) -> None:
    if source.count("[") + source.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for character in _STRING.sub("", source):
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NoJson(f"is nested deeper than {MAX_DEPTH}")
        elif character in "]}":
            depth -= 1


def _in_range(convert: Callable[[str], int | float]) -> Callable[[str], int | float]:
    def converted(digits: str) -> int | float:
        if len(digits) > _MOST_DIGITS and digits.lstrip("-").isdigit():
            raise NoJson("holds a number beyond the range of a double")
        number = convert(digits)
        if math.isinf(float(digits)):
            raise NoJson("holds a number beyond the range of a double")
        return number

    return converted


def _refuse_constant(name: str) -> NoReturn:
    raise NoJson(f"holds {name}, which JSON does not know")


def _fault(source: str, error: json.JSONDecodeError) -> str:
    """Say what is wrong in the words that help a model most."""
    if not source.strip():
        return "is empty"
    if _FENCE.match(source):
        return "is inside a code fence; leave the fence out"
    if error.pos >= len(source.rstrip()) or error.msg.startswith("Unterminated string"):
        return "ends before it is complete"
    if error.msg == "Extra data":
        return f"has more text after the JSON value, from line {error.lineno} column {error.colno}"
    if error.pos == len(source) - len(source.lstrip()) and source.lstrip()[0] not in "{[":
        return "starts with text that is no JSON"
    reason = error.msg[0].lower() + error.msg[1:]
    return f"has a mistake at line {error.lineno} column {error.colno} ({reason})"
