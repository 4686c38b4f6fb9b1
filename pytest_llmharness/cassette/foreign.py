"""Cassettes that others wrote: vcrpy's documents, from YAML or JSON, and pydantic-ai's parsed_body."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from .native import read_headers
from .take import Headers, RecordedRequest, RecordedResponse, Take


def foreign_takes(document: Mapping[str, Any]) -> Iterator[Take]:
    """Yield the takes of a vcrpy document.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it does not have vcrpy's shape.
    """
    for each in document["interactions"]:
        yield Take(_request(each["request"]), _response(each["response"]))


def _request(found: Mapping[str, Any]) -> RecordedRequest:
    body = json.dumps(found["parsed_body"]).encode() if "parsed_body" in found else _bytes(found.get("body"))
    return RecordedRequest(found["method"].upper(), found["uri"], read_headers(found.get("headers")), body)


def _response(found: Mapping[str, Any]) -> RecordedResponse:
    headers = read_headers(found.get("headers"))
    if "status_code" in found:  # as early vcrpy stored what httpx received
        return RecordedResponse(found["status_code"], headers, _bytes(found.get("content")))
    status = found["status"]["code"]
    if "parsed_body" in found:
        return RecordedResponse(status, _plain(headers), json.dumps(found["parsed_body"]).encode())
    return RecordedResponse(status, headers, _response_body(found.get("body")))


def _response_body(body: Any) -> bytes:
    if not isinstance(body, dict):
        return _bytes(body)
    if "base64_string" in body:
        return base64.b64decode(body["base64_string"])
    return _bytes(body.get("string"))


def _plain(headers: Headers) -> Headers:
    """Drop what spoke of the bytes before they were parsed."""
    return headers.without("content-encoding").without("content-length")


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    if isinstance(body, dict | list):  # aiohttp's json= is recorded before it is text
        return json.dumps(body).encode()
    raise TypeError(f"a body cannot be of type {type(body).__name__}")
