"""A take as people read it: who said what, whichever dialect it was said in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from .aws_events import aws_events
from .blocks import call_of, is_call, text_of
from .fingerprint import request_path
from .reply import Reply
from .take import RecordedResponse, Take

_MODEL_IN_PATH = re.compile(r"/models?/([^/:]+(?::\d+)?)")


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
    answer = Reply()
    documents = list(_documents(take.response))
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


def _documents(response: RecordedResponse) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of an answer: one, or those of its events."""
    if "vnd.amazon.eventstream" in response.headers.get("content-type", ""):
        yield from aws_events(response.body)
        return
    raw = response.body.decode("utf-8", "replace")
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
        yield Turn("system", text_of(system))
    for name in ("messages", "contents", "input", "prompt", "texts", "query", "documents"):
        said = body.get(name)
        if isinstance(said, str):
            yield Turn("user", said)
        elif isinstance(said, list):
            for each in said:
                yield _turn(each)


def _turn(said: Any) -> Turn:
    if not isinstance(said, dict):
        return Turn("user", text_of(said))
    role = str(said.get("role") or said.get("type") or "user")
    content = said.get("content", said.get("parts", said.get("output", said.get("text", ""))))
    calls = [call_of(each) for each in said.get("tool_calls") or ()]
    blocks = content if isinstance(content, list) else [said]
    calls += [call_of(each) for each in blocks if is_call(each)]
    return Turn(role, text_of(content), tuple(calls))


def _clean(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"[{len(body)} bytes]"
