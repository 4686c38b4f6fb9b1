"""The transport: HTTP/1.1 on loopback, bounded bodies, one thread a connection."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from ..adapters.providers.scripted import ScriptedProvider, Step
from ..ports.provider import Provider
from . import ollama
from .wire import Answer, Disconnect, Refusal

_BODY_LIMIT = 1 << 20
_IDLE_S = 30.0

_running: set[tuple[str, int]] = set()


def addresses() -> set[tuple[str, int]]:
    """Return the (host, port) of every server of this process that runs."""
    return set(_running)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came. `body` is the parsed JSON, or None where it is none."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class ModelServer:
    """Serves a model over a real dialect, on 127.0.0.1 only.

    Args:
        script_or_provider: the list that `ScriptedProvider` takes, or any provider, which makes
            the server a gateway in front of it.
        port: the port; 0 takes a free one.
        models: the model names that exist; None accepts every name.
        body_limit: the most bytes of a request body; more is answered with 413.

    `requests` lists what was received, in order.
    """

    def __init__(
        self,
        script_or_provider: Iterable[Step] | Provider,
        *,
        port: int = 0,
        models: Iterable[str] | None = None,
        body_limit: int = _BODY_LIMIT,
    ) -> None:
        is_provider = hasattr(script_or_provider, "complete")
        self.provider: Any = script_or_provider if is_provider else ScriptedProvider(script_or_provider)  # type: ignore[arg-type]
        self.models = None if models is None else tuple(models)
        self.body_limit = body_limit
        self.requests: list[ReceivedRequest] = []
        self._port = port
        self._http: _LoopbackHTTP | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: (host, port)."""
        if self._http is None:
            raise RuntimeError("the server is not started; use it in a with block")
        return self._http.server_address[0], self._http.server_address[1]  # type: ignore[return-value]

    def url(self, dialect: str = "ollama") -> str:
        """Return the base URL for a client of this dialect.

        Raises:
            ValueError: the server does not speak it.
        """
        if dialect != "ollama":
            raise ValueError(f"the server speaks no {dialect!r}; it speaks 'ollama'")
        host, port = self.address
        return f"http://{host}:{port}"

    def start(self) -> Self:
        """Listen; a started server is left as it is."""
        if self._http is None:
            self._http = _LoopbackHTTP(("127.0.0.1", self._port), self)
            _running.add(self.address)
            threading.Thread(
                target=self._http.serve_forever, args=(0.02,), name="llmharness-server", daemon=True
            ).start()
        return self

    def close(self) -> None:
        """Stop listening and drop every open connection, streams included."""
        if self._http is None:
            return
        http, address = self._http, self.address
        self._http = None
        http.shutdown()
        http.drop_connections()
        http.server_close()
        _running.discard(address)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _LoopbackHTTP(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model_server: ModelServer) -> None:
        super().__init__(address, _Handler)
        self.model_server = model_server
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Wake every thread that reads or writes, so that none outlives the server."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: _LoopbackHTTP

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the tests read `requests`."""

    def _respond(self) -> None:
        try:
            body = self._body()
            self._note(body)
            answer = ollama.answer(self.server.model_server, self.command, self.path, body)
            self._send(answer)
        except Refusal as refusal:
            self._send(refusal.answer)
        except Disconnect:
            self.close_connection = True

    do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = _respond  # noqa: N815 - the base class names them

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise Refusal(411, "send a Content-Length")
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit():
            self.close_connection = True
            raise Refusal(400, "Content-Length is no number")
        if int(length) > self.server.model_server.body_limit:
            self.close_connection = True
            raise Refusal(
                413, f"the body has {length} bytes; the limit is {self.server.model_server.body_limit}"
            )
        return self.rfile.read(int(length))

    def _note(self, body: bytes) -> None:
        try:
            parsed = json.loads(body) if body else None
        except (ValueError, RecursionError):
            parsed = None
        received = ReceivedRequest(self.command, self.path, dict(self.headers.items()), parsed)
        self.server.model_server.requests.append(received)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send_pieces(answer.body)

    def _send_pieces(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except (Disconnect, OSError):
            self.close_connection = True
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
