"""Our own file format: indented JSON, raw unicode, bodies as the text they are.

    {"metadata": {"format": 1, "recorder": "pytest-llmharness 0.1.0", ...},
     "interactions": [{"request": {method, url, headers, body}, "response": {status, headers, body}}]}

A body that is not UTF-8 is {"base64": "..."}; a header that came more than once is a list. The
bytes depend on nothing but the traffic and the metadata.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .take import Headers, RecordedRequest, RecordedResponse, Take

FORMAT = 1


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
            RecordedResponse(
                answered["status"], read_headers(answered["headers"]), _read_body(answered["body"])
            ),
        )


def render_take(take: Take) -> bytes:
    """Return a take as it stands in the file, indented."""
    asked, answered = take.request, take.response
    document = {
        "request": {
            "method": asked.method,
            "url": asked.url,
            "headers": _headers(asked.headers),
            "body": _body(asked.body),
        },
        "response": {
            "status": answered.status,
            "headers": _headers(answered.headers),
            "body": _body(answered.body),
        },
    }
    return _indented(document, "    ")


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
    # A lone surrogate has no UTF-8; its backslash form is its JSON escape.
    return text.replace("\n", f"\n{prefix}").encode("utf-8", "backslashreplace")
