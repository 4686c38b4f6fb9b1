"""Our own interception of aiohttp: where a connector is asked for a connection.

The client goes on above it as ever (redirects, cookies, timeouts, middlewares). Recorded, the body
is noted as aiohttp's parser hands it over. Replayed, the client gets a connection that no network
is behind, and aiohttp's own protocol parses what stands in the cassette, chunk by chunk.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from http import HTTPStatus
from typing import Any

from .in_use import current
from .playback import Playback
from .recording import Recording
from .take import CLIENT_CLOSED, CONNECT_ERROR, CUT, TIMEOUT, Headers, RecordedRequest, RecordedResponse
from .tape import Tape

_FRAMING = ("content-length", "transfer-encoding", "connection", "keep-alive")
_NO_BODY = (204, 304)


def connector(module: Any, real: Any) -> Any:
    """Return what stands for `BaseConnector.connect`."""

    @wraps(real)
    async def connect(this: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current()
        if recording is None:
            return await real(this, req, *args, **kwargs)
        _refuse_upgrade(recording, req)
        asked = RecordedRequest(
            req.method.upper(), str(req.url), Headers(req.headers.items()), await _body(req)
        )
        playback = recording.play(asked)
        if playback is not None:
            return _replayed(module, this, req, playback)
        tape = recording.begin(asked)
        try:
            connection = await real(this, req, *args, **kwargs)
        except BaseException as error:
            _failed(module, tape, error, connecting=True)
            raise
        _listen(module, connection.protocol, tape)
        return connection

    return connect


def _refuse_upgrade(recording: Recording, req: Any) -> None:
    if "upgrade" in req.headers:
        raise recording.refuse(
            f"{req.headers['upgrade']} over aiohttp is not covered: no cassette can hold it",
            where=f"{req.method} {req.url.origin()}{req.url.path}",
            fix="leave this connection out of the block that uses the cassette",
        )


async def _body(req: Any) -> bytes:
    """Return the bytes that go out; a body that can be read once is put back as bytes."""
    body = req.body
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, tuple):  # several pieces, in releases before 3.12
        return b"".join(body)
    content: bytes = await body.as_bytes()
    if not isinstance(getattr(body, "_value", None), bytes | bytearray):
        kind = req.headers.get("content-type")
        await req.update_body(content)
        if kind is not None:
            req.headers["content-type"] = kind
        req.headers.pop("transfer-encoding", None)
        req.chunked = None
        req.headers["content-length"] = str(len(content))
    return content


def _failed(module: Any, tape: Tape, error: BaseException, *, connecting: bool = False) -> None:
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


# --- recording ---


def _listen(module: Any, protocol: Any, tape: Tape) -> None:
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
            _failed(module, tape, error)
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
            _failed(self._module, self._tape, error)


# --- replay ---


def _replayed(module: Any, this: Any, req: Any, playback: Playback) -> Any:
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
        elif self._playback.response.end == "done":
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
