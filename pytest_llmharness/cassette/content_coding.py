"""Undo a response's content coding, so that a cassette can be read, searched and redacted."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from .take import Headers, RecordedResponse


class _NoDecoder(Exception):
    """The coding is unknown here, so the body has to stay as it is."""


def decoded(response: RecordedResponse) -> RecordedResponse:
    """Return the response with a plain body and without content-encoding.

    A body that does not decode is one that some layer has decoded already. A coding that is not
    known here (its library is not installed) leaves the response as it is.
    """
    codings = [coding.strip().lower() for coding in response.headers.get("content-encoding", "").split(",")]
    body = response.body
    try:
        for coding in reversed(codings):
            body = _decode(coding, body)
    except _NoDecoder:
        return response
    if "content-encoding" not in response.headers:
        return response
    headers = response.headers.without("content-encoding")
    if "content-length" in headers:
        headers = Headers((*headers.without("content-length").pairs, ("content-length", str(len(body)))))
    return replace(response, headers=headers, body=body, cuts=_decoded_cuts(response, codings, body))


def _decoded_cuts(
    response: RecordedResponse, codings: list[str], body: bytes
) -> tuple[tuple[float, int], ...]:
    """Return when which part of the plain body could be read; one cut where that is not known."""
    cuts = response.cuts
    if not cuts or body == response.body:
        return cuts
    decoder = _INCREMENTAL.get(codings[0]) if len(codings) == 1 else None
    if decoder is not None:
        with suppress(Exception):  # each library has its own error: the chunks are then one
            decode = decoder()
            parts = [(ms, decode(data)) for ms, data in response.chunks]
            if b"".join(data for _, data in parts) == body:
                return tuple((ms, len(data)) for ms, data in parts if data)
    return ((cuts[-1][0], len(body)),) if body else ()


def _decode(coding: str, body: bytes) -> bytes:
    if coding in ("", "identity") or not body:
        return body
    if coding not in _DECODERS:
        raise _NoDecoder(coding)
    try:
        return _DECODERS[coding](body)
    except (ImportError, AttributeError) as error:
        raise _NoDecoder(coding) from error
    except Exception:  # noqa: BLE001  # each library has its own error for bytes that are not coded
        return body


def _gzip(body: bytes) -> bytes:
    return _inflate(body, zlib.MAX_WBITS | 16)


def _deflate(body: bytes) -> bytes:
    try:
        return _inflate(body, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(body, -zlib.MAX_WBITS)


def _inflate(body: bytes, wbits: int) -> bytes:
    # An object, not zlib.decompress: clients hand out what arrived of a cut body, so we do too.
    stream = zlib.decompressobj(wbits)
    return stream.decompress(body) + stream.flush()


def _brotli(body: bytes) -> bytes:
    plain: bytes = _first("brotli", "brotlicffi").decompress(body)
    return plain


def _zstd(body: bytes) -> bytes:
    try:
        plain: bytes = import_module("zstandard").ZstdDecompressor().decompressobj().decompress(body)
    except ImportError:
        plain = _first("compression.zstd", "backports.zstd").ZstdDecompressor().decompress(body)
    return plain


def _first(*modules: str) -> Any:
    """Return the first of the modules that is installed."""
    for name in modules[:-1]:
        with suppress(ImportError):
            return import_module(name)
    return import_module(modules[-1])


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}

_INCREMENTAL: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16).decompress,
    "x-gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16).decompress,
    "deflate": lambda: zlib.decompressobj(zlib.MAX_WBITS).decompress,
    "br": lambda: import_module("brotli").Decompressor().process,
    "zstd": lambda: import_module("zstandard").ZstdDecompressor().decompressobj().decompress,
}
