"""The real clients against a real server, then without server and network: equal results."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import ollama
import openai
import pytest

from pytest_llmharness.cassette import Cassette, use_cassette
from pytest_llmharness.errors import CassetteMiss

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: a new one takes most of a client's time
WORDS = ["Hello", ", ", "wörld", " 你"]
MESSAGES: list[Any] = [{"role": "user", "content": "Say hello"}]


def _sse(events: list[tuple[str | None, Any]]) -> bytes:
    lines = []
    for name, data in events:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        lines.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
    return "".join(lines).encode()


def _openai(stream: bool) -> tuple[str, bytes]:
    head = {"id": "c1", "created": 1, "model": "m"}
    if not stream:
        message = {"role": "assistant", "content": "".join(WORDS)}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return "application/json", json.dumps(
            head | {"object": "chat.completion", "choices": choices}
        ).encode()
    chunks: list[tuple[str | None, Any]] = [
        (
            None,
            head
            | {
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
            },
        )
        for word in WORDS
    ]
    return "text/event-stream", _sse([*chunks, (None, "[DONE]")])


def _anthropic(stream: bool) -> tuple[str, bytes]:
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 2}
    if not stream:
        content = [{"type": "text", "text": "".join(WORDS)}]
        return "application/json", json.dumps(
            message | {"content": content, "stop_reason": "end_turn", "usage": usage}
        ).encode()
    start = message | {"content": [], "stop_reason": None, "usage": usage}
    events: list[tuple[str, Any]] = [
        ("message_start", {"message": start}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        *(
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}})
            for word in WORDS
        ),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage}),
        ("message_stop", {}),
    ]
    return "text/event-stream", _sse([(name, {"type": name} | data) for name, data in events])


def _ollama(stream: bool) -> tuple[str, bytes]:
    texts = WORDS if stream else ["".join(WORDS)]
    lines = [
        {"model": "m", "message": {"role": "assistant", "content": text}, "done": text is texts[-1]}
        for text in texts
    ]
    return "application/x-ndjson", b"".join(json.dumps(line).encode() + b"\n" for line in lines)


ANSWERS = {"/v1/chat/completions": _openai, "/v1/messages": _anthropic, "/api/chat": _ollama}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind, body = ANSWERS[self.path.partition("?")[0]](bool(asked.get("stream")))
        self.server.calls += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in body.splitlines(keepends=True):
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        pass


class Server:
    def __init__(self) -> None:
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.calls = 0  # type: ignore[attr-defined]
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    @property
    def calls(self) -> int:
        return self.http.calls  # type: ignore[attr-defined,no-any-return]

    def stop(self) -> None:
        if self.thread.is_alive():
            self.http.shutdown()
            self.thread.join()
            self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("replay touched the network")

    def cut() -> None:
        for owner, name in (
            (socket.socket, "connect"),
            (socket.socket, "connect_ex"),
            (socket, "getaddrinfo"),
        ):
            monkeypatch.setattr(owner, name, refuse)

    return cut


def _plain(value: Any) -> Any:
    return value.model_dump(exclude={"_request_id"}) if hasattr(value, "model_dump") else value


def openai_sync(url: str, stream: bool, content: str = "Say hello") -> list[Any]:
    http = openai.DefaultHttpxClient(verify=TLS)
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-not-a-real-key", http_client=http) as client:
        answer: Any = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": content}], stream=stream
        )
        return [_plain(each) for each in answer] if stream else [_plain(answer)]


async def openai_async(url: str, stream: bool, content: str = "Say hello") -> list[Any]:
    http = openai.DefaultAsyncHttpxClient(verify=TLS)
    key = "sk-not-a-real-key"
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, http_client=http) as client:
        answer: Any = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": content}], stream=stream
        )
        return [_plain(each) async for each in answer] if stream else [_plain(answer)]


def anthropic_sync(url: str, stream: bool, content: str = "Say hello") -> list[Any]:
    messages: list[Any] = [{"role": "user", "content": content}]
    http = anthropic.DefaultHttpxClient(verify=TLS)
    with anthropic.Anthropic(base_url=url, api_key="sk-ant-not-real", http_client=http) as client:
        if not stream:
            return [_plain(client.messages.create(model="m", max_tokens=9, messages=messages))]
        with client.messages.stream(model="m", max_tokens=9, messages=messages) as events:
            return [_plain(each) for each in events]


async def anthropic_async(url: str, stream: bool, content: str = "Say hello") -> list[Any]:
    messages: list[Any] = [{"role": "user", "content": content}]
    http = anthropic.DefaultAsyncHttpxClient(verify=TLS)
    async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-ant-not-real", http_client=http) as client:
        if not stream:
            return [_plain(await client.messages.create(model="m", max_tokens=9, messages=messages))]
        async with client.messages.stream(model="m", max_tokens=9, messages=messages) as events:
            return [_plain(each) async for each in events]


def ollama_sync(url: str, stream: bool, content: str = "Say hello") -> list[Any]:
    client = ollama.Client(host=url, verify=TLS)
    with client._client:
        answer: Any = client.chat(model="m", messages=[{"role": "user", "content": content}], stream=stream)
        return [_plain(each) for each in answer] if stream else [_plain(answer)]


async def ollama_async(url: str, stream: bool, content: str = "Say hello") -> list[Any]:
    client = ollama.AsyncClient(host=url, verify=TLS)
    async with client._client:
        answer: Any = await client.chat(
            model="m", messages=[{"role": "user", "content": content}], stream=stream
        )
        return [_plain(each) async for each in answer] if stream else [_plain(answer)]


SYNC = [openai_sync, anthropic_sync, ollama_sync]
ASYNC = [openai_async, anthropic_async, ollama_async]
CLIENTS = [*SYNC, *ASYNC]


def run(client: Any, *args: Any) -> list[Any]:
    if client in ASYNC:
        return asyncio.run(client(*args))
    return client(*args)  # type: ignore[no-any-return]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_client_gets_without_server_and_network_what_it_got_live(
    server: Server, no_network: Callable[[], None], tmp_path: Path, client: Any, stream: bool
) -> None:
    """Recording changes nothing for the client, and replay gives the same values."""
    path = tmp_path / "take.json"
    live = run(client, server.url, stream)
    with use_cassette(path, record_mode="once") as recording:
        recorded = run(client, server.url, stream)
    assert (recording.recorded, recording.played, server.calls) == (1, 0, 2)
    server.stop()
    no_network()
    with use_cassette(path) as recording:
        replayed = run(client, server.url, stream)
    assert (recording.recorded, recording.played) == (0, 1)
    assert live == recorded == replayed
    assert len(live) >= (len(WORDS) if stream else 1)
    assert "wörld" in str(live)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_miss_passes_through_the_retries_of_a_client_at_once(
    server: Server, no_network: Callable[[], None], tmp_path: Path, client: Any, stream: bool
) -> None:
    """One call, one miss, not "Connection error." after two retries; and no network."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        run(client, server.url, stream)
    no_network()
    with use_cassette(path) as recording, pytest.raises(CassetteMiss) as caught:
        run(client, server.url, stream, "Say goodbye")
    assert recording.misses == [caught.value]
    drift = caught.value.drift
    assert (
        caught.value.where == f"{path}:{drift.line} (1 take; nearest is #1, differs at messages[0].content)"
    )
    assert drift.causes == ("prompt",)


def test_a_client_made_before_the_block_is_answered_too(server: Server, tmp_path: Path) -> None:
    """Patches act on the transport class, so the age of a client does not matter."""
    path = tmp_path / "take.json"
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-not-a-real-key") as client:
        for mode in ("once", "none"):
            with use_cassette(path, record_mode=mode) as recording:
                client.chat.completions.create(model="m", messages=MESSAGES)
    assert (recording.played, server.calls) == (1, 1)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_client_at_the_stored_address_or_another_one_is_answered(
    server: Server, no_network: Callable[[], None], tmp_path: Path, client: Any
) -> None:
    """A live engine has a random port, so host and port are neither stored nor compared."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        live = run(client, server.url, False)
    stored = urlsplit(Cassette.load(path).interactions[0].request.url)
    assert stored.netloc == "127.0.0.1:1"
    no_network()
    for url in (f"http://{stored.netloc}", "https://elsewhere.example:8443"):
        with use_cassette(path):
            assert run(client, url, False) == live
