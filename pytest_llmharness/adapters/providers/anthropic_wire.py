"""The messages API on the wire: prompts to requests, answers and events to our values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ...domain.completion import Chunk, Completion, FinishReason, ToolCallDelta
from ...domain.message import Message, TextPart
from ...domain.prompt import Options, Prompt
from ...domain.tool import ToolCall
from ...domain.usage import Usage
from .answer_tool import NAME, AnswerTool, answer_tool
from .call_ids import with_call_ids
from .connection import sdk

_MAX_TOKENS = 4096
_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def request(prompt: Prompt, model: str, *, at_home: bool) -> dict[str, Any]:
    """Return the arguments of a call. `at_home` says whether it goes to Anthropic's own API."""
    options = prompt.options
    answer = _answer(prompt, at_home)
    system = "\n\n".join(message.text for message in prompt.messages if message.role == "system")
    optional = {
        "system": system or None,
        "stop_sequences": list(options.stop) or None,
        "tools": _tools(prompt, answer) or None,
        "tool_choice": _tool_choice(prompt, answer),
        "output_config": _output_config(prompt) if at_home else None,
        "extra_body": None if at_home else _sampling(options),
    }
    return {
        "model": model,
        "max_tokens": options.max_tokens or _MAX_TOKENS,
        "messages": _turns(with_call_ids(prompt.messages)),
        **{name: value for name, value in optional.items() if value is not None},
    }


class MessageReader:
    """Reads a whole answer."""

    def __init__(self, prompt: Prompt, *, at_home: bool) -> None:
        self._answer = _answer(prompt, at_home)

    def completion(self, answer: Any) -> Completion:
        """Return the answer as our value."""
        blocks, cut = answer.content, answer.stop_reason == "max_tokens"
        texts = [_text(block.text) for block in blocks if block.type == "text"]
        uses = [block for block in blocks if block.type == "tool_use"]
        answers = [block for block in uses if self._answer is not None and block.name == NAME]
        calls = [_call(block, cut and block is blocks[-1]) for block in uses if block not in answers]
        # What a token limit cut off arrives here as a whole object, which it is not.
        whole = bool(answers) and not (cut and answers[0] is blocks[-1])
        if self._answer is not None and whole:
            texts.append(self._answer.text(json.dumps(answers[0].input, ensure_ascii=False)))
        tokens = _Tokens()
        tokens.take(answer.usage)
        return Completion(
            text="".join(texts),
            tool_calls=tuple(calls),
            finish=_finish(answer.stop_reason, whole and not calls),
            usage=tokens.usage,
            model=_text(answer.model),
        )


class StreamReader:
    """Reads the events of one stream."""

    def __init__(self, prompt: Prompt, *, at_home: bool) -> None:
        self._answer = _answer(prompt, at_home)
        self._answers: list[int] = []
        self._wrapped: list[str] = []
        self._called = False
        self._last_block = -1
        self._tokens = _Tokens()

    def chunk(self, event: Any) -> Chunk:
        """Return what an event adds; an empty chunk where it adds nothing."""
        match event.type:
            case "message_start":
                self._tokens.take(event.message.usage)
                return Chunk(usage=self._tokens.usage, model=_text(event.message.model))
            case "content_block_start":
                self._last_block = event.index
                return self._opened(event.index, event.content_block)
            case "content_block_delta":
                return self._grown(event.index, event.delta)
            case "message_delta":
                self._tokens.take(event.usage)
                return self._ended(event.delta.stop_reason)
        return Chunk()

    def _opened(self, index: int, block: Any) -> Chunk:
        if block.type == "text":
            return Chunk(text=_text(block.text))
        if block.type != "tool_use":
            return Chunk()
        if self._answer is not None and block.name == NAME:
            self._answers.append(index)
            return Chunk()
        self._called = True
        return Chunk(tool_calls=(ToolCallDelta(index, _text(block.name), id=_text(block.id)),))

    def _grown(self, index: int, delta: Any) -> Chunk:
        if delta.type == "text_delta":
            return Chunk(text=_text(delta.text))
        if delta.type != "input_json_delta":
            return Chunk()
        piece = _text(delta.partial_json)
        if index not in self._answers:
            return Chunk(tool_calls=(ToolCallDelta(index, arguments=piece),))
        if index != self._answers[0]:
            return Chunk()
        if self._answer is not None and self._answer.wrapped:
            self._wrapped.append(piece)
            return Chunk()
        return Chunk(text=piece)

    def _ended(self, reason: str | None) -> Chunk:
        cut = reason == "max_tokens" and self._answers[:1] == [self._last_block]
        answered = bool(self._answers) and not cut and not self._called
        wrapped = self._answer.text("".join(self._wrapped)) if self._answer and self._wrapped else ""
        return Chunk(text=wrapped, finish=_finish(reason, answered), usage=self._tokens.usage)


