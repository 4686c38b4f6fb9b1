"""What came back, gathered from one document or from events, in any dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .blocks import call_of, is_call, mapping, mappings, text_of

_WHOLE_RESPONSES = ("response.completed", "response.incomplete", "response.failed")
_ENDS = ("status", "finish_reason", "stopReason", "stop_reason", "done_reason")
_TOKENS_IN = (
    "prompt_tokens",
    "input_tokens",
    "inputTokens",
    "promptTokenCount",
    "prompt_eval_count",
    "prompt_token_count",
)
_TOKENS_OUT = (
    "completion_tokens",
    "output_tokens",
    "outputTokens",
    "candidatesTokenCount",
    "eval_count",
    "generation_token_count",
)


@dataclass
class Reply:
    """Gathers an answer from its one document or from its events."""

    text: list[str] = field(default_factory=list)
    calls: dict[Any, tuple[list[str], list[str]]] = field(default_factory=dict)
    finish: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None

    def add(self, document: Mapping[str, Any]) -> None:
        """Take in one document: the whole answer, or what one event says."""
        kind = str(document.get("type", ""))
        if kind == "response.output_text.delta":
            self.text.append(str(document.get("delta", "")))
        elif kind in ("content_block_start", "content_block_delta"):
            self._block(document.get("content_block") or document.get("delta"), document.get("index"))
        elif kind in ("contentBlockStart", "contentBlockDelta"):
            self._block(document.get("start") or document.get("delta"), document.get("contentBlockIndex"))
        elif kind in _WHOLE_RESPONSES:
            self.text.clear()
            self._whole(mapping(document.get("response")))
        elif kind.startswith(("tool-call", "content-", "message-")):
            self._cohere(mapping(document.get("delta")), document.get("index"))
        elif not kind.startswith("response."):
            self._whole(document)

    def _cohere(self, delta: Mapping[str, Any], place: Any) -> None:
        message = mapping(delta.get("message"))
        self._said({**message, "tool_calls": []}, place)
        call = mapping(message.get("tool_calls"))
        if call:
            self._called(place, call)
        self._ended(delta.get("finish_reason"))
        self._used(mapping(mapping(delta.get("usage")).get("tokens")))

    def _whole(self, document: Mapping[str, Any]) -> None:
        for choice in mappings(document.get("choices")):
            self._said(mapping(choice.get("message") or choice.get("delta") or choice), choice.get("index"))
            self._ended(choice.get("finish_reason"))
        for candidate in mappings(document.get("candidates")):
            for number, part in enumerate(mappings(mapping(candidate.get("content")).get("parts"))):
                self._block(part, (number, len(self.calls)))
            self._ended(candidate.get("finishReason"))
        for item in mappings(document.get("output")):
            for number, block in enumerate(mappings(item.get("content")) or [item]):
                self._block(block, (item.get("id"), number))
        for number, block in enumerate(mappings(document.get("content"))):
            self._block(block, number)
        message = mapping(mapping(document.get("output")).get("message"))
        for number, block in enumerate(mappings(message.get("content"))):
            self._block(block, number)
        self._said(mapping(document.get("message")), 0)
        if isinstance(document.get("response"), str):
            self.text.append(document["response"])
        for name in _ENDS:
            self._ended(document.get(name))
        self._ended(mapping(document.get("delta")).get("stop_reason"))
        self._error(document.get("error"))
        usage = mapping(document.get("usage") or document.get("usageMetadata") or document.get("meta"))
        usage = mapping(usage.get("tokens")) or usage
        self._used(usage or mapping(mapping(document.get("message")).get("usage")) or document)

    def _said(self, message: Mapping[str, Any], choice: Any) -> None:
        words = message.get("content") or message.get("text") or message.get("refusal")
        if words and message.get("type") != "message":
            self.text.append(text_of(words))
        for number, call in enumerate(mappings(message.get("tool_calls"))):
            self._called((choice, call.get("index", number)), call)

    def _block(self, block: Any, place: Any) -> None:
        block = mapping(block)
        if place in self.calls and is_call(block) and not call_of(block)[0]:
            self.calls[place][1].append(call_of(block)[1])
        elif is_call(block):
            self._called(place, block)
        elif isinstance(block.get("partial_json"), str) and place in self.calls:
            self.calls[place][1].append(block["partial_json"])
        else:
            self.text.append(text_of(block) if "text" in block else "")

    def _called(self, place: Any, call: Mapping[str, Any]) -> None:
        name, arguments = call_of(call)
        names, texts = self.calls.setdefault(place, ([], []))
        names.append(name)
        texts.append("" if arguments in ("{}", "null") and call.get("type") == "tool_use" else arguments)

    def _ended(self, reason: Any) -> None:
        self.finish = reason if isinstance(reason, str) else self.finish

    def _error(self, error: Any) -> None:
        if error:
            self.text.append(f"error: {mapping(error).get('message') or error}")

    def _used(self, usage: Mapping[str, Any]) -> None:
        self.tokens_in = _latest(self.tokens_in, _count(usage, *_TOKENS_IN))
        self.tokens_out = _latest(self.tokens_out, _count(usage, *_TOKENS_OUT))


def _latest(before: int | None, now: int | None) -> int | None:
    """Return the later count; a 0 says nothing where there was one before."""
    return before if now is None or (before and not now) else now


def _count(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((usage[name] for name in names if isinstance(usage.get(name), int)), None)
