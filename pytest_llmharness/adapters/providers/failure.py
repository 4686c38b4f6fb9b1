"""What can go wrong between us and a model's server, each under one of our names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ...errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    MalformedResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    StreamBroken,
)
from .endpoint import Endpoint
from .error_answer import HttpResponse, body_of, clipped, retry_after_s, told

_OVERFLOW_CODES = {"exceed_context_size_error", "context_length_exceeded"}
_STATUS_OF_TYPE = {
    "authentication_error": 401,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "permission_error": 403,
    "rate_limit_error": 429,
}


def refused(at: Endpoint, response: HttpResponse) -> ProviderError:
    """Name an answer whose status is not 2xx."""
    message, codes = told(body_of(response))
    wait_s = retry_after_s(response.headers)
    return by_status(at, response.status_code, message, codes, wait_s)


def refused_midway(at: Endpoint, body: object, partial: str) -> ProviderError:
    """Name an error that the server sent inside a stream that began well."""
    message, codes = told(body)
    status = next((number for number in map(_status, codes) if number), None)
    if codes & _OVERFLOW_CODES or (status and 400 <= status < 500):
        return by_status(at, status or 400, message, codes, None)
    return broken(at, partial, message or "the server reported an error in the stream", status)


def by_status(
    at: Endpoint, status: int, message: str, codes: set[str], wait_s: float | None
) -> ProviderError:
    """Name a refusal by its status and error codes, never by its text."""
    overflows = bool(codes & _OVERFLOW_CODES)
    row = _OVERFLOW if overflows else next((row for row in _REFUSALS if status in row.statuses), None)
    if row is None:
        return malformed(at, f"status {status} is no answer", status)
    fix = {"key": at.key_fix, "models": at.models_fix}.get(row.fix, row.fix)
    said = f"{row.what} (status {status})" + (f": {message}" if message else "")
    return at.error(row.kind, said, fix, status=status, retry_after_s=wait_s)


@dataclass(frozen=True, slots=True)
class _Refusal:
    statuses: Collection[int]
    kind: type[ProviderError]
    what: str
    fix: str


_OVERFLOW = _Refusal(
    (),
    ContextOverflow,
    "the prompt does not fit the context",
    "shorten the prompt or lower max_tokens, or give the model a larger context",
)
_REFUSALS = (
    _Refusal((401, 403), AuthenticationFailed, "the server refused the key", "key"),
    _Refusal((404,), BadRequest, "no such model at this address", "models"),
    _Refusal(
        (429,),
        RateLimited,
        "the server is rate limiting",
        "wait as long as the server asks, or send fewer requests at a time",
    ),
    _Refusal(
        (408, *range(500, 600)),
        ProviderUnavailable,
        "the server failed",
        "retry, or fall back to another model",
    ),
    _Refusal(
        range(400, 500),
        BadRequest,
        "the server refused the request",
        "change the request as the server says",
    ),
)


def unreachable(at: Endpoint, error: BaseException) -> ProviderError:
    """Name a connection that could not be made, or that broke before the answer was whole."""
    return at.error(ProviderUnavailable, f"no answer from the server: {_reason(error)}", at.start_fix)


def malformed(at: Endpoint, detail: str, status: int | None = None) -> ProviderError:
    """Name an answer that is not what the dialect promises."""
    fix = f"check that the address serves this dialect: curl -sS {at.url}"
    what = f"the answer cannot be read: {clipped(detail)}"
    return at.error(MalformedResponse, what, fix, status=status)


def misshapen(at: Endpoint, error: Exception) -> ProviderError:
    """Name an answer that the SDK took in and that then lacked what every answer has."""
    internal = isinstance(error, AttributeError | LookupError | TypeError)
    detail = "it has not the shape of an answer in this dialect" if internal else str(error)
    return malformed(at, detail)


def timed_out(at: Endpoint, timeout_s: float | None) -> ProviderError:
    """Name a call that ran into its own limit."""
    limit = "its limit" if timeout_s is None else f"{timeout_s:g} s"
    fix = "raise Options(timeout_s=...) or HarnessConfig(timeout_seconds=...), or use a faster model"
    return at.error(ProviderTimeout, f"the call took longer than {limit} and was cancelled", fix)


def broken(at: Endpoint, partial: str, why: str, status: int | None = None) -> ProviderError:
    """Name a stream that ended before the answer did."""
    what = f"the stream broke after {len(partial)} characters: {clipped(why)}"
    fix = "retry the call; the text so far is in .partial"
    error = at.error(StreamBroken, what, fix, status=status)
    assert isinstance(error, StreamBroken)
    return error.with_partial(partial)


def unsendable(at: Endpoint, error: UnicodeEncodeError) -> ProviderError:
    """Name a prompt that holds half of a surrogate pair, which no UTF-8 can carry."""
    fix = 'clean the text first: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")'
    return at.error(BadRequest, f"the prompt cannot be sent: {error.reason}", fix)


def _status(code: str) -> int | None:
    return int(code) if code.isdecimal() else _STATUS_OF_TYPE.get(code)


def _reason(error: BaseException) -> str:
    """Return the innermost explanation that has words."""
    words = ""
    link: BaseException | None = error
    while link is not None:
        words = str(link) or words
        link = link.__cause__ or link.__context__
    return clipped(words or type(error).__name__)
