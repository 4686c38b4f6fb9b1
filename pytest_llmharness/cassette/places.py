"""What is tapped in each HTTP stack, and what is put in its place while a cassette is in use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Place:
    """A method that every call of its stack goes through."""

    stack: str
    owner: str
    method: str
    kind: str = "wire"

    def find(self) -> Any:
        """Return the class, or None where this release of the stack has none."""
        found: Any = sys.modules[self.stack]
        if getattr(found.__spec__, "_initializing", False):
            found = import_module(self.stack)  # waits for the thread that is importing it
        for part in self.owner.split("."):
            found = getattr(found, part, None)
        return found


PLACES = (
    Place("httpx", "HTTPTransport", "handle_request", "sync"),
    Place("httpx", "AsyncHTTPTransport", "handle_async_request", "async"),
    Place("httpx2", "HTTPTransport", "handle_request", "sync"),
    Place("httpx2", "AsyncHTTPTransport", "handle_async_request", "async"),
    Place("httpx", "_transports.default", "create_ssl_context", "tls"),
    Place("httpx2", "_transports.default", "create_ssl_context", "tls"),
    Place("httpcore", "ConnectionPool", "handle_request", "bare"),
    Place("httpcore", "AsyncConnectionPool", "handle_async_request", "bare"),
    Place("httpcore2", "ConnectionPool", "handle_request", "bare"),
    Place("httpcore2", "AsyncConnectionPool", "handle_async_request", "bare"),
    Place("curl_cffi.requests.session", "Session", "request", "uncovered"),
    Place("curl_cffi.requests.session", "AsyncSession", "request", "uncovered"),
    Place("websockets.asyncio.client", "connect", "__await__", "uncovered"),
    Place("websockets.sync.client", "ClientConnection", "handshake", "uncovered"),
    Place("http.client", "HTTPConnection", "__init__", "birth"),
    Place("http.client", "HTTPSConnection", "__init__", "birth"),
    Place("urllib3", "connectionpool.HTTPConnectionPool", "urlopen"),  # requests and botocore, too
    Place("aiohttp", "BaseConnector", "connect", "connector"),
    Place("httplib2", "Http", "request"),
    Place("tornado.httpclient", "AsyncHTTPClient", "fetch"),
)


class Trip(Protocol):
    """Lets vcrpy take hold of its stacks; returns whether it has them."""

    def __call__(self) -> bool:
        """Do so."""


def _sync(_trip: Trip, place: Place, _owner: Any, original: Any) -> Any:
    from .transports import sync_transport

    return sync_transport(sys.modules[place.stack], original)


def _async(_trip: Trip, place: Place, _owner: Any, original: Any) -> Any:
    from .transports import async_transport

    return async_transport(sys.modules[place.stack], original)


def _tls(_trip: Trip, _place: Place, _owner: Any, original: Any) -> Any:
    from .deferred_tls import deferring

    return deferring(original)


def _connector(_trip: Trip, place: Place, _owner: Any, original: Any) -> Any:
    from .aiohttp_connector import connector

    return connector(sys.modules[place.stack], original)


def _bare(_trip: Trip, place: Place, owner: Any, original: Any) -> Any:
    """Refuse what did not come through a transport that is covered: a subclass, or a bare pool."""
    from .in_use import current
    from .transports import inside

    @wraps(original)
    def bare(this: Any, request: Any) -> Any:
        recording = None if inside.get() else current()
        if recording is not None:
            name = f"{place.stack}.{owner.__name__}"
            raise recording.refuse(
                f"a request went to {name} past the transports that a cassette covers",
                where=f"{name}.{place.method}",
                fix="in a transport of your own call super().handle_request(request), or use a Client",
            )
        return original(this, request)

    return bare


def _uncovered(_trip: Trip, place: Place, _owner: Any, original: Any) -> Any:
    """Refuse a stack that no cassette can hold; its WebSockets to this machine are let through."""
    from .in_use import current

    @wraps(original)
    def uncovered(this: Any, *args: Any, **kwargs: Any) -> Any:
        recording = None if _on_loopback(this) else current()
        if recording is not None:
            name = place.stack.partition(".")[0]
            raise recording.refuse(
                f"{name} is not covered: no cassette can hold its calls",
                where=f"{place.stack}.{place.owner}",
                fix="make the call with httpx, httpx2, aiohttp, requests or urllib3, or outside of the block",
            )
        return original(this, *args, **kwargs)

    return uncovered


def _on_loopback(this: Any) -> bool:
    uri = getattr(this, "uri", None) or getattr(getattr(this, "protocol", None), "uri", None)
    host = getattr(uri, "host", None) or urlsplit(str(uri)).hostname
    return host in ("localhost", "::1") or str(host).startswith("127.")


def _wire(trip: Trip, _place: Place, _owner: Any, original: Any) -> Any:
    """Trip, then go on: vcrpy takes hold below this method, at the connections it makes."""

    @wraps(original)
    def wire(this: Any, *args: Any, **kwargs: Any) -> Any:
        trip()
        return original(this, *args, **kwargs)

    return wire


def _birth(trip: Trip, place: Place, owner: Any, original: Any) -> Any:
    """Trip when a plain connection is made, and let it be born as one of vcrpy's."""

    @wraps(original)
    def birth(this: Any, *args: Any, **kwargs: Any) -> None:
        if type(this) is owner and trip():
            from .vcr_bridge import lifted, stub_of

            if not lifted():
                this.__class__ = stub_of(place.owner)
                this.__init__(*args, **kwargs)
                return
        original(this, *args, **kwargs)

    return birth


MAKERS: dict[str, Callable[[Trip, Place, Any, Any], Any]] = {
    "sync": _sync,
    "async": _async,
    "tls": _tls,
    "connector": _connector,
    "bare": _bare,
    "uncovered": _uncovered,
    "wire": _wire,
    "birth": _birth,
}