class _Tokens:
    """Token counts of one answer; a stream tells them in two events."""

    def __init__(self) -> None:
        self.usage = Usage()

    def take(self, usage: Any) -> None:
        if usage is None:
            return
        # The API counts cached prompt tokens apart from input_tokens.
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        asked = sum(int(getattr(usage, name, None) or 0) for name in names)
        answered = int(getattr(usage, "output_tokens", None) or 0)
        self.usage = Usage(asked or self.usage.tokens_in, answered or self.usage.tokens_out)


def _answer(prompt: Prompt, at_home: bool) -> AnswerTool | None:
    if at_home and prompt.options.output_schema is not None:
        return None
    return answer_tool(prompt.options)


def _tools(prompt: Prompt, answer: AnswerTool | None) -> list[dict[str, Any]]:
    tools = [
        {"name": spec.name, "description": spec.description, "input_schema": dict(spec.schema)}
        for spec in prompt.tools
    ]
    if answer is not None:
        how = "Give the final answer, as JSON, by calling this tool."
        tools.append({"name": NAME, "description": how, "input_schema": dict(answer.schema)})
    return tools


def _tool_choice(prompt: Prompt, answer: AnswerTool | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    named = {"type": "any"} if prompt.tools else {"type": "tool", "name": NAME}
    return {**named, "disable_parallel_tool_use": True}


def _output_config(prompt: Prompt) -> dict[str, Any] | None:
    if prompt.options.output_schema is None:
        return None
    schema = dict(prompt.options.output_schema)
    try:
        # The API takes closed objects and few keywords; this moves the rest into descriptions.
        schema = sdk("anthropic", "anthropic").transform_schema(schema)
    except (ValueError, TypeError, AttributeError, AssertionError):
        return {"format": {"type": "json_schema", "schema": schema}}
    return {"format": {"type": "json_schema", "schema": schema}}


def _sampling(options: Options) -> dict[str, Any] | None:
    # Anthropic's API of 2026-10-21 refuses these, so the SDK has no arguments for them.
    asked = {"temperature": options.temperature, "top_p": options.top_p}
    return {name: value for name, value in asked.items() if value is not None} or None


def _turns(messages: Iterable[Message]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    previous = ""
    for message in messages:
        blocks = _blocks(message)
        if message.role == "system" or not blocks:
            continue
        if message.role == "tool" == previous:
            turns[-1]["content"] += blocks
        else:
            role = "assistant" if message.role == "assistant" else "user"
            turns.append({"role": role, "content": blocks})
        previous = message.role
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text}]
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}
        for part in message.parts
        if not isinstance(part, TextPart) or part.text
    ]


def _call(block: Any, cut: bool) -> ToolCall:
    name, call_id = _text(block.name), _text(block.id)
    if cut or not isinstance(block.input, dict):
        # Unstreamed, the API closes or drops what the token limit cut off: such a call must not run.
        return ToolCall(name, {}, call_id, json.dumps(block.input, ensure_ascii=False))
    return ToolCall(name, block.input, call_id)


def _finish(reason: str | None, answered: bool) -> FinishReason:
    return "stop" if answered else _FINISH.get(reason or "", "unknown")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text was expected")
    return value
