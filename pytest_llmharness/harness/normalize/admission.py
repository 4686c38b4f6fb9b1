"""First layer: what comes in is checked before anything is spent on it."""

from __future__ import annotations

from collections.abc import Mapping

from ...domain.request import Request
from ...errors import ConfigError, InvalidRequest


def as_request(request: Request | str) -> Request:
    """Return the request as a value.

    Raises:
        ConfigError: it is neither a Request nor text.
    """
    if isinstance(request, str):
        return Request(request)
    if isinstance(request, Request):
        return request
    raise ConfigError(
        f"a {type(request).__name__} is no request",
        where="Harness.run",
        fix="pass a str or a Request(text=...)",
    )


def refusal(request: Request) -> InvalidRequest | None:
    """Return why the request must not reach a model, or None where it may."""
    if not isinstance(request.text, str) or not request.text.strip():
        return InvalidRequest(
            f"the request has no text: {request.text!r}",
            where="Request.text",
            fix="send at least one word",
        )
    texts = isinstance(request.documents, Mapping) and all(
        isinstance(name, str) and isinstance(text, str) for name, text in request.documents.items()
    )
    if not texts:
        return InvalidRequest(
            "the documents of the request are no texts by name",
            where="Request.documents",
            fix="send Request(..., documents={'contract.txt': text})",
        )
    return None
