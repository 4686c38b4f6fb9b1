"""The published cassettes, replayed through the real clients: what these read, we read."""

from __future__ import annotations

import base64
import functools
import json
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import anthropic
import httpx2
import ollama
import openai
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from pytest_llmharness.cassette import Cassette, Take, use_cassette
from pytest_llmharness.cassette.conversation import conversation

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus")) / "cassettes"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Facts = tuple[int | None, int | None, str, list[tuple[str, Any]]]
"""Tokens of the prompt and of the answer, why it ended, and the tools that were called."""


def _path(take: Take) -> str:
    return urlsplit(take.request.url).path


def _body(take: Take) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(take.request.body)
    return body


def _called(name: str, arguments: str) -> tuple[str, Any]:
    try:
        return name, json.loads(arguments or "{}")
    except ValueError:
        return name, arguments


def _events(text: str) -> list[Any]:
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _post(client: Any, take: Take, whole: Any, stream: Any, events: Any) -> Any:
    body = _body(take)
    more = {"stream": True, "stream_cls": stream[events]} if body.get("stream") else {}
    return client.post(take.request.url, cast_to=whole, body=body, **more)


def by_openai_chat(take: Take) -> Facts:
    with openai.OpenAI(api_key="k", base_url="https://a", http_client=httpx2.Client(verify=TLS)) as client:
        answer = _post(client, take, ChatCompletion, openai.Stream, ChatCompletionChunk)
        parts = list(answer) if _body(take).get("stream") else [answer]
    finish, usage, calls = "", None, {}
    for part in parts:
        usage = part.usage or usage
        for choice in part.choices or ():
            said = getattr(choice, "delta", None) or getattr(choice, "message", None)
            finish = choice.finish_reason or finish
            for number, call in enumerate((said and said.tool_calls) or ()):
                place = choice.index, getattr(call, "index", number)
                name, arguments = calls.get(place, ("", ""))
                calls[place] = (
                    name + (call.function.name or ""),
                    arguments + (call.function.arguments or ""),
                )
    tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
    return *tokens, finish, [_called(*call) for call in calls.values()]


def by_openai_responses(take: Take) -> Facts:
    with openai.OpenAI(api_key="k", base_url="https://a", http_client=httpx2.Client(verify=TLS)) as client:
        answer = _post(client, take, Response, openai.Stream, ResponseStreamEvent)
        if _body(take).get("stream"):
            answer = next(event.response for event in reversed(list(answer)) if hasattr(event, "response"))
    calls = [_called(item.name, item.arguments) for item in answer.output if item.type == "function_call"]
    usage = answer.usage
    return usage and usage.input_tokens, usage and usage.output_tokens, answer.status, calls


def by_anthropic(take: Take) -> Facts:
    with anthropic.Anthropic(
        api_key="k", base_url="https://a", http_client=httpx2.Client(verify=TLS)
    ) as client:
        answer = _post(client, take, Message, anthropic.Stream, RawMessageStreamEvent)
        if not _body(take).get("stream"):
            calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
            return answer.usage.input_tokens, answer.usage.output_tokens, answer.stop_reason, calls
        events = list(answer)
    tokens_in = tokens_out = None
    finish, called = "", {}
    for event in events:
        if event.type == "message_start":
            tokens_in, tokens_out = event.message.usage.input_tokens, event.message.usage.output_tokens
        elif event.type == "content_block_start" and event.content_block.type == "tool_use":
            called[event.index] = [event.content_block.name, ""]
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            if event.index in called:
                called[event.index][1] += event.delta.partial_json
        elif event.type == "message_delta":
            tokens_in = event.usage.input_tokens or tokens_in
            tokens_out = event.usage.output_tokens or tokens_out
            finish = event.delta.stop_reason or finish
    return tokens_in, tokens_out, finish, [_called(*call) for call in called.values()]


def by_google(take: Take) -> Facts:
    types = pytest.importorskip("google.genai.types")
    with httpx2.Client(verify=TLS) as client:
        text = client.post(take.request.url, json=_body(take)).text
    parts = _events(text)
    finish, tokens, calls = "", (None, None), []
    for part in parts or [json.loads(text)]:
        answer = types.GenerateContentResponse._from_response(response=part, kwargs={})
        usage = answer.usage_metadata
        tokens = (usage.prompt_token_count or tokens[0], usage.candidates_token_count or tokens[1])
        for candidate in answer.candidates or ():
            finish = candidate.finish_reason.value if candidate.finish_reason else finish
            said = (candidate.content.parts or ()) if candidate.content else ()
            calls += [
                (each.function_call.name, each.function_call.args or {})
                for each in said
                if each.function_call
            ]
    return *tokens, finish, calls


@functools.cache
def _bedrock(host: str) -> Any:
    boto3 = pytest.importorskip("boto3")
    region = host.split(".")[1]
    return boto3.client(
        "bedrock-runtime", region_name=region, aws_access_key_id="k", aws_secret_access_key="s"
    )


def _with_bytes(value: Any) -> Any:
    """Media as boto3 takes them: it writes them in base64 itself."""
    if isinstance(value, dict):
        return {
            name: base64.b64decode(inner) if name in ("bytes", "redactedContent") else _with_bytes(inner)
            for name, inner in value.items()
        }
    return [_with_bytes(each) for each in value] if isinstance(value, list) else value


