"""Runs scripts on a Redis server, for every adapter that shares state there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ..errors import MissingExtra, SharedStateUnavailable

# What a script begins with: the time by the caller's clock where it names one, else the server's.
NOW = """
local now = tonumber(ARGV[1])
if not now then local t = redis.call('TIME'); now = t[1] + t[2] / 1000000 end
local function text(number) return string.format('%.6f', number) end
"""


class RedisScripts:
    """One client an event loop; every script is one atomic step on the server.

    Args:
        url: such as "redis://localhost:6379/0" or "unix:///run/redis.sock".
        timeout_s: after which the server counts as unreachable.

    Raises:
        MissingExtra: the client library is not installed.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        try:
            import redis.asyncio
        except ImportError as error:
            raise MissingExtra(
                "Redis cannot be used: its client library is not installed",
                where="the adapters for Redis",
                fix="pip install 'pytest-llmharness[redis]'",
            ) from error
        self._library: Any = redis
        self._url = url
        self._timeout_s = timeout_s
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    async def run(self, script: str, key: str, arguments: Sequence[str | bytes | float]) -> Any:
        """Run a script on one key and return its answer, bulk strings as bytes.

        Raises:
            SharedStateUnavailable: the server does not answer, or refuses.
        """
        client = self._client()
        try:
            return await client.register_script(script)(keys=[key], args=list(arguments))
        except (self._library.RedisError, OSError) as error:
            raise SharedStateUnavailable(
                f"Redis failed: {type(error).__name__}: {error}".splitlines()[0],
                where=self.place,
                fix="check that a server of version 6 or later runs there, and the password in the URL",
            ) from error

    async def aclose(self) -> None:
        """Close the connections of the running loop; a closed adapter connects again when used."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    @property
    def place(self) -> str:
        """The address without user and password."""
        parts = urlsplit(self._url)
        host = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else ""
        return f"{parts.scheme}://{host}{parts.path}"

    def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            limits = {"socket_timeout": self._timeout_s, "socket_connect_timeout": self._timeout_s}
            client = self._clients[loop] = self._library.asyncio.Redis.from_url(self._url, **limits)
        return client
