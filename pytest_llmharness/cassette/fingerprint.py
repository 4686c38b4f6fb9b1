"""When two requests are the same one: method, path, query and body, in canonical form.

Not compared: scheme, host and port (a live engine has a random port), headers, the order of JSON
keys and query parameters, a multipart boundary, and query parameters that carry a key.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from .redaction import is_secret_parameter
from .take import RecordedRequest

MATCHING = 1
"""How keys are computed; the header of a cassette tells it, and keys of another way are computed anew."""

_PATH_SAFE = "/%:@!$&'()*+,;=~"
_PLAIN_PATH = re.compile(rf"[\w.\-{re.escape('/:@!$&()*+,;=~')}]+", re.ASCII)
_BOUNDARY = re.compile(rb"--([^\r\n]{1,70})\r\n")


def request_key(request: RecordedRequest) -> bytes:
    """Return 16 bytes that equal requests, and only they, have in common."""
    kind, body = canonical_body(request.body)
    head = _ENCODER.encode([request.method, request_path(request.url), request_query(request.url), kind])
    return blake2b(b"\0".join((head.encode(), body)), digest_size=16).digest()


def request_path(url: str) -> str:
    """Return the URL's path, percent-encoded one way."""
    path = urlsplit(url).path or "/"
    if _PLAIN_PATH.fullmatch(path):
        return path
    path = quote(path, safe=_PATH_SAFE, errors="surrogatepass")
    return re.sub("%[0-9a-fA-F]{2}", lambda escape: escape.group().upper(), path)


def request_query(url: str) -> list[tuple[str, str]]:
    """Return the URL's parameters in order of name, less those that carry a key."""
    query = urlsplit(url).query
    pairs = parse_qsl(query, keep_blank_values=True) if query else []
    return sorted(pair for pair in pairs if not is_secret_parameter(pair[0]))


def canonical_body(body: bytes) -> tuple[str, bytes]:
    """Return the body's kind and a form that is equal where the content is.

    Where a canonical form could make different bodies equal (numbers beyond a double, NaN), the
    body is compared as bytes.
    """
    if not body:
        return "empty", b""
    if _looks_like_json(body) and (form := _json_form(body)) is not None:
        return "json", form
    parts = _multipart(body)
    if parts is not None:
        return "multipart", json.dumps([part.hex() for part in parts]).encode()
    return "bytes", body


def json_body(body: bytes) -> Any | None:
    """Return the JSON object or array that the body is, or None where it is none."""
    if not _looks_like_json(body):
        return None
    try:
        return _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        return None


def _looks_like_json(body: bytes) -> bool:
    return body.lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def _form_in_python(body: bytes) -> bytes | None:
    """Do what the core does, where it is missing; of doubled keys nothing is made."""
    document = json_body(body)
    if document is None:
        return None
    try:
        return _ENCODER.encode(document).encode()
    except RecursionError:
        return None


try:
    from .._native._core import canonical_json as _json_form
except ImportError:
    _json_form = _form_in_python


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number beyond a double")
    return int(number) if number.is_integer() else number  # 1.0 is 1


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_refused)


def _multipart(body: bytes) -> list[bytes] | None:
    """Split at the boundary that the first line declares and the last line closes."""
    opening = _BOUNDARY.match(body)
    if opening is None:
        return None
    boundary = opening.group(1)
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if pieces[-1].rstrip(b"\r\n") != b"--" or not all(p.startswith(b"\r\n") for p in pieces[1:-1]):
        return None
    return pieces[1:-1]
