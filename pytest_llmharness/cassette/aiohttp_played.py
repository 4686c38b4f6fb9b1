"""An answer from a cassette for aiohttp: a connection that no network is behind."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from .playback import Playback
from .take import CONNECT_ERROR, CUT, DONE, TIMEOUT, RecordedResponse

_FRAMING = ("content-length", "transfer-encoding", "connection", "keep-alive")
_NO_BODY = (204, 304)


def replayed(module: Any, this: Any, req: Any, playback: Playback) -> Any:
    """Return the connection for a recorded answer, or raise how connecting had failed."""
    answer = playback.response
    if answer.end == CONNECT_ERROR:
        raise playback.failure(
            lambda name: _connect_error(module, name, req), {CONNECT_ERROR: _refused(module, req)}
        ) or AssertionError("a connect error is a failure")
    if answer.error.startswith("TimeoutError") and not answer.status:
        raise TimeoutError
    return _Connection(module, this, req, playback)


def _connect_error(module: Any, name: str, req: Any) -> Any:
    found = getattr(module, name, None)
    known = isinstance(found, type) and issubclass(found, module.ClientConnectorError)
    return _refused(module, req, found if known else None) if known else None


def _refused(module: Any, req: Any, kind: Any = None) -> Any:
    def make(words: str) -> BaseException:
        error: BaseException = (kind or module.ClientConnectorError)(
            req.connection_key, ConnectionRefusedError(111, words)
        )
        return error

    return make


class _Connection:
    """What a request is sent over and a response is read from, without a network."""

    def __init__(self, module: Any, this: Any, req: Any, playback: Playback) -> None:
        self._module, self._playback = module, playback
        self._connector = this  # aiohttp asks it how to write the head of the request
        self._method = req.method.upper()
        self._pieces = iter(playback.chunks)
        self._framed = False
        protocol = module.client_proto.ResponseHandler(asyncio.get_running_loop())
        protocol.connection_made(_Transport(protocol))
        self._read, protocol.read = protocol.read, self._read_head
        self._protocol: Any = protocol

    @property
    def protocol(self) -> Any:
        return self._protocol

    @property
    def transport(self) -> Any:
        return self._protocol.transport if self._protocol is not None else None

    @property
    def closed(self) -> bool:
        return self._protocol is None or not self._protocol.is_connected()

    def add_callback(self, callback: Any) -> None:
        """Be asked to say when it is released: nobody waits for that."""

    def close(self) -> None:
        """Be over; it goes back to no pool."""
        if self._protocol is not None:
            self._protocol.close()
            self._protocol = None

    release = close

    async def _read_head(self) -> Any:
        answer, protocol = self._playback.response, self._protocol
        await self._playback.wait_async(answer.start_ms)
        if not answer.status:
            raise self._failure()
        protocol.read_timeout = None  # what is recorded is there
        protocol.data_received(self._head(answer))
        message, payload = await self._read()
        if not isinstance(payload, self._module.streams.EmptyStreamReader):
            payload.__class__ = _played(type(payload), self)
        return message, payload

    def _head(self, answer: RecordedResponse) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
        length = answer.headers.get("content-length")
        lines += [f"{name}: {value}" for name, value in answer.headers.pairs if name not in _FRAMING]
        if self._method == "HEAD" or answer.status in _NO_BODY:
            lines += [f"content-length: {length}"] if length else []
        elif self._playback.is_plain:
            lines.append(f"content-length: {len(answer.body)}")
        else:
            self._framed = True
            lines.append("transfer-encoding: chunked")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")

    async def feed(self, protocol: Any) -> None:
        """Feed what comes next: a chunk, or the end."""
        piece = next(self._pieces, None)
        if piece is not None:
            ms, data = piece
            await self._playback.wait_async(ms)
            protocol.data_received(b"%x\r\n%b\r\n" % (len(data), data) if self._framed else data)
        elif self._playback.response.end == CUT:
            protocol.connection_lost(None)
        elif self._playback.response.end == DONE:
            protocol.data_received(b"0\r\n\r\n" if self._framed else b"")
        else:
            raise self._failure()

    def _failure(self) -> BaseException:
        module = self._module

        def find(name: str) -> Any:
            found = getattr(module, name, None)
            plain = isinstance(found, type) and issubclass(found, module.ServerTimeoutError)
            return found if plain else asyncio.TimeoutError if name == "TimeoutError" else None

        kinds = {TIMEOUT: module.SocketTimeoutError, CUT: module.ServerDisconnectedError}
        return self._playback.failure(find, kinds) or AssertionError("a good end is no failure")


def _played(kind: Any, connection: _Connection) -> Any:
    """Return a reader's class that is fed when somebody waits, so chunks do not run together."""

    class Played(kind):  # type: ignore[misc]
        __slots__ = ()

        async def _wait(self, func_name: str) -> None:
            if not self._protocol.connected:
                await kind._wait(self, func_name)  # noqa: SLF001  # which knows what to say
            with self._timer:
                await connection.feed(self._protocol)
            if self._exception is not None:
                raise self._exception

    return Played


class _Transport(asyncio.Transport):
    """Takes what is sent and forgets it."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol: Any = protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Forget it: the request was known before."""

    def is_closing(self) -> bool:
        return self._protocol is None

    def close(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            asyncio.get_running_loop().call_soon(protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Read on: nothing comes that is not asked for."""

    def resume_reading(self) -> None:
        """Read on."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
