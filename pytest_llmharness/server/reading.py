"""Reads HTTP/1.1 requests strictly (RFC 9112), in bounded memory.

What a lenient reader would guess at is refused: bare line feeds, folded fields, two lengths.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .inbound import Inbound, Limits
from .wire import Refusal

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
_NO_VALUE = re.compile(rb"[^\t -~\x80-\xff]")
_CHUNK_BYTES = re.compile(rb"[0-9A-Fa-f]{1,8}")
_LONGEST_CHUNK_LINE = 64


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request line and its header fields.

    Args:
        method: the method, as it came.
        host: whom the client believes to talk to; None where HTTP/1.0 does not say.
        target: path and query.
        version: the minor version, 0 or 1.
        headers: the fields, names in lower case, repeated ones joined by ", ".
    """

    method: str
    host: str | None
    target: str
    version: int
    headers: Mapping[str, str] = field(repr=False)

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request; HTTP/1.0 is not asked twice."""
        return self.version == 1 and "close" not in self.headers.get("connection", "").lower()


async def read_head(stream: Inbound, first: bytes, limits: Limits) -> RequestHead:
    """Read a request up to its empty line; `first` is its first byte.

    Raises:
        Refusal: it is none, or too long.
        OSError: the client is gone.
    """
    if not (_TOKEN.match(first) or first == b"\r"):
        raise Refusal(400, "this is no HTTP request; is the address http://, not https://?")
    line = await _line(stream, first)
    if line == b"\r\n":  # RFC 9112, 2.2: some clients end a body with one too many
        line = await _line(stream)
    method, target, version = _request_line(line[:-2])
    left = limits.head_bytes - len(line)
    headers: dict[str, str] = {}
    while (line := await _line(stream)) != b"\r\n":
        left -= len(line)
        if left < 0:
            raise Refusal(431, f"the header fields take more than {limits.head_bytes} bytes")
        name, value = _field(line[:-2])
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return _head(method, target, version, headers)


async def read_body(stream: Inbound, head: RequestHead, limits: Limits) -> bytes:
    """Read the body that the head announces.

    Raises:
        Refusal: it is too long, or not framed as HTTP/1.1 frames it.
        OSError: the client is gone.
    """
    length = body_length(head, limits)
    if length is None:
        return await _chunked(stream, limits)
    return await _exactly(stream, length)


def body_length(head: RequestHead, limits: Limits) -> int | None:
    """Return the announced length of the body in bytes; None where it comes in chunks.

    Raises:
        Refusal: the length is too much, or is not said as HTTP/1.1 says it.
    """
    coding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if coding is not None:
        if length is not None or head.version == 0:
            raise Refusal(400, "Transfer-Encoding cannot stand beside Content-Length or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise Refusal(501, f"the transfer coding {coding!r} is not known; use chunked")
        return None
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise Refusal(400, f"the Content-Length {length!r} is no number")
    if len(length) > 18 or int(length) > limits.body_bytes:
        raise Refusal(413, f"the body has {length} bytes; the limit is {limits.body_bytes}")
    return int(length)


def _request_line(line: bytes) -> tuple[str, str, int]:
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise Refusal(400, "the request line is none of HTTP/1.1")
    method, target, major, minor = (part.decode("ascii") for part in found.groups())
    if major != "1":
        raise Refusal(505, "only HTTP/1.1 is spoken here")
    return method, target, min(int(minor), 1)


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not _TOKEN.fullmatch(name) or _NO_VALUE.search(value):
        raise Refusal(400, "a header field is not of the form 'name: value'")
    return name.decode("ascii").lower(), value.decode("latin-1")


def _head(method: str, target: str, version: int, headers: dict[str, str]) -> RequestHead:
    host = headers.get("host")
    if host is None and version == 1:
        raise Refusal(400, "the Host is missing")
    if target.startswith("http://"):  # RFC 9112, 3.2.2: the authority wins over the Host
        host, slash, rest = target.removeprefix("http://").partition("/")
        target = slash + rest or "/"
    if not target.startswith("/") and target != "*":
        raise Refusal(400, f"the request target {target!r} is no path")
    return RequestHead(method, host, target, version, headers)


async def _chunked(stream: Inbound, limits: Limits) -> bytes:
    body = bytearray()
    while size := await _chunk_size(stream):
        if len(body) + size > limits.body_bytes:
            raise Refusal(413, f"the body has more than {limits.body_bytes} bytes")
        body += await _exactly(stream, size)
        if await _exactly(stream, 2) != b"\r\n":
            raise Refusal(400, "a chunk of the body is longer than it says")
    left = limits.head_bytes
    while (line := await _line(stream)) != b"\r\n":
        left -= len(line)
        if left < 0:
            raise Refusal(431, f"the trailer fields take more than {limits.head_bytes} bytes")
    return bytes(body)


async def _chunk_size(stream: Inbound) -> int:
    line = await _line(stream)
    found = _CHUNK_BYTES.fullmatch(line.partition(b";")[0].strip())
    if found is None or len(line) > _LONGEST_CHUNK_LINE:
        raise Refusal(400, "a chunk of the body does not say its size")
    return int(found[0], 16)


async def _line(stream: Inbound, first: bytes = b"") -> bytes:
    try:
        line = first + await stream.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        raise Refusal(431, "a line of the request is too long") from error
    except asyncio.IncompleteReadError as error:
        raise Refusal(400, "the request ends too early") from error
    if not line.endswith(b"\r\n"):
        raise Refusal(400, "a line of the request does not end in CR LF")
    return line


async def _exactly(stream: Inbound, size: int) -> bytes:
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise Refusal(400, f"the body ends {size - len(error.partial)} bytes too early") from error
