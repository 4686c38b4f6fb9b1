"""A socket that listens on this machine, and the loop that serves what connects to it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from ..adapters.executors.portal import Portal
from ..errors import ConfigError
from .connection import Connection, Site
from .inbound import Inbound

_BACKLOG = 1024
# From the readiness of the socket to a task of ours, asyncio takes three turns of its loop.
_TURNS_TO_ACCEPT = 4


class Listener:
    """Listens from its making to its closing.

    Args:
        port: the port on 127.0.0.1; 0 takes a free one.
        site: what its connections share.

    Raises:
        ConfigError: the port cannot be had.
    """

    def __init__(self, port: int, site: Site) -> None:
        self._bound = _bound(port)
        self.address: tuple[str, int] = self._bound.getsockname()
        self._site = site
        self._connections: set[asyncio.Task[None]] = set()
        self._portal = Portal()
        self._server = self._portal.run(self._listen())

    def close(self) -> None:
        """Let go of the port, the connections and the thread; all of them have ended on return."""
        if self._portal.alive:  # in a forked child it is not, and nothing there is ours to end
            self._portal.run(self._stop())
        self._portal.close()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._protocol, sock=self._bound, backlog=_BACKLOG)

    async def _stop(self) -> None:
        """Accept no more; the portal then cancels the connections, which are tasks by now."""
        if not self._server.is_serving():
            return
        # asyncio loses what it has accepted and not yet handed over when its server closes.
        with suppress(NotImplementedError):  # Windows' loop has no readers, and nothing to lose
            asyncio.get_running_loop().remove_reader(self._bound.fileno())
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        self._server.close()

    def _protocol(self) -> asyncio.BaseProtocol:
        inbound = Inbound(limit=self._site.limits.head_bytes)
        return asyncio.StreamReaderProtocol(inbound, self._connected)

    def _connected(self, inbound: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(inbound, Inbound)
        with suppress(OSError):  # asyncio does it only where the socket names its protocol: ours does not
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(Connection(inbound, writer, self._site).serve())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: writer.transport.abort())


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"the server cannot listen on 127.0.0.1:{port}: {error}",
            where=f"ModelServer(port={port})",
            fix="leave port at 0, which takes a free one",
        ) from error
