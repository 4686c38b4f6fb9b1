"""Who recorded a take, and when."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .take import RecordedRequest

_COMMENT = re.compile(r"\s*\([^)]*\)")  # the machine it ran on
_PRODUCT = re.compile(r"[\w.-]+/[\w.-]+( \d[\w.]*)?")


def client_of(request: RecordedRequest) -> str:
    """Return the SDK and its version as its User-Agent tells it, without the machine; or ""."""
    told = _COMMENT.sub("", request.headers.get("user-agent", ""))
    found = _PRODUCT.match(told.strip())
    return found[0][:80] if found else ""


def utc_now() -> str:
    """Return the time to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
