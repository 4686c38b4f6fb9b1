"""The Ollama dialect: its JSON to a prompt, a model's answer to its NDJSON.

Source: the Ollama API reference (docs/api.md of ollama/ollama).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..adapters.executors.portal import portal
from ..domain.completion import Chunk, ChunkCollector, Completion
from ..domain.message import Message
from ..domain.prompt import Options, Prompt
from ..domain.tool import ToolCall, ToolSpec
from ..errors import HarnessError, ProviderError, ProviderUnavailable, StreamBroken
from .wire import Answer, Disconnect, Refusal, encoded

if TYPE_CHECKING:
    from .server import ModelServer

VERSION = "0.12.0"
_CREATED_AT = "2026-01-01T00:00:00Z"
_NDJSON = {"Content-Type": "application/x-ndjson"}


def answer(server: ModelServer, method: str, path: str, body: bytes) -> Answer:
    """Answer one request.

    Raises:
        Refusal: the request cannot be served; it holds the answer.
        Disconnect: the script wants the connection gone.
    """
    route = path.partition("?")[0].rstrip("/") or "/"
    if route == "/":
        return Answer(200, b"Ollama is running", {"Content-Type": "text/plain; charset=utf-8"})
    if route == "/api/version":
        return Answer(200, encoded({"version": VERSION}))
    if route in ("/api/tags", "/api/ps"):
        models = [_model_card(name) for name in _names(server)]
        return Answer(200, encoded({"models": models if route == "/api/tags" else []}))
    if route in ("/api/chat", "/api/generate", "/api/show") and method == "POST":
        request = _document(body)
        model = _model(server, request)
        if route == "/api/show":
            return Answer(200, encoded({**_model_card(model), "capabilities": ["completion", "tools"]}))
        return _complete(server, request, model, chat=route == "/api/chat")
    raise Refusal(404, f"{method} {route} not found")


def _complete(server: ModelServer, request: dict[str, Any], model: str, *, chat: bool) -> Answer:
    try:
        prompt = _prompt(request, model, chat=chat)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise Refusal(400, f"invalid request: {error}") from error
    if request.get("stream", True):
        pieces = portal().iterate(server.provider.stream(prompt))
        first = _first(pieces)
        return Answer(200, _lines(first, pieces, model, chat=chat), _NDJSON)
    try:
        completion = portal().run(server.provider.complete(prompt))
    except HarnessError as error:
        raise _refused(error) from error
    return Answer(200, encoded(_final(completion, model, completion.text, completion.tool_calls, chat=chat)))


def _first(pieces: Iterator[Chunk]) -> Chunk | None:
    """Take the first chunk, so that a failure before it has a status of its own."""
    try:
        return next(pieces, None)
    except HarnessError as error:
        raise _refused(error) from error


def _lines(first: Chunk | None, pieces: Iterator[Chunk], model: str, *, chat: bool) -> Iterator[bytes]:
    collector = ChunkCollector()
    chunk = first
    try:
        while chunk is not None:
            collector.feed(chunk)
            if chunk.text:
                yield _line(_piece(model, chunk.text, chat=chat))
            chunk = next(pieces, None)
    except StreamBroken as error:
        raise Disconnect from error
    except HarnessError as error:
        yield _line({"error": error.what})
        return
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    whole = collector.completion()
    if whole.tool_calls:
        yield _line(_piece(model, "", whole.tool_calls, chat=chat))
    yield _line(_final(whole, model, "", (), chat=chat))


def _refused(error: HarnessError) -> Exception:
    if isinstance(error, StreamBroken) or (isinstance(error, ProviderUnavailable) and error.status is None):
        return Disconnect()
    status = (error.status if isinstance(error, ProviderError) else None) or 500
    patience = error.retry_after_s if isinstance(error, ProviderError) else None
    headers = {"Retry-After": f"{patience:g}"} if patience is not None else {}
    return Refusal(status, error.what, **headers)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "invalid JSON in the request body") from error
    if not isinstance(document, dict):
        raise Refusal(400, "the request body is no JSON object")
    return document


def _model(server: ModelServer, request: dict[str, Any]) -> str:
    name = request.get("model") or request.get("name")
    if not isinstance(name, str) or not name:
        raise Refusal(400, "model is required")
    if server.models is not None and name not in server.models:
        raise Refusal(404, f"model {name!r} not found")
    return name


def _names(server: ModelServer) -> tuple[str, ...]:
    return server.models or (server.provider.model or "scripted",)


def _model_card(name: str) -> dict[str, Any]:
    details = {"format": "gguf", "family": "llama", "parameter_size": "", "quantization_level": ""}
    return {
        "name": name,
        "model": name,
        "modified_at": _CREATED_AT,
        "size": 0,
        "digest": "",
        "details": details,
    }


def _prompt(request: dict[str, Any], model: str, *, chat: bool) -> Prompt:
    if chat:
        messages = tuple(_message(turn) for turn in request.get("messages") or ())
    else:
        system = (Message.system(request["system"]),) if request.get("system") else ()
        messages = (*system, Message.user(str(request.get("prompt", ""))))
    tools = tuple(_tool(entry["function"]) for entry in request.get("tools") or ())
    return Prompt(messages, tools, _options(request, model))


def _message(turn: dict[str, Any]) -> Message:
    role, content = turn["role"], turn.get("content") or ""
    if role not in ("system", "user", "assistant", "tool") or not isinstance(content, str):
        raise ValueError(f"a message has the role {role!r} and content of type {type(content).__name__}")
    if role == "assistant":
        return Message.assistant(content, [_call(call["function"]) for call in turn.get("tool_calls") or ()])
    name = turn.get("tool_name") or turn.get("name")
    return Message(role, content, tool_name=name, tool_call_id=turn.get("tool_call_id"))


def _call(function: dict[str, Any]) -> ToolCall:
    return ToolCall(str(function["name"]), dict(function.get("arguments") or {}))


def _tool(function: dict[str, Any]) -> ToolSpec:
    schema = function.get("parameters") or {"type": "object"}
    return ToolSpec(str(function["name"]), str(function.get("description") or ""), dict(schema))


def _options(request: dict[str, Any], model: str) -> Options:
    told = dict(request.get("options") or {})
    wanted = request.get("format")
    stop = told.get("stop") or ()
    return Options(
        model=model,
        temperature=told.get("temperature"),
        max_tokens=told.get("num_predict"),
        top_p=told.get("top_p"),
        seed=told.get("seed"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        json_mode=wanted == "json",
        output_schema=wanted if isinstance(wanted, dict) else None,
        timeout_s=None,
    )


def _line(document: dict[str, Any]) -> bytes:
    return encoded(document) + b"\n"


def _piece(model: str, text: str, calls: tuple[ToolCall, ...] = (), *, chat: bool) -> dict[str, Any]:
    head = {"model": model, "created_at": _CREATED_AT}
    if not chat:
        return {**head, "response": text, "done": False}
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"function": {"name": call.name, "arguments": call.arguments}} for call in calls
        ]
    return {**head, "message": message, "done": False}


def _final(
    whole: Completion, model: str, text: str, calls: tuple[ToolCall, ...], *, chat: bool
) -> dict[str, Any]:
    total_ns = int(whole.timing.total_ms * 1e6)
    first_ns = min(int((whole.timing.ttft_ms or 0.0) * 1e6), total_ns)
    return {
        **_piece(model, text, calls, chat=chat),
        "done": True,
        "done_reason": "length" if whole.finish == "length" else "stop",
        "total_duration": total_ns,
        "load_duration": 0,
        "prompt_eval_count": whole.usage.tokens_in,
        "prompt_eval_duration": first_ns,
        "eval_count": whole.usage.tokens_out,
        "eval_duration": total_ns - first_ns,
    }
