"""The Ollama dialect: its routes, and its streams of newline-delimited JSON.

Source: the Ollama API reference (docs/api.md of ollama/ollama).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ..domain.completion import ChunkCollector, Completion
from ..domain.prompt import Prompt
from ..domain.tool import ToolCall
from ..errors import HarnessError, StreamBroken
from .admission import check_bearer
from .ollama_wire import as_text, document, final, loaded, model_card, model_facts, piece, prompt_of
from .wire import Backend, Disconnect, Head, Part, ReceivedRequest, Refusal, encoded

VERSION = "0.12.0"
_NDJSON = {"Content-Type": "application/x-ndjson"}
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_METHODS = {
    "/": "GET",
    "/api/version": "GET",
    "/api/tags": "GET",
    "/api/ps": "GET",
    "/api/show": "POST",
    "/api/chat": "POST",
    "/api/generate": "POST",
}


class OllamaDialect:
    """What an Ollama server says, without loading, pulling, embedding or thinking."""

    name = "ollama"
    root = ""

    def serves(self, path: str) -> bool:
        """Whether the path is one of Ollama's."""
        return path == "/" or path.startswith("/api/")

    async def answer(self, request: ReceivedRequest, backend: Backend) -> AsyncGenerator[Part, None]:
        """Yield the answer to one request.

        Raises:
            Refusal: the request cannot be served.
            Disconnect: the model's stream broke.
            ProviderError: the model failed.
        """
        check_bearer(request, backend)
        route = _route(request)
        if route in ("/api/chat", "/api/generate"):
            async with aclosing(_answered(request, backend, chat=route == "/api/chat")) as parts:
                async for part in parts:
                    yield part
            return
        body = b"Ollama is running" if route == "/" else encoded(_facts(route, request, backend))
        yield Head(headers=_TEXT, length=len(body)) if route == "/" else Head(length=len(body))
        yield body

    def error_body(self, refusal: Refusal) -> object:
        """Return Ollama's form of an error."""
        return {"error": refusal.message}


def _route(request: ReceivedRequest) -> str:
    route = request.path.rstrip("/") or "/"
    method = _METHODS.get(route)
    if method is None:
        raise Refusal(404, f"{route} is not served here")
    if request.method != method and (request.method, method) != ("HEAD", "GET"):
        raise Refusal(405, f"{request.method} {route} is not allowed", {"Allow": method})
    return route


def _facts(route: str, request: ReceivedRequest, backend: Backend) -> dict[str, Any]:
    if route == "/api/version":
        return {"version": VERSION}
    if route == "/api/ps":
        return {"models": []}
    if route == "/api/tags":
        names = backend.models or (backend.provider.model or "scripted",)
        return {"models": [model_card(name) for name in names]}
    _model(document(request), backend)
    return model_facts()


def _model(asked: dict[str, Any], backend: Backend) -> str:
    name: str | None = asked.get("model") or asked.get("name")
    if name is None:
        raise Refusal(400, "model is required")
    if backend.models is not None and _tagged(name) not in map(_tagged, backend.models):
        raise Refusal(404, f"model {name!r} not found")
    return name


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call of the model: what it is asked, and in which words it answers."""

    prompt: Prompt
    model: str
    chat: bool

    def piece(self, text: str, calls: tuple[ToolCall, ...] = ()) -> bytes:
        return encoded(piece(self.model, text, calls, chat=self.chat)) + b"\n"

    def final(self, whole: Completion, text: str = "", calls: tuple[ToolCall, ...] = ()) -> bytes:
        return encoded(final(whole, self.model, text, calls, chat=self.chat))

    def sorted_calls(self, whole: Completion) -> tuple[tuple[ToolCall, ...], str]:
        """Return the calls this dialect can say, and the text that the others become.

        A call whose arguments were cut off must not arrive as one that can be run.
        """
        said = tuple(call for call in whole.tool_calls if self.chat and call.raw_arguments is None)
        return said, "".join(as_text(call) for call in whole.tool_calls if call not in said)


async def _answered(request: ReceivedRequest, backend: Backend, *, chat: bool) -> AsyncGenerator[Part, None]:
    asked = document(request)
    model = _model(asked, backend)
    if asked.get("think"):
        raise Refusal(400, f'"{model}" does not support thinking')
    if not asked.get("messages" if chat else "prompt"):
        body = encoded(loaded(model, chat=chat, stays=asked.get("keep_alive") not in (0, "0", "0s")))
        yield Head(length=len(body))
        yield body
        return
    turn = _Turn(prompt_of(asked, model, chat=chat), model, chat)
    say = _whole if asked.get("stream") is False else _streamed
    async with aclosing(say(turn, backend)) as parts:
        async for part in parts:
            yield part


async def _whole(turn: _Turn, backend: Backend) -> AsyncGenerator[Part, None]:
    try:
        whole = await backend.provider.complete(turn.prompt)
    except StreamBroken as error:
        body = turn.final(Completion(), error.partial)
        yield Head(length=len(body))
        yield body[: _end_of_text(body, error.partial, chat=turn.chat)]
        raise Disconnect from error
    calls, rest = turn.sorted_calls(whole)
    body = turn.final(whole, whole.text + rest, calls)
    yield Head(length=len(body))
    yield body


async def _streamed(turn: _Turn, backend: Backend) -> AsyncGenerator[Part, None]:
    collector, head = ChunkCollector(), Head(headers=_NDJSON)
    begun = False
    async with aclosing(backend.provider.stream(turn.prompt)) as chunks:
        try:
            async for chunk in chunks:
                if not begun:  # a failure before the first chunk has a status of its own
                    yield head
                    begun = True
                collector.feed(chunk)
                if chunk.text:
                    yield turn.piece(chunk.text)
        except StreamBroken as error:
            if not begun:
                yield head
            raise Disconnect from error
        except HarnessError as error:
            if not begun:
                raise
            yield encoded({"error": error.what}) + b"\n"
            return
    if not begun:
        yield head
    for line in _ending(turn, collector.completion()):
        yield line


def _ending(turn: _Turn, whole: Completion) -> Iterator[bytes]:
    calls, rest = turn.sorted_calls(whole)
    if calls or rest:
        yield turn.piece(rest, calls)
    yield turn.final(whole) + b"\n"


def _end_of_text(body: bytes, text: str, *, chat: bool) -> int:
    told = encoded({"content" if chat else "response": text})[1:-2]
    return body.index(told) + len(told)
