"""What a failed model looks like on the wire, whatever the dialect."""

from __future__ import annotations

from ..errors import (
    Explained,
    HarnessError,
    MalformedResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    Unignorable,
)
from .wire import Disconnect, Refusal

_SCRIPTED = "scripted"


def refused(error: HarnessError) -> Refusal | Disconnect:
    """Return how an answer that has not begun ends.

    A script's refused connection is a reset. A live model that cannot be reached is 502, one that
    ran out of time 504: the client did reach us. What no retry can mend (a script without a step
    left, a missing SDK) is 400, because every client retries 5xx.
    """
    if not isinstance(error, ProviderError):
        return Refusal(400, _explained(error))
    if error.status is None and isinstance(error, ProviderUnavailable) and error.provider == _SCRIPTED:
        return Disconnect(reset=True)
    headers = {} if error.retry_after_s is None else {"Retry-After": f"{error.retry_after_s:.15g}"}
    return Refusal(_status(error), error.what, headers)


def crashed(error: BaseException) -> Refusal:
    """Return the answer to a request that a script's function or a provider failed to handle."""
    if isinstance(error, Unignorable):
        return Refusal(400, _explained(error))
    return Refusal(500, f"{type(error).__name__}: {error}")


def _status(error: ProviderError) -> int:
    if error.status is not None and 400 <= error.status <= 599:
        return error.status
    if isinstance(error, ProviderTimeout):
        return 504
    return 502 if isinstance(error, ProviderUnavailable | MalformedResponse) else 500


def _explained(error: Explained) -> str:
    return f"{error.what}; {error.fix}"
