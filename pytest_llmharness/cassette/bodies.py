"""A body as it stands in a cassette: JSON as JSON, text as text, anything else as base64 or beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .blobs import LARGE, blob_name, from_base64

ReadBlob: TypeAlias = Callable[[str], bytes] | None
"""Returns the content of a blob of this name, or raises ValueError; None where the document names none."""

_STYLES: Mapping[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "compact-ascii": {"separators": (",", ":")},
    "spaced": {"ensure_ascii": False},
    "spaced-ascii": {},
}
"""How JSON is spelled by those who send it; what is spelled otherwise is kept as text."""

_BLOB = "$blob"
_DEEPEST = 60
"""What is nested deeper is nothing to read, and is kept as text."""


def body_members(body: bytes, blobs: dict[str, bytes]) -> dict[str, Any]:
    """Return `body`, or `json` and how it was spelled; blobs are added to those given."""
    if body[:1] in (b"{", b"["):
        for style, spelled in _STYLES.items():
            document = _parsed(body, spelled)
            if document is not None and _depth(document) <= _DEEPEST:
                told = {} if style == "compact" else {"json_style": style}
                return {**told, "json": _without_blobs(document, blobs)}
    return {"body": piece(body, blobs)}


def read_body(found: Mapping[str, Any], read_blob: ReadBlob) -> bytes:
    """Return the bytes that the members stand for.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: they do not have this shape.
    """
    if "json" not in found:
        return read_piece(found["body"], read_blob)
    spelled = _STYLES[found.get("json_style", "compact")]
    document = found["json"] if read_blob is None else _with_blobs(found["json"], read_blob)
    return json.dumps(document, **spelled).encode()


def names_blobs(document: bytes) -> bool:
    """Whether a document may name a blob."""
    return b'blob": "' in document


def piece(content: bytes, blobs: dict[str, bytes]) -> str | dict[str, str]:
    """Return bytes as they stand in the file."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        if len(content) >= LARGE:
            return {"blob": _kept(content, blobs)}
        return {"base64": base64.b64encode(content).decode()}


def read_piece(found: Any, read_blob: ReadBlob) -> bytes:
    """Return the bytes that stand in the file so."""
    if isinstance(found, dict):
        if "blob" in found:
            return read_blob(found["blob"]) if read_blob is not None else b""
        return base64.b64decode(found["base64"], validate=True)
    encoded: bytes = found.encode()
    return encoded


def _parsed(body: bytes, spelled: dict[str, Any]) -> Any | None:
    try:
        text = body.decode()
        document = json.loads(text, parse_constant=_refused)
        return document if json.dumps(document, **spelled) == text and f'"{_BLOB}"' not in text else None
    except (ValueError, RecursionError):
        return None


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for group in inner for each in group if isinstance(each, dict | list)]
    return depth


def _kept(content: bytes, blobs: dict[str, bytes]) -> str:
    name = blob_name(content)
    blobs[name] = content
    return name


def _without_blobs(value: Any, blobs: dict[str, bytes]) -> Any:
    if isinstance(value, dict):
        return {name: _without_blobs(each, blobs) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_blobs(each, blobs) for each in value]
    found = from_base64(value) if isinstance(value, str) else None
    if found is None:
        return value
    begin, content = found
    return {**({"begin": begin} if begin else {}), _BLOB: _kept(content, blobs)}


def _with_blobs(value: Any, read_blob: Callable[[str], bytes]) -> Any:
    if isinstance(value, dict):
        if _BLOB in value:
            return value.get("begin", "") + base64.b64encode(read_blob(value[_BLOB])).decode()
        return {name: _with_blobs(each, read_blob) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_blobs(each, read_blob) for each in value]
    return value
