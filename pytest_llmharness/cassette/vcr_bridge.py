"""vcrpy as our patcher: it brings the calls of its HTTP stacks here, we answer and record them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any

import vcr.patch
from vcr import VCR
from vcr.cassette import Cassette
from vcr.request import Request

from ..errors import CassetteError
from .interception import current
from .native import read_headers
from .recording import Recording
from .take import RecordedRequest, RecordedResponse
from .transports import transport_patches

_OPTIONAL = {"boto3": "botocore", "httplib2": "httplib2", "tornado": "tornado", "aiohttp": "aiohttp"}


def patches() -> AbstractContextManager[Any]:
    """Return what patches every stack: vcrpy's patchers, and our own for httpx and httpx2.

    vcrpy's httpx patchers are left out because they also seize MockTransport and ASGITransport.
    """
    own = tuple(transport_patches())
    settings = VCR(
        skip_patchers=_skipped(),
        custom_patches=(*own, (vcr.patch, "reset_patchers", _resetting_all_but(own))),
    )
    context: AbstractContextManager[Any] = RoutedCassette.use(
        **settings.get_merged_config(path="llmharness", record_mode="none")
    )
    return context


@cache
def _skipped() -> tuple[str, ...]:
    """Name the patchers to leave out: ours instead, or a stack that is not installed."""
    return ("httpx", "httpx2", *(name for name, module in _OPTIONAL.items() if find_spec(module) is None))


class RoutedCassette(Cassette):  # type: ignore[misc]  # vcrpy has no types
    """Stands where vcrpy expects its cassette and hands each call to the recording it belongs to."""

    write_protected = False

    def _load(self) -> None:
        """Nothing to load: the recordings hold the takes."""

    def _save(self, force: bool = False) -> None:
        """Nothing to save: the recordings have written each take."""

    def filter_request(self, request: Request) -> Request:
        """Record whatever `append` is given."""
        return request

    def can_play_response_for(self, request: Request) -> bool:
        """Claim a take for this request object, once, however often vcrpy asks."""
        call = _Call.of(request)
        if not call.asked:
            call.asked = True
            call.response = call.recording.answer(call.request) if call.recording else None
        return call.response is not None

    def play_response(self, request: Request) -> dict[str, Any]:
        """Return the claimed response in vcrpy's form."""
        return _to_vcr(_Call.of(request).response)

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Record a call that went out."""
        call = _Call.of(request)
        if call.recording is not None:
            call.recording.record(call.request, _from_vcr(response))

    def find_requests_with_most_matches(self, request: Request) -> list[tuple[Any, ...]]:
        """Return the request itself: vcrpy's aiohttp stub asks so for the next hop of a redirect."""
        return [(request, [], [])]


class _Call:
    """What is known of one of vcrpy's request objects, kept on the object."""

    def __init__(self, request: Request) -> None:
        self.recording: Recording | None = current()
        self.request = _request(request)
        self.asked = False
        self.response: RecordedResponse | None = None

    @classmethod
    def of(cls, request: Request) -> _Call:
        call: _Call | None = getattr(request, "llmharness_call", None)
        if call is None:
            call = request.llmharness_call = cls(request)
        return call


def _resetting_all_but(own: tuple[tuple[Any, str, Any], ...]) -> Any:
    """Keep our patches on while vcrpy lifts its own to open a connection."""
    original = vcr.patch.reset_patchers
    ours = {(owner, name) for owner, name, _ in own}

    def reset_patchers() -> Iterator[Any]:
        return (each for each in original() if (each.getter(), each.attribute) not in ours)

    return reset_patchers


def _request(request: Request) -> RecordedRequest:
    return RecordedRequest(
        request.method.upper(), request.uri, read_headers(dict(request.headers)), _body(request.body)
    )


def _body(body: Any) -> bytes:
    if hasattr(body, "read"):
        body = body.read()
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, dict | list | int | float):  # aiohttp's json=
        return json.dumps(body).encode()
    if hasattr(body, "__next__"):
        return b"".join(_body(part) for part in body)
    raise CassetteError(
        f"a request body of type {type(body).__name__} cannot be recorded or compared",
        where="use_cassette",
        fix="send the body as bytes, text or JSON",
    )


def _from_vcr(response: dict[str, Any]) -> RecordedResponse:
    content = (response.get("body") or {}).get("string")
    return RecordedResponse(
        response["status"]["code"], read_headers(dict(response["headers"])), _body(content)
    )


def _to_vcr(response: RecordedResponse | None) -> dict[str, Any]:
    if response is None:
        raise AssertionError("vcrpy plays only what can be played")
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = ""
    return {
        "status": {"code": response.status, "message": phrase},
        "headers": response.headers.lists(),
        "body": {"string": response.body},
    }
