"""Our own interception of httpx and httpx2: at the transports that reach the network, no others.

What a client reads passes through while it is noted; nothing waits for the end of an answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from functools import cache, partial, wraps
from typing import Any

from .in_use import current
from .playback import Playback
from .take import CLIENT_CLOSED, CONNECT_ERROR, CUT, TIMEOUT, Headers, RecordedRequest
from .tape import Tape

inside: ContextVar[bool] = ContextVar("llmharness_inside_transport", default=False)
"""Whether a transport that is covered is on its way to the network."""


def sync_transport(module: Any, real: Any) -> Any:
    """Return what stands for `HTTPTransport.handle_request` of httpx or httpx2."""
    tee, replay = _sync_streams(module)

    @wraps(real)
    def handle_request(transport: Any, request: Any) -> Any:
        recording = None if inside.get() else current()
        if recording is None:
            return real(transport, request)
        asked = _asked(request, request.read())
        playback = recording.play(asked)
        if playback is not None:
            if playback.beside is not None:
                _ask_beside(module, partial(real, transport, request), playback.beside)
            playback.wait(playback.response.start_ms)
            return _replayed(module, playback, replay)
        tape = recording.begin(asked)
        token = inside.set(True)
        try:
            response = real(transport, request)
        except BaseException as error:
            _failed(module, tape, error)
            raise
        finally:
            inside.reset(token)
        tape.answered(response.status_code, _headers(response.headers))
        if response.is_closed:  # whole already, by what somebody else has put below
            tape.chunk(response.content)
            tape.end()
        else:
            response.stream = tee(response.stream, tape)
        return response

    return handle_request


def async_transport(module: Any, real: Any) -> Any:
    """Return what stands for `AsyncHTTPTransport.handle_async_request` of httpx or httpx2."""
    tee, replay = _async_streams(module)

    @wraps(real)
    async def handle_async_request(transport: Any, request: Any) -> Any:
        recording = None if inside.get() else current()
        if recording is None:
            return await real(transport, request)
        asked = _asked(request, await request.aread())
        playback = recording.play(asked)
        if playback is not None:
            if playback.beside is not None:
                await _ask_beside_async(module, partial(real, transport, request), playback.beside)
            await playback.wait_async(playback.response.start_ms)
            return _replayed(module, playback, replay)
        tape = recording.begin(asked)
        token = inside.set(True)
        try:
            response = await real(transport, request)
        except BaseException as error:
            _failed(module, tape, error)
            raise
        finally:
            inside.reset(token)
        tape.answered(response.status_code, _headers(response.headers))
        if response.is_closed:  # whole already, by what somebody else has put below
            tape.chunk(response.content)
            tape.end()
        else:
            response.stream = tee(response.stream, tape)
        return response

    return handle_async_request


@cache
def _sync_streams(module: Any) -> tuple[Any, Any]:
    class Tee(module.SyncByteStream):  # type: ignore[misc]  # httpx or httpx2: known when it runs
        def __init__(self, stream: Any, tape: Tape) -> None:
            self._stream, self._tape = stream, tape

        def __iter__(self) -> Iterator[bytes]:
            try:
                for chunk in self._stream:
                    self._tape.chunk(chunk)
                    yield chunk
            except GeneratorExit:
                raise  # whoever stops reading closes, too: that is the end
            except BaseException as error:
                _failed(module, self._tape, error)
                raise
            self._tape.end()

        def close(self) -> None:
            try:
                self._stream.close()
            finally:
                self._tape.end(CLIENT_CLOSED)

    class Replay(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, playback: Playback) -> None:
            self._playback = playback

        def __iter__(self) -> Iterator[bytes]:
            for ms, chunk in self._playback.chunks:
                self._playback.wait(ms)
                yield chunk
            _end(module, self._playback)

    return Tee, Replay


@cache
def _async_streams(module: Any) -> tuple[Any, Any]:
    class Tee(module.AsyncByteStream):  # type: ignore[misc]  # httpx or httpx2: known when it runs
        def __init__(self, stream: Any, tape: Tape) -> None:
            self._stream, self._tape = stream, tape

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._stream:
                    self._tape.chunk(chunk)
                    yield chunk
            except GeneratorExit:
                raise  # whoever stops reading closes, too: that is the end
            except BaseException as error:
                _failed(module, self._tape, error)
                raise
            self._tape.end()

        async def aclose(self) -> None:
            try:
                await self._stream.aclose()
            finally:
                self._tape.end(CLIENT_CLOSED)

    class Replay(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, playback: Playback) -> None:
            self._playback = playback

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for ms, chunk in self._playback.chunks:
                await self._playback.wait_async(ms)
                yield chunk
            _end(module, self._playback)

    return Tee, Replay


def _ask_beside(module: Any, send: Callable[[], Any], tape: Tape) -> None:
    """Make the call that its take answers, for the tape alone; what fails is what it finds."""
    token = inside.set(True)
    try:
        response = send()
        tape.answered(response.status_code, _headers(response.headers))
        try:
            for chunk in response.stream:
                tape.chunk(chunk)
        finally:
            response.stream.close()
        tape.end()
    except module.TransportError as error:
        _failed(module, tape, error)
    finally:
        inside.reset(token)


async def _ask_beside_async(module: Any, send: Callable[[], Any], tape: Tape) -> None:
    token = inside.set(True)
    try:
        response = await send()
        tape.answered(response.status_code, _headers(response.headers))
        try:
            async for chunk in response.stream:
                tape.chunk(chunk)
        finally:
            await response.stream.aclose()
        tape.end()
    except module.TransportError as error:
        _failed(module, tape, error)
    finally:
        inside.reset(token)


def _asked(request: Any, body: bytes) -> RecordedRequest:
    return RecordedRequest(request.method.upper(), str(request.url), _headers(request.headers), body)


def _headers(headers: Any) -> Headers:
    try:
        return Headers([(name.decode("ascii"), value.decode("ascii")) for name, value in headers.raw])
    except UnicodeDecodeError:
        return Headers(headers.multi_items())  # which finds out in what else they are encoded


def _failed(module: Any, tape: Tape, error: BaseException) -> None:
    """Note how the network ended the call; what the client did itself is no end of the server's."""
    if isinstance(error, module.TimeoutException):
        tape.end(TIMEOUT, error)
    elif isinstance(error, module.ConnectError | module.ProxyError):
        tape.end(CONNECT_ERROR, error)
    elif isinstance(error, module.NetworkError | module.RemoteProtocolError):
        tape.end(CUT, error)
    else:
        tape.end(CLIENT_CLOSED)


def _replayed(module: Any, playback: Playback, replay: Any) -> Any:
    answer = playback.response
    if not answer.status:
        _end(module, playback)
    stream = module.ByteStream(answer.body) if playback.is_plain else replay(playback)
    return module.Response(answer.status, headers=list(answer.headers.pairs), stream=stream)


def _end(module: Any, playback: Playback) -> None:
    """Raise what ended the answer, where it was not a good end."""
    failure = playback.failure(
        lambda name: _error_class(module, name),
        {TIMEOUT: module.ReadTimeout, CONNECT_ERROR: module.ConnectError, CUT: module.RemoteProtocolError},
    )
    if failure is not None:
        raise failure


def _error_class(module: Any, name: str) -> Any:
    found = getattr(module, name, None)
    return found if isinstance(found, type) and issubclass(found, module.TransportError) else None
