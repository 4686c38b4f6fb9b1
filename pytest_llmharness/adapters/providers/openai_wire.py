"""Chat completions on the wire: prompts to requests, answers and chunks to our values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...domain.completion import Chunk, Completion, FinishReason, ToolCallDelta, tool_call
from ...domain.message import Message
from ...domain.prompt import Options, Prompt
from ...domain.usage import Timing, Usage
from .call_ids import with_call_ids

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def request(prompt: Prompt, model: str, *, at_openai: bool) -> dict[str, Any]:
    """Return the arguments of a call. `at_openai` says whether it goes to OpenAI itself."""
    options = prompt.options
    # OpenAI's newer models refuse max_tokens; many other servers know nothing else.
    limit = "max_completion_tokens" if at_openai else "max_tokens"
    optional = {
        "temperature": options.temperature,
        limit: options.max_tokens,
        "top_p": options.top_p,
        "seed": options.seed,
        "stop": list(options.stop) or None,
        "response_format": _response_format(options),
        "tools": [_tool(spec.name, spec.description, spec.schema) for spec in prompt.tools] or None,
    }
    return {
        "model": model,
        "messages": [_message(message) for message in with_call_ids(prompt.messages)],
        **{name: value for name, value in optional.items() if value is not None},
    }


def _response_format(options: Options) -> dict[str, Any] | None:
    if options.output_schema is not None:
        schema = {"name": "answer", "schema": dict(options.output_schema)}
        return {"type": "json_schema", "json_schema": schema}
    return {"type": "json_object"} if options.json_mode else None


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": dict(schema)}
    return {"type": "function", "function": function}


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    if not message.tool_calls:
        return {"role": message.role, "content": message.text}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments_text},
        }
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": message.text or None, "tool_calls": calls}


def completion(answer: Any) -> Completion:
    """Return a whole answer as our value."""
    choice = answer.choices[0]
    calls = choice.message.tool_calls or []
    # llama.cpp says how long it read the prompt; nobody else tells an unstreamed first token.
    timings = getattr(answer, "timings", None)
    prompt_ms = timings.get("prompt_ms") if isinstance(timings, dict) else None
    return Completion(
        text=_text(choice.message.content) or _text(choice.message.refusal),
        tool_calls=tuple(
            tool_call(_text(call.function.name), _text(call.function.arguments), _text(call.id) or None)
            for call in calls
        ),
        finish=_FINISH.get(choice.finish_reason, "unknown"),
        usage=_usage(answer.usage) or Usage(),
        timing=Timing(ttft_ms=float(prompt_ms) if prompt_ms is not None else None),
        model=_text(getattr(answer, "model", None)),
    )


def chunk(event: Any) -> Chunk:
    """Return a chunk of the server as ours."""
    usage, model = _usage(event.usage), _text(getattr(event, "model", None))
    if not event.choices:
        return Chunk(usage=usage, model=model)
    choice = event.choices[0]
    reason = choice.finish_reason
    return Chunk(
        text=_text(choice.delta.content) or _text(choice.delta.refusal),
        tool_calls=tuple(_delta(call) for call in choice.delta.tool_calls or []),
        finish=_FINISH.get(reason, "unknown") if reason else None,
        usage=usage,
        model=model,
    )


def _delta(call: Any) -> ToolCallDelta:
    function = call.function
    name, arguments = (function.name, function.arguments) if function else (None, None)
    return ToolCallDelta(call.index, _text(name), _text(arguments), _text(call.id) or None)


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    return Usage(int(usage.prompt_tokens or 0), int(usage.completion_tokens or 0))


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text was expected")
    return value or ""