def by_bedrock(take: Take) -> Facts:
    url = urlsplit(take.request.url)
    body = _with_bytes(_body(take))
    client, model = _bedrock(url.netloc), unquote(url.path.split("/")[2])
    if url.path.endswith("/converse"):
        answer = client.converse(modelId=model, **body)
        said = answer["output"]["message"]["content"]
        calls = [
            (block["toolUse"]["name"], block["toolUse"]["input"]) for block in said if "toolUse" in block
        ]
        usage = answer["usage"]
        return usage["inputTokens"], usage["outputTokens"], answer["stopReason"], calls
    tokens, finish, called = (None, None), "", {}
    for event in client.converse_stream(modelId=model, **body)["stream"]:
        [(kind, told)] = event.items()
        if kind == "contentBlockStart" and "toolUse" in told["start"]:
            called[told["contentBlockIndex"]] = [told["start"]["toolUse"]["name"], ""]
        elif kind == "contentBlockDelta" and "toolUse" in told["delta"]:
            called[told["contentBlockIndex"]][1] += told["delta"]["toolUse"]["input"]
        elif kind == "messageStop":
            finish = told["stopReason"]
        elif kind == "metadata":
            tokens = told["usage"]["inputTokens"], told["usage"]["outputTokens"]
    return *tokens, finish, [_called(*call) for call in called.values()]


def by_ollama(take: Take) -> Facts:
    url = urlsplit(take.request.url)
    body = _body(take)
    client = ollama.Client(host=f"{url.scheme}://{url.netloc}", verify=TLS)
    kind = ollama.ChatResponse if url.path == "/api/chat" else ollama.GenerateResponse
    answer = client._request(kind, "POST", url.path, json=body, stream=body.get("stream", True))
    parts = list(answer) if body.get("stream", True) else [answer]
    calls = [
        (call.function.name, dict(call.function.arguments))
        for part in parts
        for call in (getattr(part, "message", None) and part.message.tool_calls) or ()
    ]
    last = parts[-1]
    return last.prompt_eval_count, last.eval_count, last.done_reason or "", calls


def by_cohere(take: Take) -> Facts:
    """No client of its own here: its documents as its reference describes them."""
    with httpx2.Client(verify=TLS) as client:
        text = client.post(take.request.url, json=_body(take)).text
    events = _events(text)
    if not events:
        answer = json.loads(text)
        usage = (answer.get("usage") or answer["meta"])["tokens"]
        called = answer.get("message", {}).get("tool_calls") or ()
        calls = [_called(call["function"]["name"], call["function"]["arguments"]) for call in called]
        return usage["input_tokens"], usage["output_tokens"], answer["finish_reason"], calls
    names: dict[int, list[str]] = {}
    for event in events:
        if event["type"] in ("tool-call-start", "tool-call-delta"):
            function = event["delta"]["message"]["tool_calls"]["function"]
            call = names.setdefault(event["index"], ["", ""])
            call[0] += function.get("name", "")
            call[1] += function["arguments"]
    end = events[-1]["delta"]
    tokens = end["usage"]["tokens"]
    told = [_called(*call) for call in names.values()]
    return tokens["input_tokens"], tokens["output_tokens"], end["finish_reason"], told


def _ends(*ends: str) -> Callable[[Take], bool]:
    return lambda take: _path(take).endswith(ends)


def _aws(take: Take) -> bool:
    host = urlsplit(take.request.url).netloc
    return host.startswith("bedrock-runtime.") and _path(take).endswith(("/converse", "/converse-stream"))


def _cohere(take: Take) -> bool:
    return urlsplit(take.request.url).netloc == "api.cohere.com" and _path(take) in ("/v1/chat", "/v2/chat")


DIALECTS: dict[str, tuple[Callable[[Take], bool], Callable[[Take], Facts], int]] = {
    "openai chat": (_ends("/chat/completions"), by_openai_chat, 150),
    "openai responses": (_ends("/responses"), by_openai_responses, 50),
    "anthropic": (_ends("/v1/messages"), by_anthropic, 190),
    "google": (_ends(":generateContent", ":streamGenerateContent"), by_google, 140),
    "bedrock": (_aws, by_bedrock, 80),
    "ollama": (_ends("/api/chat", "/api/generate"), by_ollama, 15),
    "cohere": (_cohere, by_cohere, 15),
}


@functools.cache
def _files() -> dict[Path, list[Take]]:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not here; LLMHARNESS_CORPUS names its folder")
    files = sorted(path for path in CORPUS.rglob("*") if path.suffix in (".yaml", ".yml"))
    return {path: Cassette.load(path).interactions for path in files}


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _read(take: Take) -> Facts:
    read = conversation(take)
    return *read.tokens, read.finish, [_called(*call) for call in read.answer.calls]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_we_read_what_the_real_client_reads(dialect: str) -> None:
    """Usage, stop reason and tool calls of every answer in the corpus, whole and streamed."""
    wanted, by_client, at_least = DIALECTS[dialect]
    seen, odd = 0, []
    for path, takes in _files().items():
        with use_cassette(path), httpx2.Client(verify=TLS) as plain:
            for take in filter(wanted, takes):
                if take.response.status != 200 or not take.response.body or not _is_json(take.request.body):
                    plain.post(take.request.url, content=take.request.body)  # its turn, where takes are alike
                    continue
                facts, seen = by_client(take), seen + 1
                if _read(take) != facts:
                    odd.append((path.name, facts, _read(take)))
    assert odd == []
    assert seen >= at_least
