"""What passes between the transport and a dialect."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ..ports.provider import Provider

JSON = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came.

    What may hold a key is not in its repr, so that a failed assertion shows none.

    Args:
        method: "GET", "POST", ...
        path: the path, without the query.
        query: what followed the "?", or "".
        headers: the header fields, their names in lower case; repeated ones joined by ", ".
        content: the bytes of the body.
    """

    method: str
    path: str
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def body(self) -> Any:
        """The body read as JSON, anew at each use; None where it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer. `length` is None where its pieces are sent as they come."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    length: int | None = None


Part: TypeAlias = Head | bytes


class Refusal(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Disconnect(Exception):
    """The connection is to end without another byte; `reset` makes that a TCP reset."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Backend:
    """What stands behind a dialect.

    Args:
        provider: the model.
        models: the names that exist; None accepts every name.
        key: what a client must prove to have; None asks for nothing.
    """

    provider: Provider
    models: tuple[str, ...] | None = None
    key: str | None = field(default=None, repr=False)


class Dialect(Protocol):
    """One API over a model. The transport knows nothing of it but this."""

    @property
    def name(self) -> str:
        """How `ModelServer.url` spells it."""

    @property
    def root(self) -> str:
        """What the base URL of its clients ends in, such as "/v1"."""

    def serves(self, path: str) -> bool:
        """Whether the path is one of its own."""
        ...

    def answer(self, request: ReceivedRequest, backend: Backend) -> AsyncGenerator[Part, None]:
        """Yield one Head, then the bytes, each piece when it is to be sent.

        Closing the generator ends the model's call. A Refusal before the Head becomes an error
        answer; whatever is raised after it ends the connection.
        """
        ...

    def error_body(self, refusal: Refusal) -> object:
        """Return the JSON document of an error answer."""
        ...


def encoded(document: object) -> bytes:
    """Return a document as one line of JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
