"""The event streams of AWS: binary frames with a JSON payload each."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from typing import Any

_PRELUDE = struct.Struct(">II4x")
_CHECKSUM = 4
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def aws_events(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the payloads, each with its kind as `type`; what is cut or no JSON is left out.

    Source: the event stream encoding of Smithy (application/vnd.amazon.eventstream).
    """
    at = 0
    while at + _PRELUDE.size <= len(body):
        size, head = _PRELUDE.unpack_from(body, at)
        begin, end = at + _PRELUDE.size, at + size
        if size < _PRELUDE.size + head + _CHECKSUM or end > len(body):
            return
        payload = _json(body[begin + head : end - _CHECKSUM])
        if payload is not None:
            yield {"type": _kind(body[begin : begin + head])} | _unwrapped(payload)
        at = end


def _kind(head: bytes) -> str:
    at = 0
    while at < len(head):
        name = head[at + 1 : at + 1 + head[at]]
        at += 1 + len(name)
        kind = head[at] if at < len(head) else _TEXT
        at += 1
        if kind in _SIZES:
            at += _SIZES[kind]
            continue
        size = int.from_bytes(head[at : at + 2], "big")
        value = head[at + 2 : at + 2 + size]
        if name == b":event-type":
            return value.decode("utf-8", "replace")
        at += 2 + size
    return ""


def _unwrapped(payload: dict[str, Any]) -> dict[str, Any]:
    """Return what `invoke_model_with_response_stream` carries in base64; others as they are."""
    try:
        inner = _json(base64.b64decode(payload["bytes"]))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return payload
    return inner or payload


def _json(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
