"""Our own interception of httpx and httpx2: at the transports that reach the network, no others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from importlib import import_module
from typing import Any

from .interception import current
from .take import Headers, RecordedRequest, RecordedResponse

_MODULES = ("httpx", "httpx2")


def transport_patches() -> Iterator[tuple[Any, str, Any]]:
    """Yield (class, method name, replacement) for each installed stack."""
    for name in _MODULES:
        try:
            module = import_module(name)
        except ImportError:
            continue
        sync, asynchronous = module.HTTPTransport, module.AsyncHTTPTransport
        yield sync, "handle_request", _sync(module, sync.handle_request)
        yield asynchronous, "handle_async_request", _async(module, asynchronous.handle_async_request)


def _sync(module: Any, real: Any) -> Any:
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


def _async(module: Any, real: Any) -> Any:
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
    return RecordedRequest(
        request.method.upper(), str(request.url), Headers(request.headers.multi_items()), body
    )


def _answered(response: Any, content: bytes) -> RecordedResponse:
    return RecordedResponse(response.status_code, Headers(response.headers.multi_items()), content)


def _replayed(module: Any, answer: RecordedResponse) -> Any:
    return module.Response(
        answer.status, headers=list(answer.headers.pairs), stream=module.ByteStream(answer.body)
    )
