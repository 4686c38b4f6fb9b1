"""What the OpenAI and Anthropic SDKs share, being made by one generator: clients and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ProviderError
from .connection import http_settings
from .endpoint import Endpoint
from .failure import broken, malformed, refused, refused_midway, unreachable

_HTTP = "httpx2"


def make_client(sdk: Any, kind: str, url: str, key: str | None, headers: Mapping[str, Any] | None) -> Any:
    """Make an SDK client that neither retries nor limits, and sends no key it was not given."""
    import httpx2

    given = dict(headers or {})
    authorized = key or any(name.lower() == "authorization" for name in given)
    hooks = {} if authorized else {"request": [_without_key]}
    return getattr(sdk, kind)(
        api_key=key or "none",
        base_url=url,
        max_retries=0,
        timeout=None,
        default_headers=given,
        http_client=httpx2.AsyncClient(**http_settings(_HTTP, url), event_hooks=hooks),
    )


async def _without_key(request: Any) -> None:
    # Both SDKs insist on a key; this is the one they were given for want of another.
    request.headers.pop("authorization", None)


def explain(sdk: Any, error: Exception, at: Endpoint, partial: str | None) -> ProviderError | None:
    """Name an error of the SDK or of its HTTP library; None for one that is neither's."""
    import httpx2

    cause = error.__cause__ if isinstance(error, sdk.APIConnectionError) else error
    if isinstance(cause, httpx2.DecodingError):
        return malformed(at, str(cause))
    if isinstance(error, sdk.APIResponseValidationError):
        return malformed(at, str(error), error.status_code)
    if isinstance(error, sdk.APIStatusError) and not error.response.is_success:
        return refused(at, error.response)
    if isinstance(error, sdk.APIConnectionError | httpx2.RequestError | httpx2.StreamError):
        return unreachable(at, error) if partial is None else broken(at, partial, str(cause or error))
    if isinstance(error, sdk.APIError):
        return refused_midway(at, error.body, partial or "")
    return None


def check_stream(stream: Any, at_least_one: bool) -> None:
    """Refuse a stream of another type that held no event.

    Raises:
        ValueError: it was no event stream.
    """
    kind = stream.response.headers.get("content-type", "text/event-stream")
    if not at_least_one and not kind.startswith("text/event-stream"):
        raise ValueError(f"the server sent {kind} where text/event-stream was asked")
