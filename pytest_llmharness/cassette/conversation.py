"""A take as people read it: who said what, whichever dialect it was said in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .fingerprint import request_path
from .take import Take

_MODEL_IN_PATH = re.compile(r"/models?/([^/:]+(?::\d+)?)")
_TEXTS = ("text", "input_text", "output_text", "thinking", "refusal")


@dataclass(frozen=True)
class Turn:
    """What one side said: its text, and the tools it called as (name, arguments)."""

    role: str
    text: str
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Conversation:
    """One call to a model.

    Attributes:
        model: the model asked, "" where none is named.
        asked: the turns sent.
        answer: the turn that came back.
        finish: why it ended, "" where nothing says so.
        tokens: of the prompt and of the answer, None where nothing says so.
        streamed: whether the answer came in events.
    """

    model: str
    asked: tuple[Turn, ...]
    answer: Turn
    finish: str
    tokens: tuple[int | None, int | None]
    streamed: bool


def conversation(take: Take) -> Conversation:
    """Read a take as a conversation; what is none is shown as the text it is."""
    asked = _json(take.request.body.decode("utf-8", "replace"))
    body = asked if isinstance(asked, dict) else {}
    told = _MODEL_IN_PATH.search(request_path(take.request.url))
    model = body.get("model") or body.get("modelId") or (unquote(told[1]) if told else "")
    turns = tuple(_asked(body)) or ((Turn("sent", _clean(take.request.body)),) if take.request.body else ())
    answer, streamed = _Answer(), False
    raw = take.response.body.decode("utf-8", "replace")
    documents = list(_documents(raw))
    for document in documents:
        answer.add(document)
    streamed = len(documents) > 1
    role = "assistant" if answer.text or answer.calls else "received"
    text = "".join(answer.text) or ("" if answer.calls else _clean(take.response.body))
    return Conversation(
        str(model),
        turns,
        Turn(
            role,
            text,
            tuple(("".join(name), "".join(arguments)) for name, arguments in answer.calls.values()),
        ),
        answer.finish,
        (answer.tokens_in, answer.tokens_out),
        streamed,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _documents(raw: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of an answer: one, or those of its events."""
    whole = _json(raw)
    if isinstance(whole, dict):
        yield whole
        return
    if isinstance(whole, list):
        yield from (each for each in whole if isinstance(each, dict))
        return
    for line in raw.splitlines():
        document = _json(line.removeprefix("data:"))
        if isinstance(document, dict):
            yield document


def _asked(body: Mapping[str, Any]) -> Iterator[Turn]:
    system = body.get("system") or body.get("instructions") or body.get("systemInstruction")
    if system:
        yield Turn("system", _text(system))
    for name in ("messages", "contents", "input", "prompt", "texts", "query", "documents"):
        said = body.get(name)
        if isinstance(said, str):
            yield Turn("user", said)
        elif isinstance(said, list):
            for each in said:
                yield _turn(each)


def _turn(said: Any) -> Turn:
    if not isinstance(said, dict):
        return Turn("user", _text(said))
    role = str(said.get("role") or said.get("type") or "user")
    content = said.get("content", said.get("parts", said.get("output", said.get("text", ""))))
    calls = [_call(each) for each in said.get("tool_calls") or ()]
    blocks = content if isinstance(content, list) else [said]
    calls += [_call(each) for each in blocks if _is_call(each)]
    return Turn(role, _text(content), tuple(calls))


def _is_call(block: Any) -> bool:
    return isinstance(block, dict) and (
        block.get("type") in ("tool_use", "function_call") or "functionCall" in block or "toolUse" in block
    )


def _call(told: Any) -> tuple[str, str]:
    inner = told if isinstance(told, dict) else {}
    for name in ("function", "functionCall", "toolUse"):
        inner = inner[name] if isinstance(inner.get(name), dict) else inner
    arguments = inner.get("arguments", inner.get("input", inner.get("args", "")))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return str(inner.get("name", "")), text


