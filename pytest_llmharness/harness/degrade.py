"""Degradation layer: a model call that fails ends in a retry or in a named reason."""

from __future__ import annotations

from ..domain.result import FailureReason
from ..errors import (
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    StreamBroken,
)
from .config import HarnessConfig

_REASONS: tuple[tuple[type[ProviderError], FailureReason], ...] = (
    (ProviderTimeout, FailureReason.TIMEOUT),
    (RateLimited, FailureReason.RATE_LIMITED),
    (ProviderUnavailable, FailureReason.PROVIDER_UNAVAILABLE),
    (StreamBroken, FailureReason.PROVIDER_UNAVAILABLE),
    (ProviderError, FailureReason.PROVIDER_REFUSED),
)


def named(error: Exception, provider: str, config: HarnessConfig) -> ProviderError:
    """Return the failure of a call as one of our errors."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        named_error: ProviderError = ProviderTimeout(
            f"the model did not answer within {config.timeout_seconds:g} s",
            where=f"provider {provider}",
            fix="raise HarnessConfig(timeout_seconds=...), or use a faster model",
            provider=provider,
        )
    else:
        named_error = ProviderError(
            str(error) or type(error).__name__,
            where=f"provider {provider}, which raised {type(error).__name__}",
            fix="make the adapter raise a ProviderError that says what to do",
            provider=provider,
        )
    named_error.__cause__ = error
    return named_error


def reason(error: ProviderError) -> FailureReason:
    """Return the failure reason that a run ends with when this error is its last."""
    return next(why for kind, why in _REASONS if isinstance(error, kind))


def delay_s(error: ProviderError | None, config: HarnessConfig) -> float:
    """Return how long to wait before the next attempt: the server's wish where it is longer."""
    asked = error.retry_after_s if error is not None else None
    return max(config.retry_delay_seconds, asked or 0.0)
