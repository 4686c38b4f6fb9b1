"""Real clients record from real model servers, and read the same again with the network pulled."""

from __future__ import annotations

import asyncio
import http.server
import json
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import httpx2
import ollama
import openai
import pytest

from pytest_llmharness import ToolCall
from pytest_llmharness.cassette import Cassette, use_cassette
from pytest_llmharness.cassette.conversation import conversation
from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.server import ModelServer

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ASKED: list[Any] = [{"role": "user", "content": "what is the weather in Rome?"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
Read = tuple[list[Any], str, tuple[int | None, int | None], list[str]]
"""What a client read: every part of it, the stop reason, the tokens, the names of the tools called."""


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Pull the network: from then on no connection is made and no name is looked up."""

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("replay touched the network")

    def pull() -> None:
        for owner, name in (
            (socket.socket, "connect"),
            (socket.socket, "connect_ex"),
            (socket, "getaddrinfo"),
        ):
            monkeypatch.setattr(owner, name, refuse)

    return pull


def check(ask: Callable[[], Read], path: Path, unplugged: Callable[[], None]) -> None:
    """Record, unplug, replay: equal in every part; and the cassette says what the client read."""
    with use_cassette(path, record_mode="once") as recording:
        live = ask()
    assert recording.recorded == 1
    unplugged()
    with use_cassette(path) as recording:
        assert ask() == live
    assert (recording.played, recording.misses) == (1, [])
    [take] = Cassette.load(path).interactions
    told = conversation(take)
    _, finish, tokens, calls = live
    assert (told.finish, told.tokens, [name for name, _ in told.answer.calls]) == (finish, tokens, calls)
    assert finish
    assert all(tokens)


# --- the embedded engine: OpenAI's two dialects and Anthropic's ---

FUNCTION = {"name": "weather", "description": "the weather of a city", "parameters": CITY}
CHAT: dict[str, Any] = {"model": "toy", "messages": ASKED, "max_tokens": 200, "seed": 1}
CHAT_TOOLS = [{"type": "function", "function": FUNCTION}]
MESSAGES: dict[str, Any] = {"model": "toy", "messages": ASKED, "max_tokens": 200}
MESSAGE_TOOLS = [{"name": "weather", "description": "the weather of a city", "input_schema": CITY}]


def _read_chat(parts: list[Any]) -> Read:
    finish, usage, names = "", None, []
    for part in parts:
        usage = part.usage or usage
        for choice in part.choices:
            said = getattr(choice, "delta", None) or choice.message
            finish = choice.finish_reason or finish
            names += [call.function.name for call in said.tool_calls or () if call.function.name]
    assert usage is not None
    plain = [part.model_dump(exclude={"_request_id"}) for part in parts]
    return plain, finish, (usage.prompt_tokens, usage.completion_tokens), names


def openai_chat(engine: EmbeddedEngine, stream: bool, tools: Any) -> Read:
    http = openai.DefaultHttpxClient(verify=TLS)
    with openai.OpenAI(base_url=engine.base_url, api_key=engine.api_key, http_client=http) as client:
        more: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
        answer: Any = client.chat.completions.create(**CHAT, **more, stream=stream, tools=tools)
        return _read_chat(list(answer) if stream else [answer])


def openai_chat_async(engine: EmbeddedEngine, stream: bool, tools: Any) -> Read:
    async def main() -> Read:
        http = openai.DefaultAsyncHttpxClient(verify=TLS)
        async with openai.AsyncOpenAI(
            base_url=engine.base_url, api_key=engine.api_key, http_client=http
        ) as client:
            more: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
            answer: Any = await client.chat.completions.create(**CHAT, **more, stream=stream, tools=tools)
            return _read_chat([each async for each in answer] if stream else [answer])

    return asyncio.run(main())


def openai_responses(engine: EmbeddedEngine, stream: bool, tools: Any) -> Read:
    http = openai.DefaultHttpxClient(verify=TLS)
    with openai.OpenAI(base_url=engine.base_url, api_key=engine.api_key, http_client=http) as client:
        given = [{"type": "function", **tool["function"]} for tool in tools] if tools else openai.omit
        answer: Any = client.responses.create(model="toy", input=ASKED, stream=stream, tools=given)
        parts = list(answer) if stream else [answer]
    last = parts[-1].response if stream else parts[-1]
    names = [item.name for item in last.output if item.type == "function_call"]
    plain = [part.model_dump(exclude={"_request_id"}) for part in parts]
    return plain, last.status, (last.usage.input_tokens, last.usage.output_tokens), names


def _read_message(events: list[Any], message: Any) -> Read:
    names = [block.name for block in message.content if block.type == "tool_use"]
    plain = [event.model_dump(exclude={"_request_id"}) for event in (*events, message)]
    return plain, message.stop_reason, (message.usage.input_tokens, message.usage.output_tokens), names


def anthropic_messages(engine: EmbeddedEngine, stream: bool, tools: Any) -> Read:
    http = anthropic.DefaultHttpxClient(verify=TLS)
    url = engine.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=url, api_key=engine.api_key, http_client=http) as client:
        given: Any = MESSAGE_TOOLS if tools else anthropic.omit
        if not stream:
            return _read_message([], client.messages.create(**MESSAGES, tools=given))
        with client.messages.stream(**MESSAGES, tools=given) as events:
            return _read_message(list(events), events.get_final_message())


def anthropic_messages_async(engine: EmbeddedEngine, stream: bool, tools: Any) -> Read:
    async def main() -> Read:
        http = anthropic.DefaultAsyncHttpxClient(verify=TLS)
        url = engine.base_url.removesuffix("/v1")
        async with anthropic.AsyncAnthropic(base_url=url, api_key=engine.api_key, http_client=http) as client:
            given: Any = MESSAGE_TOOLS if tools else anthropic.omit
            if not stream:
                return _read_message([], await client.messages.create(**MESSAGES, tools=given))
            async with client.messages.stream(**MESSAGES, tools=given) as events:
                return _read_message([each async for each in events], await events.get_final_message())

    return asyncio.run(main())


WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


CASES = [
    pytest.param((client, tools), id=f"{client.__name__}-{'tools' if tools else 'text'}")
    for client in (
        openai_chat,
        openai_chat_async,
        openai_responses,
        anthropic_messages,
        anthropic_messages_async,
    )
    for tools in (None, CHAT_TOOLS)
]


@WAYS
@pytest.mark.parametrize("case", CASES)
def test_what_the_embedded_engine_said_is_replayed_to_the_client(
    embedded_engine: EmbeddedEngine, tmp_path: Path, unplugged: Callable[[], None], case: Any, stream: bool
) -> None:
    """A real llama.cpp server, text and tool use; with tools its turn opens with a call."""
    client, tools = case
    seen: list[Read] = []

    def ask() -> Read:
        seen.append(client(embedded_engine, stream, tools or openai.omit))
        return seen[-1]

    check(ask, tmp_path / "take.json", unplugged)
    assert bool(seen[0][3]) == bool(tools)


# --- the model server: Ollama's dialect ---


def ollama_chat(url: str, stream: bool) -> Read:
    client = ollama.Client(host=url, verify=TLS)
    with client._client:
        answer: Any = client.chat(model="m", messages=ASKED, stream=stream)
        return _read_ollama(list(answer) if stream else [answer])


def ollama_chat_async(url: str, stream: bool) -> Read:
    async def main() -> Read:
        client = ollama.AsyncClient(host=url, verify=TLS)
        async with client._client:
            answer: Any = await client.chat(model="m", messages=ASKED, stream=stream)
            return _read_ollama([each async for each in answer] if stream else [answer])

    return asyncio.run(main())


def _read_ollama(parts: list[Any]) -> Read:
    names = [call.function.name for part in parts for call in part.message.tool_calls or ()]
    last = parts[-1]
    tokens = last.prompt_eval_count, last.eval_count
    return [part.model_dump() for part in parts], last.done_reason, tokens, names


@WAYS
@pytest.mark.parametrize(
    "step", ["It rains in Rome.", ToolCall("weather", {"city": "Rome"})], ids=["text", "tools"]
)
@pytest.mark.parametrize("client", [ollama_chat, ollama_chat_async], ids=lambda client: client.__name__)
def test_what_the_model_server_said_is_replayed_to_the_client(
    tmp_path: Path, unplugged: Callable[[], None], client: Any, step: Any, stream: bool
) -> None:
    """The ollama client, sync and async, over a script behind the real dialect."""
    with ModelServer([step]) as server:
        check(lambda: client(server.url("ollama"), stream), tmp_path / "take.json", unplugged)


# --- dialects that no server here speaks: their answers on the wire ---


def _frame(kind: str, payload: Any) -> bytes:
    """One frame of an AWS event stream."""
    head = b""
    for name, value in (
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ):
        head += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + body
    return frame + struct.pack(">I", zlib.crc32(frame))


TOOL = {"toolUseId": "t1", "name": "weather"}
USED = {"inputTokens": 7, "outputTokens": 9, "totalTokens": 16}
CONVERSE = {
    "output": {
        "message": {"role": "assistant", "content": [{"toolUse": TOOL | {"input": {"city": "Rome"}}}]}
    },
    "stopReason": "tool_use",
    "usage": USED,
    "metrics": {"latencyMs": 1},
}
CONVERSE_STREAM = [
    _frame("messageStart", {"role": "assistant"}),
    _frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": TOOL}}),
    _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"city": "Ro'}}}),
    _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": 'me"}'}}}),
    _frame("contentBlockStop", {"contentBlockIndex": 0}),
    _frame("messageStop", {"stopReason": "tool_use"}),
    _frame("metadata", {"usage": USED, "metrics": {"latencyMs": 1}}),
]


def _gemini(part: Any, finish: str | None) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [part]}, "index": 0}
    used = {"promptTokenCount": 7, "candidatesTokenCount": 9, "totalTokenCount": 16}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "usageMetadata": used,
        "modelVersion": "m",
    }


GEMINI_CALL = {"functionCall": {"name": "weather", "args": {"city": "Rome"}}}
JSON, SSE, AWS = "application/json", "text/event-stream", "application/vnd.amazon.eventstream"
ANSWERS: dict[str, tuple[str, list[bytes]]] = {
    "/model/m/converse": (JSON, [json.dumps(CONVERSE).encode()]),
    "/model/m/converse-stream": (AWS, CONVERSE_STREAM),
    "/v1/models/m:generateContent": (JSON, [json.dumps(_gemini(GEMINI_CALL, "STOP")).encode()]),
    "/v1/models/m:streamGenerateContent": (
        SSE,
        [
            b"data: " + json.dumps(_gemini(*each)).encode() + b"\r\n\r\n"
            for each in (({"text": "wörld 你"}, None), (GEMINI_CALL, "STOP"))
        ],
    ),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        kind, chunks = ANSWERS[self.path.partition("?")[0]]
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def wire() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _genai(url: str, **options: Any) -> Any:
    genai = pytest.importorskip("google.genai")
    return genai.Client(api_key="not-a-key", http_options={"base_url": url, **options})


def _read_genai(parts: list[Any]) -> Read:
    last = parts[-1]
    names = [call.name for part in parts for call in part.function_calls or ()]
    used = last.usage_metadata
    plain = [part.model_dump(exclude={"sdk_http_response"}) for part in parts]
    return (
        plain,
        last.candidates[0].finish_reason.value,
        (
            used.prompt_token_count,
            used.candidates_token_count,
        ),
        names,
    )


def genai_by_httpx2(url: str, stream: bool) -> Read:
    client = _genai(url, client_args={"verify": TLS})
    models = client.models
    if stream:
        return _read_genai(list(models.generate_content_stream(model="m", contents="hi")))
    return _read_genai([models.generate_content(model="m", contents="hi")])


async def _genai_async(client: Any, stream: bool) -> Read:
    models = client.aio.models
    if stream:
        parts = [each async for each in await models.generate_content_stream(model="m", contents="hi")]
    else:
        parts = [await models.generate_content(model="m", contents="hi")]
    await client.aio.aclose()
    return _read_genai(parts)


def genai_by_aiohttp(url: str, stream: bool) -> Read:
    async def main() -> Read:
        return await _genai_async(_genai(url), stream)

    return asyncio.run(main())


def genai_by_async_httpx2(url: str, stream: bool) -> Read:
    async def main() -> Read:
        async with httpx2.AsyncClient(verify=TLS) as http:
            return await _genai_async(_genai(url, httpx_async_client=http), stream)

    return asyncio.run(main())


def bedrock_by_boto3(url: str, stream: bool) -> Read:
    boto3 = pytest.importorskip("boto3")
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
    )
    asked: dict[str, Any] = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    if not stream:
        answer = client.converse(**asked)
        answer.pop("ResponseMetadata")
        [block] = answer["output"]["message"]["content"]
        used = answer["usage"]
        tokens = used["inputTokens"], used["outputTokens"]
        return [answer], answer["stopReason"], tokens, [block["toolUse"]["name"]]
    events = list(client.converse_stream(**asked)["stream"])
    [name] = [
        event["contentBlockStart"]["start"]["toolUse"]["name"]
        for event in events
        if "contentBlockStart" in event
    ]
    used = events[-1]["metadata"]["usage"]
    return (
        events,
        events[-2]["messageStop"]["stopReason"],
        (used["inputTokens"], used["outputTokens"]),
        [name],
    )


@pytest.mark.filterwarnings("ignore:Inheritance class Aiohttp:DeprecationWarning")  # by google-genai
@WAYS
@pytest.mark.parametrize(
    "client",
    [genai_by_httpx2, genai_by_aiohttp, genai_by_async_httpx2, bedrock_by_boto3],
    ids=lambda client: client.__name__,
)
def test_what_came_over_the_wire_is_replayed_to_the_client(
    wire: str, tmp_path: Path, unplugged: Callable[[], None], client: Any, stream: bool
) -> None:
    """google-genai over each of its stacks, and Bedrock's binary event streams through boto3."""
    seen: list[Read] = []

    def ask() -> Read:
        seen.append(client(wire, stream))
        return seen[-1]

    check(ask, tmp_path / "take.json", unplugged)
    assert seen[0][1:] == (("tool_use" if client is bedrock_by_boto3 else "STOP"), (7, 9), ["weather"])


@pytest.mark.filterwarnings("ignore:Inheritance class Aiohttp:DeprecationWarning")
def test_google_genai_takes_aiohttp_where_it_is_installed(
    wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above would prove one stack twice."""
    used: list[str] = []
    connect = aiohttp.BaseConnector.connect

    async def noting(*args: Any, **kwargs: Any) -> Any:
        used.append("aiohttp")
        return await connect(*args, **kwargs)

    monkeypatch.setattr(aiohttp.BaseConnector, "connect", noting)
    with use_cassette(tmp_path / "take.json", record_mode="once"):
        genai_by_aiohttp(wire, stream=False)
        assert used == ["aiohttp"]
        genai_by_async_httpx2(wire, stream=False)
    assert used == ["aiohttp"]
