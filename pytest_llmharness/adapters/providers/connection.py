"""HTTP clients: one per event loop, cheap to make, closed with their loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from types import AsyncGeneratorType
from typing import Any, Generic, Protocol, TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ...errors import ConfigError, MissingExtra


class Closable(Protocol):
    """What every SDK's client has."""

    async def close(self) -> None: ...  # noqa: D102


Client = TypeVar("Client", bound=Closable)


class ClientPerLoop(Generic[Client]):
    """Holds a client for each event loop, because an asynchronous client is bound to its loop.

    A client ends with `aclose`, or by itself when its loop shuts down or when this object is
    dropped: it lives inside an asynchronous generator, and the loop finalizes those.
    """

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[Client, AsyncGeneratorType[None, None]]
        ] = WeakKeyDictionary()

    async def get(self, connect: Callable[[], Client]) -> Client:
        """Return the running loop's client, made by `connect` at first use."""
        self._forget_closed_loops()
        loop = asyncio.get_running_loop()
        client, life = self._held.get(loop) or (None, None)
        if client is None or life is None or life.ag_frame is None:
            client = connect()
            life = cast("AsyncGeneratorType[None, None]", _life(client))
            await anext(life)
            self._held[loop] = client, life
        return client

    async def aclose(self) -> None:
        """Close the running loop's client; those of other loops may be at work and stay theirs."""
        self._forget_closed_loops()
        _, life = self._held.pop(asyncio.get_running_loop(), (None, None))
        if life is not None:
            await life.aclose()

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._held if loop.is_closed()]:
            del self._held[loop]


async def _life(client: Closable) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.close()


def http_settings(library: str, url: str) -> dict[str, Any]:
    """Return what an httpx or httpx2 client for this address is made with.

    No timeouts: the clock port is the only one. A loopback address is never asked through a proxy.
    """
    limits = import_module(library).Limits(max_connections=1000, max_keepalive_connections=100)
    return {
        "verify": late_trust(library),
        "timeout": None,
        "follow_redirects": True,
        "trust_env": not is_loopback(url),
        "limits": limits,
    }


class LateTrust:
    """Stands for a TLS context and builds it at the first handshake (it costs 25 to 100 ms)."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = cache(build)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._build(), name)


@cache
def late_trust(library: str) -> LateTrust:
    """Return the one TLS context of this process for an HTTP library."""
    return LateTrust(lambda: import_module(library).create_ssl_context())


def sdk(module: str, extra: str) -> Any:
    """Import an SDK.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"the {module} SDK cannot be imported: {error}",
            where=f"extra {extra!r} of pytest-llmharness",
            fix=f"pip install 'pytest-llmharness[{extra}]'",
        ) from error


def checked_url(url: str, setting: str) -> str:
    """Return the address without a trailing slash.

    Raises:
        ConfigError: it is no http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"{readable_url(url)!r} is no http:// or https:// address",
            where=setting,
            fix="give it in full, such as http://127.0.0.1:8080/v1",
        )
    return url.rstrip("/")


def checked_key(key: str | None, setting: str) -> str | None:
    """Return the key without surrounding blanks; None where there is none.

    Raises:
        ConfigError: no HTTP header can carry it.
    """
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            "the API key holds a character that no HTTP header can carry",
            where=setting,
            fix="copy the key again, without line breaks or typographic characters",
        )
    return key or None


def readable_url(url: str) -> str:
    """Return the address without user, password, query and fragment."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def password_in(url: str) -> tuple[str, ...]:
    """Return the password in an address, where there is one."""
    return tuple(filter(None, [urlsplit(url).password]))


def is_loopback(url: str) -> bool:
    """Whether the address is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
