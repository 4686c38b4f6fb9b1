"""Our own interception of httpx and httpx2: at the transports that reach the network, no others."""

from __future__ import annotations

from functools import wraps
from typing import Any

from .in_use import current
from .take import Headers, RecordedRequest, RecordedResponse


def sync_transport(module: Any, real: Any) -> Any:
    """Return what stands for `HTTPTransport.handle_request` of httpx or httpx2."""

    @wraps(real)
    def handle_request(transport: Any, request: Any) -> Any:
        recording = current()
        if recording is None:
            return real(transport, request)
        asked = _asked(request, request.read())
        answer = recording.answer(asked)
        if answer is not None:
            return _replayed(module, answer)
        response = real(transport, request)
        try:
            content = b"".join(response.stream)
        finally:
            response.stream.close()
        recording.record(asked, _answered(response, content))
        response.stream = module.ByteStream(content)
        return response

    return handle_request


def async_transport(module: Any, real: Any) -> Any:
    """Return what stands for `AsyncHTTPTransport.handle_async_request` of httpx or httpx2."""

    @wraps(real)
    async def handle_async_request(transport: Any, request: Any) -> Any:
        recording = current()
        if recording is None:
            return await real(transport, request)
        asked = _asked(request, await request.aread())
        answer = recording.answer(asked)
        if answer is not None:
            return _replayed(module, answer)
        response = await real(transport, request)
        try:
            content = b"".join([part async for part in response.stream])
        finally:
            await response.stream.aclose()
        recording.record(asked, _answered(response, content))
        response.stream = module.ByteStream(content)
        return response

    return handle_async_request


def _asked(request: Any, body: bytes) -> RecordedRequest:
    return RecordedRequest(request.method.upper(), str(request.url), _headers(request.headers), body)


def _answered(response: Any, content: bytes) -> RecordedResponse:
    return RecordedResponse(response.status_code, _headers(response.headers), content)


def _headers(headers: Any) -> Headers:
    try:
        return Headers([(name.decode("ascii"), value.decode("ascii")) for name, value in headers.raw])
    except UnicodeDecodeError:
        return Headers(headers.multi_items())  # which finds out in what else they are encoded


def _replayed(module: Any, answer: RecordedResponse) -> Any:
    return module.Response(
        answer.status, headers=list(answer.headers.pairs), stream=module.ByteStream(answer.body)
    )
