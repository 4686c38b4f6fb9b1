"""What is noted of an answer to aiohttp: its head, and its body as the parser hands it over."""

from __future__ import annotations

import asyncio
from typing import Any

from .take import CLIENT_CLOSED, CONNECT_ERROR, CUT, TIMEOUT, Headers
from .tape import Tape


def failed(module: Any, tape: Tape, error: BaseException, *, connecting: bool = False) -> None:
    """Note how the network ended the call; what the client did itself is no end of the server's."""
    if isinstance(error, asyncio.TimeoutError | module.ServerTimeoutError):
        tape.end(TIMEOUT, error)
    elif isinstance(error, module.ClientConnectorError):
        tape.end(CONNECT_ERROR, error)
    elif type(error) is module.ClientConnectionError:  # as the client closes a response it has not read
        tape.end(CLIENT_CLOSED)
    elif isinstance(error, module.ClientError | OSError):
        tape.end(CONNECT_ERROR if connecting else CUT, error)
    else:
        tape.end(CLIENT_CLOSED)


def listen(module: Any, protocol: Any, tape: Tape) -> None:
    """Note the answer to one request; the connection may be used again, so nothing stays on it."""
    read, set_params = protocol.read, protocol.set_response_params
    params: dict[str, Any] = {}

    def set_response_params(**given: Any) -> None:
        del protocol.set_response_params
        params.update(given)
        set_params(**given)

    async def read_head() -> Any:
        try:
            message, payload = await read()
        except asyncio.CancelledError:
            del protocol.read
            _left(tape, params.get("timer"))
            raise
        except BaseException as error:
            del protocol.read
            failed(module, tape, error)
            raise
        if not 100 <= message.code < 200:
            del protocol.read
            plain = bool(message.compression) and params.get("auto_decompress", True)
            tape.answered(message.code, _headers(message.raw_headers, plain=plain))
            _note_body(module, payload, tape)
        return message, payload

    protocol.set_response_params, protocol.read = set_response_params, read_head


def _headers(raw: Any, *, plain: bool) -> Headers:
    pairs = [
        (name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")) for name, value in raw
    ]
    gone = ("content-encoding", "content-length") if plain else ()
    return Headers(pair for pair in pairs if pair[0] not in gone)


def _left(tape: Tape, timer: Any) -> None:
    """Note that the client left; it may have been its own timeout that made it."""
    if getattr(timer, "_cancelled", False):
        tape.end(TIMEOUT, TimeoutError())
    else:
        tape.end(CLIENT_CLOSED)


def _note_body(module: Any, payload: Any, tape: Tape) -> None:
    if isinstance(payload, module.streams.EmptyStreamReader):
        tape.end()
        return
    notes = _Notes(module, payload, tape)
    kind = type(payload)

    class Noted(kind):  # type: ignore[misc,valid-type]
        """The reader itself, of another class: its slots have no room for notes."""

        __slots__ = ()

        def feed_data(self, data: bytes, *args: Any) -> Any:
            notes.data(data)
            return kind.feed_data(self, data, *args)

        def begin_http_chunk_receiving(self) -> None:
            notes.chunk_begins()
            kind.begin_http_chunk_receiving(self)

        def end_http_chunk_receiving(self) -> None:
            notes.chunk_ends()
            kind.end_http_chunk_receiving(self)

        def feed_eof(self) -> None:
            notes.chunk_ends()
            tape.end()
            kind.feed_eof(self)

        def set_exception(self, error: BaseException, *args: Any) -> None:
            notes.fails(error)
            kind.set_exception(self, error, *args)

    payload.__class__ = Noted
    if payload.is_eof():
        notes.chunk_ends()
        tape.end()
    elif payload.exception() is not None:
        notes.fails(payload.exception())


class _Notes:
    """Puts together the chunks the server sent, where it sent chunks; else what came at once."""

    def __init__(self, module: Any, payload: Any, tape: Tape) -> None:
        self._module, self._tape, self._timer = module, tape, getattr(payload, "_timer", None)
        self._open: list[bytes] | None = None
        arrived = b"".join(payload._buffer)  # noqa: SLF001  # what came in one piece with the head
        splits, done = payload._http_chunk_splits, 0  # noqa: SLF001
        for end in splits or ():
            tape.chunk(arrived[done:end])
            done = end
        if splits is None:
            tape.chunk(arrived)
        else:
            self._open = [arrived[done:]]

    def data(self, data: bytes) -> None:
        if self._open is None:
            self._tape.chunk(data)
        else:
            self._open.append(data)

    def chunk_begins(self) -> None:
        self._open = []

    def chunk_ends(self) -> None:
        if self._open is not None:
            self._tape.chunk(b"".join(self._open))
            self._open = []

    def fails(self, error: BaseException) -> None:
        self.chunk_ends()
        if type(error) is self._module.ClientConnectionError:
            _left(self._tape, self._timer)
        else:
            failed(self._module, self._tape, error)
