"""Our own file format: JSON documents one after the other, indented, raw unicode.

The first document is the header, the others are one take each. `docs/cassette-format.md` is the
specification, `docs/cassette.schema.json` its JSON Schema. But for the times, the bytes depend on
nothing but the traffic and the header. Formats 1 and 2 were one document,
`{"metadata": {...}, "interactions": [...]}`, and are still read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .bodies import ReadBlob, body_members, piece, read_body, read_piece
from .chunks import in_chunks
from .take import DONE, ENDS, Headers, RecordedRequest, RecordedResponse, Take

FORMAT = 3
READABLE = (1, 2, FORMAT)


def is_native(document: Mapping[str, Any]) -> bool:
    """Whether a document is a file in format 1 or 2, or claims to be."""
    metadata = document.get("metadata")
    return isinstance(metadata, dict) and "format" in metadata and "version" not in document


def native_takes(document: Mapping[str, Any]) -> Iterator[Take]:
    """Yield the takes of a document in format 1 or 2.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it does not have the format's shape.
    """
    for each in document["interactions"]:
        yield read_take(each, None)


def read_take(found: Mapping[str, Any], read_blob: ReadBlob) -> Take:
    """Return the take that a document is.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it does not have the format's shape.
    """
    asked = found["request"]
    request = RecordedRequest(
        asked["method"].upper(), asked["url"], read_headers(asked["headers"]), read_body(asked, read_blob)
    )
    told = (str(found.get(name, "")) for name in ("recorded_at", "client", "test"))
    return Take(request, read_response(found["response"], read_blob), *told)


def render_header(metadata: Mapping[str, Any]) -> bytes:
    """Return the header as it stands in the file, its format first."""
    return _indented({"format": FORMAT, **metadata})


def render_take(take: Take, key: str, blobs: dict[str, bytes]) -> bytes:
    """Return a take as it stands in the file, its key on the second line.

    Args:
        take: the take, already without its secrets.
        key: of its request.
        blobs: the content that goes beside the file is added here, by name.
    """
    asked, answered = take.request, take.response
    known = {"test": take.test, "recorded_at": take.recorded_at, "client": take.client}
    document = {
        "key": key,
        **{name: told for name, told in known.items() if told},
        "request": {
            "method": asked.method,
            "url": asked.url,
            "headers": _headers(asked.headers),
            **body_members(asked.body, blobs),
        },
        "response": _response(answered, blobs),
    }
    rendered = _indented(document)
    return rendered.replace(_CHUNKS, _chunk_lines(answered, blobs)) if answered.cuts else rendered


def read_headers(fields: Mapping[str, Any] | None) -> Headers:
    """Return headers from a mapping of names to a value or a list of values."""
    return Headers(
        (str(name), value.decode("latin-1") if isinstance(value, bytes) else str(value))
        for name, values in (fields or {}).items()
        for value in (values if isinstance(values, list | tuple) else (values,))
    )


def _response(response: RecordedResponse, blobs: dict[str, bytes]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if response.status:
        told |= {"status": response.status, "headers": _headers(response.headers)}
    if response.start_ms is not None:
        told["ms"] = response.start_ms
    if response.cuts:
        told["chunks"] = None
    elif response.status:
        told |= body_members(response.body, blobs)
    if response.end != DONE:
        told["end"] = response.end
    if response.error:
        told["error"] = response.error
    return told


_CHUNKS = b'\n    "chunks": null'
"""Where the chunks go: no text can hold it, for a line break in a text is not one in the file."""


def _chunk_lines(response: RecordedResponse, blobs: dict[str, bytes]) -> bytes:
    lines = (_compact([ms, piece(data, blobs)]) for ms, data in response.chunks)
    return b'\n    "chunks": [\n      ' + b",\n      ".join(lines) + b"\n    ]"


def read_response(found: Mapping[str, Any], read_blob: ReadBlob) -> RecordedResponse:
    """Return the response that a part of a document is.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it does not have the format's shape.
    """
    end, start_ms = found.get("end", DONE), found.get("ms")
    if end not in ENDS:
        raise ValueError(f"{end!r} is no end of an answer")
    if start_ms is not None:
        start_ms = float(start_ms)
    error = str(found.get("error", ""))
    if "status" not in found:
        if end == DONE:
            raise KeyError("status")
        return RecordedResponse(0, start_ms=start_ms, end=end, error=error)
    status, headers = found["status"], read_headers(found["headers"])
    if "chunks" not in found:
        return RecordedResponse(status, headers, read_body(found, read_blob), start_ms, (), end, error)
    chunks = [(float(ms), read_piece(data, read_blob)) for ms, data in found["chunks"]]
    return in_chunks(RecordedResponse(status, headers, b"", start_ms, (), end, error), chunks)


def _headers(headers: Headers) -> dict[str, str | list[str]]:
    return {name: values[0] if len(values) == 1 else values for name, values in headers.lists().items()}


def _indented(value: Any) -> bytes:
    return _utf8(json.dumps(value, indent=2, ensure_ascii=False, default=str)) + b"\n"


def _compact(value: Any) -> bytes:
    return _utf8(json.dumps(value, ensure_ascii=False))


def _utf8(text: str) -> bytes:
    # A lone surrogate has no UTF-8; its backslash form is its JSON escape.
    return text.encode("utf-8", "backslashreplace")
