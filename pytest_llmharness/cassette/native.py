"""Our own file format: indented JSON, raw unicode, bodies as the text they are.

    {"metadata": {"format": 2, "recorder": "pytest-llmharness 0.1.0", ...},
     "interactions": [{"recorded_at": "2026-11-21T12:00:00Z", "client": "OpenAI/Python 3.52.0",
                       "request": {method, url, headers, body}, "response": {...}}]}

`recorded_at` and `client` may be missing. A response has status, headers, and `ms`, the
milliseconds from the request to its head (to its end, where it came as one body). Then follows
`body`, or for a stream `chunks`: one [ms, text] a line. `end` is there where it is not "done":
"client_closed", "cut", "timeout" or "connect_error", and `error` where the client raised one. A call
without an answer has neither status nor body.

A body or chunk that is not UTF-8 is {"base64": "..."}; a header that came more than once is a
list. But for the times, the bytes depend on nothing but the traffic and the metadata. Format 1 had
no `ms`, `chunks`, `end` and `error`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .chunks import in_chunks
from .take import DONE, ENDS, Headers, RecordedRequest, RecordedResponse, Take

FORMAT = 2
READABLE = (1, FORMAT)


def is_native(document: Mapping[str, Any]) -> bool:
    """Whether a document is in this format, of whatever version."""
    metadata = document.get("metadata")
    return isinstance(metadata, dict) and "format" in metadata and "version" not in document


def native_takes(document: Mapping[str, Any]) -> Iterator[Take]:
    """Yield the takes of a document of this version of the format.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it does not have the format's shape.
    """
    for each in document["interactions"]:
        asked, answered = each["request"], each["response"]
        yield Take(
            RecordedRequest(
                asked["method"].upper(),
                asked["url"],
                read_headers(asked["headers"]),
                _read_body(asked["body"]),
            ),
            _read_response(answered),
            str(each.get("recorded_at", "")),
            str(each.get("client", "")),
        )


def render_take(take: Take) -> bytes:
    """Return a take as it stands in the file, indented."""
    asked, answered = take.request, take.response
    known = {"recorded_at": take.recorded_at, "client": take.client}
    document = {
        **{name: told for name, told in known.items() if told},
        "request": {
            "method": asked.method,
            "url": asked.url,
            "headers": _headers(asked.headers),
            "body": _body(asked.body),
        },
        "response": _response(answered),
    }
    rendered = _indented(document, "    ")
    return rendered.replace(_CHUNKS, _chunk_lines(answered)) if answered.cuts else rendered


def render_file(metadata: Mapping[str, Any], takes: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a file that holds rendered takes."""
    yield b'{\n  "metadata": ' + _indented(metadata, "  ") + b',\n  "interactions": ['
    separator = b"\n    "
    for take in takes:
        yield separator + take
        separator = b",\n    "
    yield b"\n  ]\n}\n"


def read_headers(fields: Mapping[str, Any] | None) -> Headers:
    """Return headers from a mapping of names to a value or a list of values."""
    return Headers(
        (str(name), value.decode("latin-1") if isinstance(value, bytes) else str(value))
        for name, values in (fields or {}).items()
        for value in (values if isinstance(values, list | tuple) else (values,))
    )


def _response(response: RecordedResponse) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if response.status:
        told |= {"status": response.status, "headers": _headers(response.headers)}
    if response.start_ms is not None:
        told["ms"] = response.start_ms
    if response.cuts:
        told["chunks"] = None
    elif response.status:
        told["body"] = _body(response.body)
    if response.end != DONE:
        told["end"] = response.end
    if response.error:
        told["error"] = response.error
    return told


_CHUNKS = b'\n        "chunks": null'
"""Where the chunks go: no text can hold it, for a line break in a text is not one in the file."""


def _chunk_lines(response: RecordedResponse) -> bytes:
    lines = (_compact([ms, _body(data)]) for ms, data in response.chunks)
    return b'\n        "chunks": [\n          ' + b",\n          ".join(lines) + b"\n        ]"


def _read_response(found: Mapping[str, Any]) -> RecordedResponse:
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
        return RecordedResponse(status, headers, _read_body(found["body"]), start_ms, (), end, error)
    chunks = [(float(ms), _read_body(data)) for ms, data in found["chunks"]]
    return in_chunks(RecordedResponse(status, headers, b"", start_ms, (), end, error), chunks)


def _headers(headers: Headers) -> dict[str, str | list[str]]:
    return {name: values[0] if len(values) == 1 else values for name, values in headers.lists().items()}


def _body(body: bytes) -> str | dict[str, str]:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _read_body(body: Any) -> bytes:
    if isinstance(body, dict):
        return base64.b64decode(body["base64"], validate=True)
    encoded: bytes = body.encode()
    return encoded


def _indented(value: Any, prefix: str) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return _utf8(text.replace("\n", f"\n{prefix}"))


def _compact(value: Any) -> bytes:
    return _utf8(json.dumps(value, ensure_ascii=False))


def _utf8(text: str) -> bytes:
    # A lone surrogate has no UTF-8; its backslash form is its JSON escape.
    return text.encode("utf-8", "backslashreplace")
