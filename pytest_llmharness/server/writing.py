"""Writes one HTTP/1.1 answer, each piece at once.

No Date and no Server field: the same traffic gives the same bytes, in a cassette too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from ..ports.clock import Clock
from .inbound import Limits
from .reading import RequestHead
from .wire import JSON, Head, Part

_REASONS = {int(status): status.phrase for status in HTTPStatus}


class ClientGone(Exception):
    """The client closed the connection, or takes nothing from it."""


class Outbound:
    """The bytes to a client, sent within `Limits.send_s` or not at all."""

    def __init__(self, writer: asyncio.StreamWriter, limits: Limits, clock: Clock) -> None:
        self._writer = writer
        self._limits = limits
        self._clock = clock

    async def send(self, data: bytes) -> None:
        """Send bytes and wait until there is room for more.

        Raises:
            ClientGone: nobody takes them.
        """
        self._writer.write(data)
        try:
            async with self._clock.timeout(self._limits.send_s):
                await self._writer.drain()
        except OSError as error:  # a time limit is one, too
            raise ClientGone from error

    async def proceed(self) -> None:
        """Tell the client to send its body."""
        await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")


class Reply:
    """The answer to one request, part by part.

    Args:
        outbound: where it goes.
        request: what it answers; None where that could not be read.
    """

    def __init__(self, outbound: Outbound, request: RequestHead | None) -> None:
        self._outbound = outbound
        self._bodiless = request is not None and request.method == "HEAD"
        self._is_1_1 = request is None or request.version == 1
        self._chunked = False
        self.keeps_alive = request is not None and request.keeps_alive
        self.begun = False

    async def put(self, part: Part) -> None:
        """Send the next part: the Head, then pieces of the body."""
        if isinstance(part, Head):
            self.begun = True
            self._chunked = part.length is None and self._is_1_1
            await self._outbound.send(self._opening(part))
        elif part:
            await self._send_body(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)

    async def end(self) -> None:
        """Say that the answer is whole; in HTTP/1.0 the end of the connection says so."""
        if self._chunked:
            await self._send_body(b"0\r\n\r\n")

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a whole JSON answer."""
        await self.put(Head(status, {**JSON, **headers}, len(body)))
        await self.put(body)
        await self.end()

    async def _send_body(self, data: bytes) -> None:
        if not self._bodiless:
            await self._outbound.send(data)

    def _opening(self, head: Head) -> bytes:
        lines = [f"HTTP/1.1 {head.status} {_REASONS.get(head.status, '')}"]
        lines += [f"{name}: {value}" for name, value in head.headers.items()]
        if head.length is not None:
            lines.append(f"Content-Length: {head.length}")
        elif self._chunked:
            lines.append("Transfer-Encoding: chunked")
        if not self.keeps_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
