"""Days and moments as people and models write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.? ([a-z]{3,9})\.?,? (\d{4})", re.IGNORECASE)
_MONTH_DAY = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(\d{4})[./-](\d{1,2})[./-](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_LONGEST = 40


def same_day(one: str, other: str) -> bool:
    """Return whether two texts may name the same day, or the same moment where both name one.

    03/05/2024 may be the fifth of March or the third of May; with dots the day comes first.
    """
    return any(_equal(left, right) for left in named(one) for right in named(other))


def named(text: str) -> frozenset[date]:
    """Return the days, or the moments, that a text may name; "soon" names none."""
    text = " ".join(text.split())
    if len(text) > _LONGEST or not any(map(str.isdigit, text)):
        return frozenset()
    moment = _iso(text)
    return frozenset({moment}) if moment is not None else frozenset(_valid(_triples(text)))


def _triples(text: str) -> list[tuple[int, int, int]]:
    """Return the readings of a date as (year, month, day)."""
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = map(int, match.groups())
        return [(year, month, day)]
    if match := _DAY_MONTH.fullmatch(text):
        return [(int(match[3]), _month(match[2]), int(match[1]))]
    if match := _MONTH_DAY.fullmatch(text):
        return [(int(match[3]), _month(match[1]), int(match[2]))]
    if match := _YEAR_LAST.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        day_first = (year, second, first)
        return [day_first] if match[2] == "." else [day_first, (year, first, second)]
    return []


def _month(name: str) -> int:
    """Return the number of a month, or 0, which no date has."""
    short = name[:3].lower()
    return _MONTHS.index(short) + 1 if short in _MONTHS else 0


def _valid(triples: Iterable[tuple[int, int, int]]) -> Iterable[date]:
    for year, month, day in triples:
        try:
            yield date(year, month, day)
        except ValueError:
            continue


def _iso(text: str) -> datetime | None:
    """Read a moment of ISO 8601, in UTC; one that names no zone counts as UTC."""
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _equal(one: date, other: date) -> bool:
    """Compare two moments as moments, and a day with a moment by its day."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other
    return _day(one) == _day(other)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
