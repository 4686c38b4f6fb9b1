"""The transport: one client's connection, from its first request to its last."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from ..errors import HarnessError
from ..ports.clock import Clock
from .admission import check_origin
from .failure import crashed, refused
from .inbound import Inbound, Limits
from .reading import RequestHead, body_length, read_body, read_head
from .wire import Backend, Dialect, Disconnect, ReceivedRequest, Refusal, encoded
from .writing import ClientGone, Outbound, Reply

_LINGER_S = 2.0
_READ_BYTES = 1 << 16
_CLOSE_WITH_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Site:
    """What every connection of a server shares.

    Args:
        dialects: what is spoken, asked in this order whose a path is.
        backend: the model behind them.
        limits: what a client may take.
        clock: keeps the limits of time.
        received: is told of every request that a dialect gets.
        failed: is told of every error that is none of ours: of a script's function, of a provider.
    """

    dialects: Sequence[Dialect]
    backend: Backend
    limits: Limits
    clock: Clock
    received: Callable[[ReceivedRequest], None]
    failed: Callable[[BaseException], None]


class Connection:
    """Answers one client's requests in their order, until one of the two has had enough."""

    def __init__(self, inbound: Inbound, writer: asyncio.StreamWriter, site: Site) -> None:
        self._inbound = inbound
        self._writer = writer
        self._outbound = Outbound(writer, site.limits, site.clock)
        self._site = site

    async def serve(self) -> None:
        """Run until the end; cancelling it ends the model's call. The caller then drops the socket."""
        try:
            while await self._exchange():
                pass
            await self._hang_up()
        except Disconnect as end:
            await self._hang_up(reset=end.reset)
        except ClientGone:
            pass

    async def _exchange(self) -> bool:
        """Answer one request; true where another may follow."""
        first = await self._first_byte()
        if not first:
            return False
        limits = self._site.limits
        head: RequestHead | None = None
        try:
            async with self._site.clock.timeout(limits.request_s):
                head = await read_head(self._inbound, first, limits)
                request = await self._rest(head)
        except Refusal as refusal:
            return await self._turn_away(refusal, head)
        except TimeoutError:
            late = Refusal(408, f"the request takes longer than {limits.request_s:g} s")
            return await self._turn_away(late, head)
        except OSError as error:
            raise ClientGone from error
        self._site.received(request)
        return await self._answer(request, Reply(self._outbound, head))

    async def _first_byte(self) -> bytes:
        try:
            async with self._site.clock.timeout(self._site.limits.idle_s):
                return await self._inbound.read(1)
        except OSError:  # a time limit is one, too
            return b""

    async def _rest(self, head: RequestHead) -> ReceivedRequest:
        """Read the body, unless the head is reason enough to refuse it."""
        check_origin(head.host, head.headers.get("origin"))
        expected = head.headers.get("expect")
        if expected is not None and expected.lower() != "100-continue":
            raise Refusal(417, f"the expectation {expected!r} is not known")
        if body_length(head, self._site.limits) != 0 and expected is not None:
            await self._outbound.proceed()
        content = await read_body(self._inbound, head, self._site.limits)
        path, _, query = head.target.partition("?")
        return ReceivedRequest(head.method, path, query, head.headers, content)

    async def _answer(self, request: ReceivedRequest, reply: Reply) -> bool:
        me = asyncio.current_task()
        assert me is not None
        dialect = next((each for each in self._site.dialects if each.serves(request.path)), None)
        with self._inbound.watched(me.cancel):
            if dialect is None:
                await self._refuse(Refusal(404, f"{request.path} is not served here"), reply, None)
            else:
                await self._converse(dialect, request, reply)
        return reply.keeps_alive

    async def _converse(self, dialect: Dialect, request: ReceivedRequest, reply: Reply) -> None:
        try:
            async with aclosing(dialect.answer(request, self._site.backend)) as parts:
                async for part in parts:
                    await reply.put(part)
            await reply.end()
        except (asyncio.CancelledError, GeneratorExit, ClientGone, Disconnect):
            raise
        except Refusal as refusal:
            await self._refuse(refusal, reply, dialect)
        except HarnessError as error:
            await self._refuse(refused(error), reply, dialect)
        except BaseException as error:  # noqa: BLE001 - a test's function may raise anything
            self._site.failed(error)
            await self._refuse(crashed(error), reply, dialect)

    async def _refuse(self, reason: Refusal | Disconnect, reply: Reply, dialect: Dialect | None) -> None:
        """Send an error answer; one that has begun can only end without an end."""
        if isinstance(reason, Disconnect):
            raise reason
        if reply.begun:
            raise Disconnect
        document = dialect.error_body(reason) if dialect else {"error": reason.message}
        await reply.whole(reason.status, encoded(document), reason.headers)

    async def _turn_away(self, refusal: Refusal, head: RequestHead | None) -> bool:
        """Refuse a request that has not been read to its end."""
        reply = Reply(self._outbound, head)
        reply.keeps_alive = False
        await self._refuse(refusal, reply, None)
        with suppress(OSError):  # closing with bytes unread would reset what was just sent
            self._writer.write_eof()
            async with self._site.clock.timeout(_LINGER_S):
                while await self._inbound.read(_READ_BYTES):
                    pass
        return False

    async def _hang_up(self, *, reset: bool = False) -> None:
        if reset:
            linger = socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_WITH_RESET
            self._writer.get_extra_info("socket").setsockopt(*linger)
            return
        self._writer.close()
        with suppress(OSError):
            async with self._site.clock.timeout(self._site.limits.send_s):
                await self._writer.wait_closed()
