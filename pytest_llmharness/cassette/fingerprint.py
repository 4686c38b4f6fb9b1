"""When two requests are the same one: method, path, query and body, in canonical form.

A body that asks a model is compared by its meaning, as far as the provider documents that two
spellings mean one thing: a text and one part of text, a default that is told and one that is not. Not
compared: scheme, host and port (a live engine has a random port), headers, the order of JSON keys and
query parameters, a multipart boundary, and query parameters that carry a key.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from .redaction import is_secret_parameter, stable_url
from .take import RecordedRequest

MATCHING = 1
"""How keys are computed; the header of a cassette tells it, and keys of another way are computed anew."""

_PATH_SAFE = "/%:@!$&'()*+,;=~"
_PLAIN_PATH = re.compile(rf"[\w.\-{re.escape('/:@!$&()*+,;=~')}]+", re.ASCII)
_BOUNDARY = re.compile(rb"--([^\r\n]{1,70})\r\n")


def request_key(
    request: RecordedRequest, volatile: list[str] | None = None, folders: list[str] | None = None
) -> bytes:
    """Return 16 bytes that equal requests, and only they, have in common.

    Args:
        request: any.
        volatile: which built-in volatile parts are taken to be equal; None for none.
        folders: the working directories that "cwd" stands for.
    """
    path, body = request_path(request.url), request.body
    head = _ENCODER.encode([request.method, path, request_query(request.url)]).encode()
    if _looks_like_json(body):
        key = _json_key(head, path, body, volatile, folders or [])
        if key is not None:
            return key
    kind, form = _plain_body(body)
    return blake2b(b"\0".join((head, kind, form)), digest_size=16).digest()


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


def request_host(url: str) -> str:
    """Return the URL's host and port; a port picked at random says nothing."""
    return urlsplit(stable_url(url)).netloc.rpartition("@")[2].lower()


def json_body(body: bytes) -> Any | None:
    """Return the JSON object or array that the body is, or None where it is none."""
    if not _looks_like_json(body):
        return None
    try:
        return _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        return None


def dump(document: Any) -> bytes:
    """Return the text of a document, a lone surrogate as its escape."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _plain_body(body: bytes) -> tuple[bytes, bytes]:
    """Return the kind of a body that is no JSON, and its form.

    So are bodies whose canonical form could make different ones equal: NaN, numbers beyond a double.
    """
    if not body:
        return b"empty", b""
    parts = _multipart(body)
    if parts is not None:
        return b"multipart", json.dumps([part.hex() for part in parts]).encode()
    return b"bytes", body


def _looks_like_json(body: bytes) -> bool:
    return body.lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def _key_in_python(
    head: bytes, _path: str, body: bytes, _volatile: list[str] | None, _folders: list[str], /
) -> bytes | None:
    """Compare JSON where the core is missing: by its value, which is right if not as kind."""
    document = json_body(body)
    if document is None:
        return None
    try:
        form = _ENCODER.encode(document).encode()
    except RecursionError:
        return None
    return blake2b(b"\0".join((head, b"json", form)), digest_size=16).digest()


def _prefixes_in_python(
    _path: str, _body: bytes, _volatile: list[str] | None, _folders: list[str], /
) -> list[bytes]:
    return []


def _text_in_python(
    _path: str, body: bytes, _volatile: list[str] | None, _folders: list[str], /
) -> str | None:
    return None if json_body(body) is None else body.decode()


try:
    from .._native import _core
except ImportError:
    MATCHING = 0
    _json_key, request_prefixes, request_text = _key_in_python, _prefixes_in_python, _text_in_python
else:
    MATCHING = _core.REQUEST_VERSION
    _json_key = _core.request_key
    request_prefixes, request_text = _core.request_prefixes, _core.request_text


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
