"""What is not written: secrets, and what is of this run only.

The first net for secrets works by name (headers, query parameters) and by the literal values seen
under those names. Of this run are the headers of one exchange, and a port that was picked at random.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from .take import Headers, RecordedRequest, RecordedResponse, Take

REDACTED = "[redacted]"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_KEPT_REQUEST_HEADERS = ("accept", "content-type")
_CREDENTIAL = re.compile(
    r"(.*[-_])?(authorization|api[-_]?key|access[-_]?key|secret|password|credential|signature)"
    r"|(.*[-_])?(access|auth|security|session|id|refresh|csrf|xsrf)[-_]?token"
    r"|.*-(token|auth|cookie)|key|token|sig|auth|cookie"
)
_DROPPED_RESPONSE_HEADER = re.compile(
    # private
    r".*cookie2?|.*organization(-id)?|openai-project|cf-.*|.*authorization|.*api-?key"
    # names this one exchange
    r"|.*(request|trace|correlation|invocation|operation)-?id|traceparent|tracestate|x-amz-cf-.*|x-served-by"
    # of the connection or the moment, not of the answer
    r"|date|age|expires|connection|keep-alive|transfer-encoding|via|alt-svc|nel|report-to"
    r"|reporting-endpoints|server-timing|.*-processing-ms|.*-(service|upstream)-time|x-runtime|x-timer"
)
_LOOPBACK = re.compile(r"(https?://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])):(\d{5})(?!\d)", re.IGNORECASE)
_LOWEST_RANDOM_PORT = 32768  # where Linux begins; other systems pick from 49152 on
SOME_PORT = 1
"""Stands for a port picked at random: clients take it as it is (0 they do not), and nobody listens."""

_SHORTEST_SECRET = 8  # replacing a shorter text would damage innocent bodies


class Redactor:
    """Learns the secrets of the calls it sees and takes them out of what is written."""

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}

    def learn(self, request: RecordedRequest) -> bool:
        """Remember the credentials of a request; return whether one was new."""
        found = [form for secret in _credentials(request) for form in _forms(secret)]
        new = [form for form in found if form not in self._forms]
        if new:
            # Longest first: a secret may hold another one.
            self._forms = dict.fromkeys(sorted([*self._forms, *new], key=len, reverse=True))
        return bool(new)

    def body(self, body: bytes) -> bytes:
        """Return the body with every known secret replaced."""
        for form in self._forms:
            body = body.replace(form.encode("utf-8", "surrogatepass"), REDACTED.encode())
        return body

    def text(self, text: str) -> str:
        """Return the text with every known secret replaced."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text

    def value(self, value: Any) -> Any:
        """Return a metadata value with its texts redacted."""
        if isinstance(value, str):
            return self.text(stable_url(clean_url(value)) if _URL.fullmatch(value) else value)
        if isinstance(value, dict):
            return {
                str(key): REDACTED if _CREDENTIAL.fullmatch(str(key).lower()) else self.value(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value

    def take(self, take: Take) -> Take:
        """Return the take as it may be written."""
        return Take(self.request(take.request), self.response(take.response))

    def request(self, request: RecordedRequest) -> RecordedRequest:
        """Return the request as it may be written."""
        kept = [pair for pair in request.headers.pairs if pair[0] in _KEPT_REQUEST_HEADERS]
        return replace(
            request,
            url=self.text(stable_url(clean_url(request.url))),
            headers=self._headers(kept),
            body=self.body(request.body),
        )

    def response(self, response: RecordedResponse) -> RecordedResponse:
        """Return the response as it may be written."""
        kept = [pair for pair in response.headers.pairs if not _DROPPED_RESPONSE_HEADER.fullmatch(pair[0])]
        return replace(response, headers=self._headers(kept), body=self.body(response.body))

    def _headers(self, pairs: list[tuple[str, str]]) -> Headers:
        # By name only: the order of equal names means something.
        return Headers(sorted(((name, self.value(value)) for name, value in pairs), key=lambda pair: pair[0]))


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name carries a credential."""
    return _CREDENTIAL.fullmatch(name.lower()) is not None


def clean_url(url: str) -> str:
    """Return the URL without user, password, fragment and parameters that carry a credential."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(is_secret_parameter(name) for name, _ in pairs):
        kept = [pair for pair in pairs if not is_secret_parameter(pair[0])]
        query = urlencode(kept, encoding="utf-8", errors="surrogatepass")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def stable_url(url: str) -> str:
    """Return the URL of a server on loopback without the port the system picked for it.

    Requests match whatever the host and port are, so the same traffic gives the same file.
    """
    return _LOOPBACK.sub(_with_some_port, url, count=1) if _LOOPBACK.match(url) else url


def _with_some_port(found: re.Match[str]) -> str:
    return f"{found[1]}:{SOME_PORT if int(found[2]) >= _LOWEST_RANDOM_PORT else found[2]}"


def _credentials(request: RecordedRequest) -> Iterator[str]:
    for name, value in request.headers.pairs:
        if name == "cookie":
            yield from (crumb.partition("=")[2].strip() for crumb in value.split(";"))
        elif _CREDENTIAL.fullmatch(name):
            yield value.strip()
            yield value.strip().partition(" ")[2].strip()  # less its scheme: Bearer, Basic
    parts = urlsplit(request.url)
    yield unquote(parts.netloc.rpartition("@")[0].partition(":")[2])
    yield from (
        value for name, value in parse_qsl(parts.query, keep_blank_values=True) if is_secret_parameter(name)
    )


def _forms(secret: str) -> Iterator[str]:
    """Yield the secret as it may stand in a body: raw, in a JSON string, in a form or URL."""
    if len(secret) >= _SHORTEST_SECRET:
        yield secret
        yield json.dumps(secret)[1:-1]
        yield quote(secret, safe="", errors="surrogatepass")
