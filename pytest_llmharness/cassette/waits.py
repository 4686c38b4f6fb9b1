"""What a server asked a client to wait: noted, and not waited for in replay."""

from __future__ import annotations

from dataclasses import replace

from .take import Headers, RecordedResponse

_RETRIED = (408, 409, 429)
_NAMES = ("retry-after", "retry-after-ms")
ASKED = "x-llmharness-retry-after"
"""The header of a replayed answer that says what wait was recorded, as retry-after said it; or ""."""


def without_wait(response: RecordedResponse) -> tuple[RecordedResponse, float | None]:
    """Return the response so that no client pauses after it, and the seconds it asked for.

    The SDKs of OpenAI and Anthropic take a millisecond where it says so, and half a second and
    more where it says nothing. The seconds are None where it did not ask, or named a date.
    """
    found = {name: response.headers[name] for name in _NAMES if name in response.headers}
    if not found and response.status not in _RETRIED and response.status < 500:
        return response, None
    kept = [pair for pair in response.headers.pairs if pair[0] not in _NAMES]
    millis = _number(found.get("retry-after-ms"))
    seconds = _number(found.get("retry-after")) if millis is None else millis / 1e3
    if "retry-after" in found:
        kept.append(("retry-after", "0"))
    kept.append(("retry-after-ms", "1"))
    kept.append((ASKED, f"{seconds:.15g}" if seconds is not None else found.get("retry-after", "")))
    return replace(response, headers=Headers(kept)), seconds


def _number(value: str | None) -> float | None:
    try:
        return float(value or "")
    except ValueError:
        return None
