"""Names what went wrong with a model call, and what it says about the endpoint."""

from __future__ import annotations

from math import isfinite

from ...domain.result import FailureReason
from ...errors import (
    AuthenticationFailed,
    BadRequest,
    HarnessError,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    StreamBroken,
)
from ..config import HarnessConfig
from ..foreign import said

_REASONS: tuple[tuple[type[ProviderError], FailureReason], ...] = (
    (ProviderTimeout, FailureReason.TIMEOUT),
    (RateLimited, FailureReason.RATE_LIMITED),
    (ProviderUnavailable, FailureReason.PROVIDER_UNAVAILABLE),
    (StreamBroken, FailureReason.PROVIDER_UNAVAILABLE),
    (ProviderError, FailureReason.PROVIDER_REFUSED),
)


def named(error: BaseException, provider: str, config: HarnessConfig) -> ProviderError:
    """Return the failure of a call as one of our errors; a wait that is no time is left out of it."""
    if isinstance(error, ProviderError):
        if not _is_time(error.retry_after_s):
            error.retry_after_s = None
        return error
    if isinstance(error, TimeoutError):
        named_error: ProviderError = ProviderTimeout(
            f"the model did not answer within {config.timeout_seconds:g} s",
            where=f"provider {provider}",
            fix="raise HarnessConfig(timeout_seconds=...), or use a faster model",
            provider=provider,
        )
    elif isinstance(error, HarnessError):
        named_error = ProviderError(error.what, where=error.where, fix=error.fix, provider=provider)
    else:
        named_error = ProviderError(
            said(error),
            where=f"provider {provider}, which raised {type(error).__name__}",
            fix="make the adapter raise a ProviderError that says what to do",
            provider=provider,
        )
    named_error.__cause__ = error
    return named_error


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value) and value >= 0


def reason(error: ProviderError) -> FailureReason:
    """Return the failure reason that a run ends with when this error is its last."""
    return next(why for kind, why in _REASONS if isinstance(error, kind))


def blames_endpoint(error: BaseException) -> bool:
    """Return whether a failure counts against the endpoint: a 4xx is the caller's, but for 408 and 429."""
    if not isinstance(error, ProviderError):
        return isinstance(error, TimeoutError)
    if error.status is not None:
        return error.status in (408, 429) or not 400 <= error.status < 500
    return not isinstance(error, AuthenticationFailed | BadRequest)
