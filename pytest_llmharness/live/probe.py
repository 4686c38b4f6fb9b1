"""One GET over a raw socket: fast, and out of sight of whatever records or guards HTTP clients."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What a probe got: the HTTP status and the body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the parsed body, or None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def get(url: str, *, timeout_s: float, api_key: str | None = None) -> Answer:
    """Send one GET request and read the whole answer.

    Args:
        url: an http or https URL.
        timeout_s: seconds for all of it, from the name lookup to the last byte.
        api_key: sent as a bearer token; None sends none.

    Raises:
        OSError: nothing listens there, the certificate is refused, or the time is over.
        ValueError: the URL is none, or the other side does not speak HTTP.
    """
    deadline = time.monotonic() + timeout_s
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"no http or https URL: {url!r}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with (
        socket.create_connection((parts.hostname, port), timeout_s) as plain,
        _encrypted(plain, parts.hostname) if parts.scheme == "https" else plain as connection,
    ):
        connection.sendall(_request(parts.path, parts.query, parts.netloc, api_key))
        return _answer(_read(connection, deadline))


def _encrypted(plain: socket.socket, host: str) -> socket.socket:
    import ssl

    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _request(path: str, query: str, netloc: str, api_key: str | None) -> bytes:
    target = (path or "/") + (f"?{query}" if query else "")
    # HTTP/1.0: no answer comes in chunks, and the connection ends with it.
    lines = [f"GET {target} HTTP/1.0", f"Host: {netloc.rpartition('@')[2]}", "Accept: application/json"]
    if api_key is not None:
        lines.append(f"Authorization: Bearer {api_key}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def _read(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while len(received) < _MOST_BYTES:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        if not (part := connection.recv(65536)):
            break
        received += part
    return bytes(received)


def _answer(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("the answer is no HTTP")
    return Answer(int(words[1]), body)
