"""Faults that are laid over takes: recordings rarely hold the failures that a harness must survive."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from ..errors import ConfigError
from .chunks import Chunks, in_chunks
from .fingerprint import request_path
from .take import CONNECT_ERROR, CUT, TIMEOUT, Headers, RecordedRequest, RecordedResponse

LaidKind: TypeAlias = Literal[
    "rate_limit", "server_error", "timeout", "refuse_connection", "cut", "stall", "corrupt"
]
_WHERE = "llm_cassette.fault(...)"
_GARBAGE = b"\xff\xfe{garbage"


@dataclass(frozen=True, slots=True)
class LaidFault:
    """What befalls one answer.

    Attributes:
        kind: what happens.
        status: of "rate_limit" (429) and "server_error" (500).
        retry_after: seconds that "rate_limit" and "server_error" ask for; None asks for nothing.
        after_chunks: how many chunks come whole before "cut", "stall" or "corrupt".
        after_bytes: instead of that, how many bytes come before a "cut".
        seconds: how long a "stall" lasts.
    """

    kind: LaidKind
    status: int
    retry_after: float | None = None
    after_chunks: int | None = None
    after_bytes: int | None = None
    seconds: float = 30.0

    @property
    def leaves_take(self) -> bool:
        """Whether the answer did not come, so that the next equal request still gets it."""
        return self.kind not in ("stall", "corrupt")

    def over(self, response: RecordedResponse, request: RecordedRequest) -> RecordedResponse:
        """Return what comes instead of the response."""
        if self.kind in ("rate_limit", "server_error"):
            return self._refusal(request)
        if self.kind == "timeout":
            return RecordedResponse(0, end=TIMEOUT)
        if self.kind == "refuse_connection":
            return RecordedResponse(0, end=CONNECT_ERROR)
        if self.kind == "cut":
            return replace(in_chunks(response, self._first(response)), end=CUT, error="")
        return in_chunks(response, self._marred(response.chunks))

    def _first(self, response: RecordedResponse) -> Chunks:
        chunks = response.chunks
        if self.after_chunks is not None:
            return chunks[: self.after_chunks]
        left = len(response.body) // 2 if self.after_bytes is None else self.after_bytes
        first: Chunks = []
        for ms, data in chunks:
            first.append((ms, data[:left]))
            left = max(left - len(data), 0)
        return first

    def _marred(self, chunks: Chunks) -> Chunks:
        whole = self.after_chunks or 0
        if self.kind == "stall":
            late = [(ms + self.seconds * 1e3, data) for ms, data in chunks[whole:]]
            return [*chunks[:whole], *late]
        return [
            (ms, _GARBAGE + data[len(_GARBAGE) :] if place == whole else data)
            for place, (ms, data) in enumerate(chunks)
        ]

    def _refusal(self, request: RecordedRequest) -> RecordedResponse:
        fields = [("content-type", "application/json")]
        if self.retry_after is not None:
            fields.append(("retry-after", f"{self.retry_after:.15g}"))
        body = json.dumps(_error_body(request_path(request.url), self.status)).encode()
        return RecordedResponse(self.status, Headers(fields), body)


class Faults:
    """The faults of one recording, by the call they are laid over."""

    def __init__(self) -> None:
        self._laid: dict[int, LaidFault] = {}
        self._calls = 0

    def lay(self, kind: str, call: int, times: int, details: dict[str, Any]) -> None:
        """Lay a fault over some calls in a row, the first being `call`.

        Raises:
            ConfigError: there is no such kind, or a number does not fit.
        """
        _check(kind, call, times, details)
        status = details.pop("status", None) or (429 if kind == "rate_limit" else 500)
        fault = LaidFault(kind, status, **details)  # type: ignore[arg-type]  # `_check` knows the kinds
        self._laid.update(dict.fromkeys(range(call, call + times), fault))

    def next(self) -> LaidFault | None:
        """Return the fault of the call that is answered now, if it has one."""
        self._calls += 1
        return self._laid.pop(self._calls, None)


def _check(kind: str, call: int, times: int, details: dict[str, Any]) -> None:
    kinds = get_args(LaidKind)
    if kind not in kinds:
        raise ConfigError(
            f"there is no fault {kind!r} to lay over a take",
            where=_WHERE,
            fix=f"use one of {', '.join(kinds)}",
        )
    numbers = {"call": call - 1, "times": times - 1, **details}
    for name, number in numbers.items():
        if number is not None and number < 0:
            shown = number + 1 if name in ("call", "times") else number
            raise ConfigError(
                f"{name}={shown!r} is too small for a fault",
                where=_WHERE,
                fix="count calls and times from 1, everything else from 0",
            )


def _error_body(path: str, status: int) -> dict[str, Any]:
    """Say it as the provider does whose path this is."""
    limited = status == 429
    words = (
        "rate limit exceeded (laid over the recording)" if limited else "overloaded (laid over the recording)"
    )
    if path.startswith("/api/"):  # Ollama
        return {"error": words}
    if path.endswith("/messages"):  # Anthropic
        kind = "rate_limit_error" if limited else "overloaded_error" if status == 529 else "api_error"
        return {"type": "error", "error": {"type": kind, "message": words}}
    if "generatecontent" in path.lower():  # Gemini
        name = "RESOURCE_EXHAUSTED" if limited else "UNAVAILABLE" if status == 503 else "INTERNAL"
        return {"error": {"code": status, "message": words, "status": name}}
    kind = "rate_limit_exceeded" if limited else "server_error"
    return {"error": {"message": words, "type": kind, "code": kind, "param": None}}