def _text(content: Any) -> str:
    """Return the words of a content: a text, a block, or several; other media by their kind."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "\n".join(filter(None, map(_text, content)))
    if not isinstance(content, dict) or _is_call(content):
        return ""
    for name in _TEXTS:
        if isinstance(content.get(name), str):
            return str(content[name])
    for name in ("content", "parts", "functionResponse", "toolResult"):
        if name in content:
            inner = content[name]
            return _text(inner) or (json.dumps(inner, ensure_ascii=False) if name != "content" else "")
    return f"[{content['type']}]" if isinstance(content.get("type"), str) else ""


def _clean(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"[{len(body)} bytes]"


@dataclass
class _Answer:
    """Gathers an answer from its one document or from its events."""

    text: list[str] = field(default_factory=list)
    calls: dict[Any, tuple[list[str], list[str]]] = field(default_factory=dict)
    finish: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None

    def add(self, document: Mapping[str, Any]) -> None:
        kind = document.get("type")
        if kind == "response.output_text.delta":
            self.text.append(str(document.get("delta", "")))
        elif kind in ("content_block_start", "content_block_delta"):
            self._block(document.get("content_block") or document.get("delta"), document.get("index"))
        elif isinstance(kind, str) and kind.startswith("response."):
            if kind == "response.completed":
                self.text.clear()
                self._whole(_mapping(document.get("response")))
        else:
            self._whole(document)

    def _whole(self, document: Mapping[str, Any]) -> None:
        for choice in _mappings(document.get("choices")):
            self._said(_mapping(choice.get("message") or choice.get("delta") or choice), choice.get("index"))
            self._ended(choice.get("finish_reason"))
        for candidate in _mappings(document.get("candidates")):
            for number, part in enumerate(_mappings(_mapping(candidate.get("content")).get("parts"))):
                self._block(part, (number, len(self.calls)))
            self._ended(candidate.get("finishReason"))
        for item in _mappings(document.get("output")):
            for number, block in enumerate(_mappings(item.get("content")) or [item]):
                self._block(block, (item.get("id"), number))
        for number, block in enumerate(_mappings(document.get("content"))):
            self._block(block, number)
        self._said(_mapping(document.get("message")), 0)
        if isinstance(document.get("response"), str):
            self.text.append(document["response"])
        self._ended(document.get("done_reason") or document.get("stop_reason") or document.get("status"))
        self._ended(_mapping(document.get("delta")).get("stop_reason"))
        self._error(document.get("error"))
        usage = _mapping(document.get("usage") or document.get("usageMetadata"))
        self._used(usage or _mapping(_mapping(document.get("message")).get("usage")) or document)

    def _said(self, message: Mapping[str, Any], choice: Any) -> None:
        words = message.get("content") or message.get("text") or message.get("refusal")
        if words and message.get("type") != "message":
            self.text.append(_text(words))
        for number, call in enumerate(_mappings(message.get("tool_calls"))):
            self._called((choice, call.get("index", number)), call)

    def _block(self, block: Any, place: Any) -> None:
        block = _mapping(block)
        if _is_call(block):
            self._called(place, block)
        elif isinstance(block.get("partial_json"), str) and place in self.calls:
            self.calls[place][1].append(block["partial_json"])
        else:
            self.text.append(_text(block) if "text" in block else "")

    def _called(self, place: Any, call: Mapping[str, Any]) -> None:
        name, arguments = _call(call)
        names, texts = self.calls.setdefault(place, ([], []))
        names.append(name)
        texts.append("" if arguments in ("{}", "null") and call.get("type") == "tool_use" else arguments)

    def _ended(self, reason: Any) -> None:
        self.finish = reason if isinstance(reason, str) else self.finish

    def _error(self, error: Any) -> None:
        if error:
            self.text.append(f"error: {_mapping(error).get('message') or error}")

    def _used(self, usage: Mapping[str, Any]) -> None:
        self.tokens_in = (
            _count(usage, "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count")
            or self.tokens_in
        )
        self.tokens_out = (
            _count(usage, "completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count")
            or self.tokens_out
        )


def _count(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((usage[name] for name in names if isinstance(usage.get(name), int)), None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
