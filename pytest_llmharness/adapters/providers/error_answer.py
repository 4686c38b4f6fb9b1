"""What an answer with an error status says, in any of the dialects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

_SHOWN_CHARS = 300


class HttpResponse(Protocol):
    """What httpx and httpx2 responses have in common."""

    @property
    def status_code(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    def json(self) -> Any: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


def body_of(response: HttpResponse) -> object:
    """Return the JSON value of an answer, else its text."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return response.text


def told(body: object) -> tuple[str, set[str]]:
    """Return what an error body says, and every code in it, in any of the dialects."""
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(inner, Mapping):
        return clipped(str(inner or "")), set()
    details = inner.get("details")
    codes = [inner.get("type"), inner.get("code")]
    codes += [details.get("error_code")] if isinstance(details, Mapping) else []
    message = inner.get("message") or inner.get("detail") or ""
    return clipped(str(message)), {str(code) for code in codes if isinstance(code, str | int)}


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long the server asks to wait: milliseconds, seconds or an HTTP date (RFC 9110).

    A date is measured from the answer's own Date header where there is one, so that a wrong
    clock on this side does no harm. A replayed answer says what was recorded in a header of
    its own, for nobody shall wait for it.
    """
    recorded = headers.get("x-llmharness-retry-after")
    millis = _number(headers.get("retry-after-ms")) if recorded is None else None
    if millis is not None:
        return millis / 1e3
    value = headers.get("retry-after") if recorded is None else recorded
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    until, now = _moment(value), _moment(headers.get("date")) or datetime.now(UTC)
    return None if until is None else max((until - now).total_seconds(), 0.0)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return max(number, 0.0) if number < float("inf") else None


def _moment(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value or "")
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def clipped(text: str) -> str:
    """Return the text on one line of a readable length."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 3] + "..."
