"""Ollama's JSON: a request to a prompt, a model's answer to its documents.

Source: the Ollama API reference (docs/api.md of ollama/ollama).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from ..domain.completion import Completion
from ..domain.message import Message
from ..domain.prompt import Options, Prompt
from ..domain.tool import ToolCall, ToolSpec
from ..schema import Schema
from .wire import ReceivedRequest, Refusal, encoded

# Fixed, because a clock here would make two recordings of the same traffic differ.
CREATED_AT = "2026-01-01T00:00:00Z"

_DETAILS = {"format": "gguf", "family": "llama", "parameter_size": "", "quantization_level": ""}


def _object(required: Iterable[str] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": items}


_NAME = {"type": "string", "minLength": 1}
_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": ["number", "null"]}
_INTEGER = {"type": ["integer", "null"]}
_OBJECT = {"type": ["object", "null"]}
_CALL = _object(["function"], function=_object(["name"], name=_NAME, arguments=_OBJECT))
_TOOL = _object(["function"], function=_object(["name"], name=_NAME, description=_TEXT, parameters=_OBJECT))
_MESSAGE = _object(
    ["role"],
    role={"enum": ["system", "user", "assistant", "tool"]},
    content=_TEXT,
    tool_calls=_list(_CALL),
    tool_name=_TEXT,
    name=_TEXT,
    tool_call_id=_TEXT,
)
_OPTIONS = _object(
    temperature=_NUMBER,
    top_p=_NUMBER,
    num_predict=_INTEGER,
    seed=_INTEGER,
    stop={"type": ["string", "array", "null"], "items": {"type": "string"}},
)
_REQUEST = _object(
    model=_NAME,
    name=_NAME,
    messages=_list(_MESSAGE),
    prompt=_TEXT,
    system=_TEXT,
    tools=_list(_TOOL),
    stream={"type": ["boolean", "null"]},
    options={**_OPTIONS, "type": ["object", "null"]},
    format={"anyOf": [{"enum": ["", "json", None]}, {"type": "object"}]},
    think={"type": ["boolean", "string", "null"]},
)


@cache
def _request_schema() -> Schema:
    return Schema(_REQUEST)


def document(request: ReceivedRequest) -> dict[str, Any]:
    """Read the body.

    Raises:
        Refusal: 400, it is no JSON or has fields of the wrong type.
    """
    verdict = _request_schema().check(request.content)
    if not verdict:
        first = verdict.violations[0]
        hint = first.hint if first.pointer else first.hint.replace("the answer", "the request", 1)
        what = f"no JSON: {hint.partition(': ')[2]}" if first.keyword == "json" else hint
        raise Refusal(400, f"invalid request: {what}")
    found: dict[str, Any] = verdict.value
    return found


def prompt_of(asked: dict[str, Any], model: str, *, chat: bool) -> Prompt:
    """Return what the model is asked. What a prompt cannot carry, such as images, is left out."""
    if chat:
        messages = tuple(_message(turn) for turn in asked.get("messages") or ())
    else:
        system = (Message.system(asked["system"]),) if asked.get("system") else ()
        messages = (*system, Message.user(asked.get("prompt") or ""))
    tools = tuple(_tool(entry["function"]) for entry in asked.get("tools") or ())
    return Prompt(messages, tools, _options(asked, model))


def _message(turn: dict[str, Any]) -> Message:
    role, content = turn["role"], turn.get("content") or ""
    if role == "assistant":
        return Message.assistant(content, [_call(call["function"]) for call in turn.get("tool_calls") or ()])
    name = turn.get("tool_name") or turn.get("name")
    return Message(role, content, tool_name=name, tool_call_id=turn.get("tool_call_id"))


def _call(function: dict[str, Any]) -> ToolCall:
    return ToolCall(function["name"], function.get("arguments") or {})


def _tool(function: dict[str, Any]) -> ToolSpec:
    schema = function.get("parameters") or {"type": "object"}
    return ToolSpec(function["name"], function.get("description") or "", schema)


def _options(asked: dict[str, Any], model: str) -> Options:
    told = asked.get("options") or {}
    wanted = asked.get("format")
    stop, limit = told.get("stop") or (), told.get("num_predict")
    return Options(
        model=model,
        temperature=told.get("temperature"),
        max_tokens=int(limit) if limit is not None and limit >= 0 else None,
        top_p=told.get("top_p"),
        seed=told.get("seed"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        json_mode=wanted == "json",
        output_schema=wanted if isinstance(wanted, dict) else None,
        timeout_s=None,
    )


def piece(model: str, text: str, calls: Iterable[ToolCall] = (), *, chat: bool) -> dict[str, Any]:
    """Return one document of a stream: text, or tool calls."""
    head = {"model": model, "created_at": CREATED_AT}
    if not chat:
        return {**head, "response": text, "done": False}
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"function": {"name": call.name, "arguments": call.arguments}} for call in calls
        ]
    return {**head, "message": message, "done": False}


def final(
    whole: Completion, model: str, text: str, calls: Iterable[ToolCall], *, chat: bool
) -> dict[str, Any]:
    """Return the document that ends an answer, with its counts and times."""
    total_ns = int(whole.timing.total_ms * 1e6)
    first_ns = min(int((whole.timing.ttft_ms or 0.0) * 1e6), total_ns)
    return {
        **piece(model, text, calls, chat=chat),
        "done": True,
        "done_reason": "length" if whole.finish == "length" else "stop",
        "total_duration": total_ns,
        "load_duration": 0,
        "prompt_eval_count": whole.usage.tokens_in,
        "prompt_eval_duration": first_ns,
        "eval_count": whole.usage.tokens_out,
        "eval_duration": total_ns - first_ns,
    }


def loaded(model: str, *, chat: bool, stays: bool) -> dict[str, Any]:
    """Return the answer to a request without a prompt: it only loads or unloads the model."""
    return {**piece(model, "", chat=chat), "done": True, "done_reason": "load" if stays else "unload"}


def as_text(call: ToolCall) -> str:
    """Return a call as the text that a parser of tool calls would have found no call in."""
    name = encoded(call.name).decode()
    return f'{{"name": {name}, "arguments": {call.arguments_text}}}'


def model_card(name: str) -> dict[str, Any]:
    """Return what a list of models says about one."""
    return {
        "name": name,
        "model": name,
        "modified_at": CREATED_AT,
        "size": 0,
        "digest": "",
        "details": _DETAILS,
    }


def model_facts() -> dict[str, Any]:
    """Return what a server says about one of its models; every one is the same here."""
    return {
        "modified_at": CREATED_AT,
        "template": "",
        "parameters": "",
        "details": _DETAILS,
        "model_info": {"general.architecture": "llama"},
        "capabilities": ["completion", "tools"],
    }
