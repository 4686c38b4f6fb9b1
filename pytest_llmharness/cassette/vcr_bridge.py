"""vcrpy as our patcher: it brings the calls of its HTTP stacks here, we answer and record them.

Two of its ways are not ours. Its patches for httpx also seize MockTransport and ASGITransport, and
those for httpx and aiohttp wait for the end of a stream, so these are tapped by us. And to make a
real connection it lifts its patches for the whole process, where the call of another thread slips
out; here that is known to its own thread only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any

import vcr.patch
import vcr.stubs
from vcr import VCR
from vcr.cassette import Cassette
from vcr.request import Request

from ..errors import CassetteError
from .in_use import current
from .native import read_headers
from .playback import Playback
from .recording import Recording
from .take import CONNECT_ERROR, CUT, TIMEOUT, RecordedRequest, RecordedResponse
from .tape import Tape

_OPTIONAL = {"boto3": "botocore", "httplib2": "httplib2", "tornado": "tornado"}


_ERRORS = {CUT: ConnectionResetError, TIMEOUT: TimeoutError, CONNECT_ERROR: ConnectionRefusedError}
_lifted = threading.local()


def patches() -> AbstractContextManager[Any]:
    """Return what patches every stack that is installed, but those tapped by us and http.client."""
    settings = VCR(
        skip_patchers=_skipped(), custom_patches=((vcr.patch, "force_reset", _lift_in_this_thread),)
    )
    context: AbstractContextManager[Any] = RoutedCassette.use(
        **settings.get_merged_config(path="llmharness", record_mode="none")
    )
    return context


@cache
def stub_of(name: str) -> Any:
    """Return the class that stands for http.client's class of this name."""
    return type(name, (getattr(vcr.stubs, f"VCR{name}"),), {"cassette": RoutedCassette("llmharness")})


def lifted() -> bool:
    """Whether vcrpy is making a real connection in this thread."""
    return getattr(_lifted, "depth", 0) > 0


@contextmanager
def _lift_in_this_thread() -> Iterator[None]:
    _lifted.depth = getattr(_lifted, "depth", 0) + 1
    try:
        yield
    finally:
        _lifted.depth -= 1


@cache
def _skipped() -> tuple[str, ...]:
    """Name the patchers to leave out: tapped by us, or not installed."""
    absent = (name for name, module in _OPTIONAL.items() if find_spec(module) is None)
    return ("httplib", "httpx", "httpx2", "aiohttp", *absent)


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
            if call.recording is not None:
                call.playback = call.recording.play(call.request)
                call.tape = call.playback.beside if call.playback is not None else None
                if call.playback is None:
                    call.tape = call.recording.begin(call.request)
                elif call.tape is not None:  # asked beside a take: the live answer goes to the client
                    call.playback = None
        return call.playback is not None

    def play_response(self, request: Request) -> dict[str, Any]:
        """Return the claimed response in vcrpy's form, or raise what ended it."""
        playback = _Call.of(request).playback
        if playback is None:
            raise AssertionError("vcrpy plays only what can be played")
        playback.wait(playback.chunks[-1][0] if playback.chunks else playback.response.start_ms)
        failure = playback.failure(lambda _name: None, _ERRORS)
        if failure is not None:
            raise failure
        return _to_vcr(playback.response)

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Record a call that went out."""
        tape = _Call.of(request).tape
        if tape is not None:
            answered = _from_vcr(response)
            tape.answered(answered.status, answered.headers)
            tape.chunk(answered.body)
            tape.end()


class _Call:
    """What is known of one of vcrpy's request objects, kept on the object."""

    def __init__(self, request: Request) -> None:
        self.recording: Recording | None = current()
        self.request = _request(request)
        self.asked = False
        self.playback: Playback | None = None
        self.tape: Tape | None = None

    @classmethod
    def of(cls, request: Request) -> _Call:
        call: _Call | None = getattr(request, "llmharness_call", None)
        if call is None:
            call = request.llmharness_call = cls(request)
        return call


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


def _to_vcr(response: RecordedResponse) -> dict[str, Any]:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = ""
    return {
        "status": {"code": response.status, "message": phrase},
        "headers": response.headers.lists(),
        "body": {"string": response.body},
    }
