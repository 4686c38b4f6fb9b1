"""Our own interception of aiohttp: where a connector is asked for a connection.

The client goes on above it as ever (redirects, cookies, timeouts, middlewares). Recorded, the body
is noted as aiohttp's parser hands it over. Replayed, the client gets a connection that no network
is behind, and aiohttp's own protocol parses what stands in the cassette, chunk by chunk.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from .aiohttp_noting import failed, listen
from .aiohttp_played import replayed
from .in_use import current
from .recording import Recording
from .take import Headers, RecordedRequest


def connector(module: Any, real: Any) -> Any:
    """Return what stands for `BaseConnector.connect`."""

    @wraps(real)
    async def connect(this: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current()
        if recording is None:
            return await real(this, req, *args, **kwargs)
        _refuse_upgrade(recording, req)
        asked = RecordedRequest(
            req.method.upper(), str(req.url), Headers(req.headers.items()), await _body(recording, req)
        )
        playback = recording.play(asked)
        tape = None if playback is None else playback.beside
        if playback is not None and tape is None:
            return replayed(module, this, req, playback)
        # Beside a take the live answer goes to the client: only its own code can read it.
        tape = tape or recording.begin(asked)
        try:
            connection = await real(this, req, *args, **kwargs)
        except BaseException as error:
            failed(module, tape, error, connecting=True)
            raise
        listen(module, connection.protocol, tape)
        return connection

    return connect


def _refuse_upgrade(recording: Recording, req: Any) -> None:
    if "upgrade" in req.headers:
        raise recording.refuse(
            f"{req.headers['upgrade']} over aiohttp is not covered: no cassette can hold it",
            where=_where(req),
            fix="leave this connection out of the block that uses the cassette",
        )


def _where(req: Any) -> str:
    return f"{req.method} {req.url.origin()}{req.url.path}"


async def _body(recording: Recording, req: Any) -> bytes:
    """Return the bytes that go out; a body that can be read once is put back as bytes."""
    body = req.body
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    held = getattr(body, "_value", None)
    if isinstance(held, bytes | bytearray):
        return bytes(held)
    if not hasattr(body, "as_bytes"):
        raise recording.refuse(
            f"a request body of type {type(body).__name__} is not covered in this release of aiohttp",
            where=_where(req),
            fix="pip install -U 'aiohttp>=3.12', or send the body as bytes",
        )
    content: bytes = await body.as_bytes()
    kind = req.headers.get("content-type")
    await req.update_body(content)
    if kind is not None:
        req.headers["content-type"] = kind
    req.headers.pop("transfer-encoding", None)
    req.chunked = None
    req.headers["content-length"] = str(len(content))
    return content
