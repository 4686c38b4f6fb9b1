"""When a cassette was recorded, as far as anything in it says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import ConfigError
from .loading import Cassette
from .take import RecordedResponse

_CREATED = re.compile(rb'"created(?:_at)?"\s*:\s*(\d{9,11}(?:\.\d+)?|"[^"]{10,40}")')
_AGE = re.compile(r"(\d+)\s*([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def recorded_at(cassette: Cassette) -> tuple[datetime, str]:
    """Return when the oldest take was recorded, and what says so.

    That is the takes' or the file's own `recorded_at`, else the answers' time of creation or Date
    header, else the file's time, which a checkout sets anew.
    """
    told = _moment(cassette.metadata.get("recorded_at"))
    if told is not None:
        return told, "recorded_at"
    takes = cassette.interactions
    moments = [moment for take in takes if (moment := _moment(take.recorded_at)) is not None]
    if moments and len(moments) == len(takes):
        return min(moments), "recorded_at"
    moments += [moment for take in takes if not take.recorded_at for moment in _answered(take.response)]
    if moments:
        return min(moments), "the answers"
    return datetime.fromtimestamp(cassette.path.stat().st_mtime, UTC), "the file's time"


def parse_age(text: str, where: str = "--max-age") -> timedelta:
    """Read an age such as 30d, 12h, 2w, 1y.

    Args:
        text: the age.
        where: which setting tells it.

    Raises:
        ConfigError: it is none.
    """
    found = _AGE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ConfigError(f"{text!r} is no age", where=where, fix=f"{where}=30d (s, m, h, d, w or y)")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _answered(response: RecordedResponse) -> Iterator[datetime]:
    found = _CREATED.search(response.body)
    moment = _moment(json.loads(found[1])) if found else None
    if moment is not None:
        yield moment
    if "date" not in response.headers:
        return
    from email.utils import parsedate_to_datetime

    try:
        yield parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
    except (TypeError, ValueError):
        return


def _moment(told: Any) -> datetime | None:
    try:
        if isinstance(told, int | float):
            return datetime.fromtimestamp(told, UTC)
        moment = datetime.fromisoformat(str(told))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
