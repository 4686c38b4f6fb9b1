"""What is not written: secrets, and what is of this run only.

Secrets are caught in two nets, by name and by shape, and by the values that the environment and
the calls themselves show to be secret. Of this run are the headers of one exchange, and a port that
was picked at random.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from ..secrecy import REDACTED, Nets, environment_values, is_credential_name
from .event_text import hide_in_documents
from .take import Headers, RecordedRequest, RecordedResponse, Take

TextRedactor: TypeAlias = Callable[[str], str]
"""Takes a URL, a header's value or a body's text, and returns it as it may be written."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_KEPT_REQUEST_HEADERS = ("accept", "content-type")
_DROPPED_RESPONSE_HEADER = (
    # private
    r".*cookie2?|.*organization(-id)?|openai-project|cf-.*"
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

_HIDDEN_BY_OTHERS = (
    r"(bearer|basic)?(x*|(dummy|fake|test|mock|filtered|hidden|redacted|scrubbed|removed)\w{0,12})"
)
_SHORTEST_SECRET = 8  # replacing a shorter text would damage innocent bodies
_GZIP = b"\x1f\x8b\x08"

_plugged: list[TextRedactor] = []


def add_redactor(redactor: TextRedactor) -> Callable[[], None]:
    """Let a function of yours take more out of what is written, in this process from now on.

    It is given each URL, header value and body as text, before our own nets, also of requests that
    are compared with recorded ones; applied twice it must change nothing more.

    Returns:
        What takes the function out again.
    """
    _plugged.append(redactor)
    return lambda: _plugged.remove(redactor) if redactor in _plugged else None


class Redactor:
    """Learns the secrets of the calls it sees and takes them out of what is written."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._nets = Nets()
        self._plugged = tuple(_plugged)
        self._learn(environment_values())

    def learn(self, request: RecordedRequest) -> bool:
        """Remember the credentials of a request; return whether one was new."""
        return self._learn(secret for secret in _credentials(request) if len(secret) >= _SHORTEST_SECRET)

    def _learn(self, secrets: Iterator[str] | frozenset[str]) -> bool:
        new = set(secrets) - self._known
        if new:
            self._known |= new
            self._nets = Nets(self._known)
        return bool(new)

    def text(self, text: str) -> str:
        """Return the text with every secret replaced."""
        for redactor in self._plugged:
            text = redactor(text)
        return self._nets.hide(text)

    def body(self, body: bytes) -> bytes:
        """Return the body with every secret replaced, also where it is compressed or a stream."""
        if body.startswith(_GZIP):
            return self._compressed(body)
        text = body.decode("utf-8", "surrogateescape")
        hidden = hide_in_documents(self.text(text), self.text)
        return body if hidden == text else hidden.encode("utf-8", "surrogateescape")

    def _compressed(self, body: bytes) -> bytes:
        import gzip

        try:
            plain = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body)
        except zlib.error:
            return body
        hidden = self.body(plain)
        return body if hidden == plain else gzip.compress(hidden, mtime=0)

    def value(self, value: Any) -> Any:
        """Return a metadata value with its texts redacted."""
        if isinstance(value, str):
            return self.url(value) if _URL.fullmatch(value) else self.text(value)
        if isinstance(value, dict):
            return {
                str(key): REDACTED if is_credential_name(str(key)) else self.value(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value

    def url(self, url: str) -> str:
        """Return the URL as it may be written."""
        url = self.text(stable_url(clean_url(url)))
        if "%" not in url and "+" not in url:
            return url
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        hidden = [(self.text(name), self.text(value)) for name, value in pairs]
        if hidden == pairs:
            return url
        return urlunsplit(parts._replace(query=_query(hidden)))

    def take(self, take: Take) -> Take:
        """Return the take as it may be written."""
        return replace(
            take,
            request=self.request(take.request),
            response=self.response(take.response),
            client=self.text(take.client),
        )

    def request(self, request: RecordedRequest) -> RecordedRequest:
        """Return the request as it may be written."""
        kept = [pair for pair in request.headers.pairs if pair[0] in _KEPT_REQUEST_HEADERS]
        return replace(
            request,
            url=self.url(request.url),
            headers=self._headers(kept),
            body=self.body(request.body),
        )

    def response(self, response: RecordedResponse) -> RecordedResponse:
        """Return the response as it may be written."""
        kept = [pair for pair in response.headers.pairs if not _dropped(pair[0])]
        body = self.body(response.body)
        if len(body) != len(response.body):
            size = str(len(response.body))
            kept = [(n, str(len(body)) if (n, v) == ("content-length", size) else v) for n, v in kept]
        return replace(response, headers=self._headers(kept), body=body)

    def left_in(self, take: Take, before: Take | None = None) -> str | None:
        """Say what a take that was redacted still holds of a secret, or None.

        Args:
            take: what redaction made.
            before: of what: where it is the same, nothing was left to take out.
        """
        coding = take.response.headers.get("content-encoding", "identity")
        if coding != "identity":
            return f"its body is coded with {coding}, which cannot be undone here and so not be searched"
        if take == before or self.take(take) == take:
            return None
        return f"after redaction it still holds a secret ({'; '.join(self.secrets_in(take)) or 'in its url'})"

    def secrets_in(self, take: Take) -> list[str]:
        """Name each secret of a take as it was recorded, e.g. "response body: GitHub token"."""
        found = []
        for side, part in (("request", take.request), ("response", take.response)):
            for name, value in part.headers.pairs:
                if is_credential_name(name) and not _hidden_by_others(value):
                    found.append(f"{side} header {name}")
                elif self.text(value) != value:
                    found.append(f"{side} header {name}: {self._kinds(value)}")
            if self.body(part.body) != part.body:
                found.append(f"{side} body: {self._kinds(part.body.decode('utf-8', 'replace'))}")
        if self.text(take.response.error) != take.response.error:
            found.append(f"response error: {self._kinds(take.response.error)}")
        if self.text(take.request.url) != take.request.url:
            found.append(f"url: {self._kinds(take.request.url)}")
        return found

    def _kinds(self, text: str) -> str:
        kinds = sorted({finding.kind for finding in self._nets.find(text)})
        return ", ".join(kinds) or "a secret told in pieces, or that an added redactor knows"

    def _headers(self, pairs: list[tuple[str, str]]) -> Headers:
        # By name only: the order of equal names means something.
        return Headers(sorted(((name, self.value(value)) for name, value in pairs), key=lambda pair: pair[0]))


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name carries a credential."""
    return is_credential_name(name)


def clean_url(url: str) -> str:
    """Return the URL without user, password, fragment and parameters that carry a credential."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(is_secret_parameter(name) for name, _ in pairs):
        query = _query([pair for pair in pairs if not is_secret_parameter(pair[0])])
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def stable_url(url: str) -> str:
    """Return the URL of a server on loopback without the port the system picked for it.

    Requests match whatever the host and port are, so the same traffic gives the same file.
    """
    return _LOOPBACK.sub(_with_some_port, url, count=1) if _LOOPBACK.match(url) else url


def _with_some_port(found: re.Match[str]) -> str:
    return f"{found[1]}:{SOME_PORT if int(found[2]) >= _LOWEST_RANDOM_PORT else found[2]}"


def _query(pairs: list[tuple[str, str]]) -> str:
    return urlencode(pairs, encoding="utf-8", errors="surrogatepass", safe="[]")


def _hidden_by_others(value: str) -> bool:
    return re.fullmatch(_HIDDEN_BY_OTHERS, re.sub(r"\W+", "", value).lower()) is not None


def _dropped(name: str) -> bool:
    return re.fullmatch(_DROPPED_RESPONSE_HEADER, name) is not None or is_credential_name(name)


def _credentials(request: RecordedRequest) -> Iterator[str]:
    for name, value in request.headers.pairs:
        if name == "cookie":
            yield from (crumb.partition("=")[2].strip() for crumb in value.split(";"))
        elif is_credential_name(name):
            yield value.strip()
            scheme, _, told = value.strip().partition(" ")
            yield told.strip()
            if scheme.lower() == "basic":
                yield _password(told.strip())
    parts = urlsplit(request.url)
    yield unquote(parts.netloc.rpartition("@")[0].partition(":")[2])
    yield from (
        value for name, value in parse_qsl(parts.query, keep_blank_values=True) if is_secret_parameter(name)
    )


def _password(told: str) -> str:
    try:
        return base64.b64decode(told, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
