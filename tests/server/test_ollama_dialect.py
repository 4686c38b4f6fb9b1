"""The loopback server speaks Ollama well enough for the real client."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpx
import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import ToolCall, fault
from pytest_llmharness.server import ModelServer, addresses

ASK = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def test_complete_and_stream_give_the_same_text() -> None:
    """The sync client, whole and in pieces; the last piece counts tokens."""
    with ModelServer(["good morning to you", "good morning to you"]) as server:
        client = ollama.Client(server.url())
        whole = client.chat(model="m", messages=ASK)
        pieces = list(client.chat(model="m", messages=ASK, stream=True))
    assert (
        whole.message.content
        == "".join(piece.message.content or "" for piece in pieces)
        == "good morning to you"
    )
    assert len(pieces) > 2
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (pieces[-1].done_reason, pieces[-1].eval_count, whole.eval_count) == ("stop", 4, 4)


def test_the_async_client_streams() -> None:
    """The same over asyncio."""

    async def talk(url: str) -> str:
        stream = await ollama.AsyncClient(url).chat(model="m", messages=ASK, stream=True)
        return "".join([piece.message.content or "" async for piece in stream])

    with ModelServer(["good morning to you"]) as server:
        assert asyncio.run(talk(server.url())) == "good morning to you"


def test_tools_go_both_ways() -> None:
    """A call, its result, and the answer after it."""
    with ModelServer([ToolCall("weather", {"city": "Oslo"}), "It snows."]) as server:
        client = ollama.Client(server.url())
        first = client.chat(model="m", messages=ASK, tools=[WEATHER])
        assert first.message.tool_calls is not None
        call = first.message.tool_calls[0].function
        turns = [*ASK, first.message, {"role": "tool", "tool_name": call.name, "content": "snow"}]
        last = client.chat(model="m", messages=turns, tools=[WEATHER])
        prompts = server.provider.prompts
    assert (call.name, dict(call.arguments), last.message.content) == (
        "weather",
        {"city": "Oslo"},
        "It snows.",
    )
    assert prompts[0].tools[0].name == "weather"
    assert (prompts[1].messages[-1].role, prompts[1].messages[-1].tool_name) == ("tool", "weather")
    assert prompts[1].messages[1].tool_calls[0].arguments == {"city": "Oslo"}


def test_options_and_format_reach_the_model() -> None:
    """What the client asks for is in the prompt."""
    with ModelServer(["{}"]) as server:
        options = {"temperature": 0.5, "num_predict": 7, "seed": 3, "top_p": 0.9, "stop": ["x"]}
        ollama.Client(server.url()).chat(model="m", messages=ASK, format={"type": "object"}, options=options)
        got = server.provider.prompts[0].options
    assert (got.model, got.temperature, got.max_tokens, got.seed, got.top_p, got.stop) == (
        "m",
        0.5,
        7,
        3,
        0.9,
        ("x",),
    )
    assert got.output_schema == {"type": "object"}


@pytest.mark.parametrize(
    ("step", "status"), [(fault.rate_limit(retry_after=3), 429), (fault.server_error(503), 503)], ids=str
)
@pytest.mark.parametrize("stream", [False, True])
def test_faults_have_their_status(step, status: int, stream: bool) -> None:
    """429 carries Retry-After."""
    with ModelServer([step]) as server:
        answer = httpx.post(
            server.url() + "/api/chat", json={"model": "m", "messages": ASK, "stream": stream}
        )
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("3" if status == 429 else None)
    assert "error" in answer.json()


def test_a_cut_stream_has_no_end() -> None:
    """The connection is gone before the done line."""
    with ModelServer([fault.cut("half an answer")]) as server, pytest.raises(httpx.RemoteProtocolError):
        list(ollama.Client(server.url()).chat(model="m", messages=ASK, stream=True))


def test_unknown_models_are_not_found() -> None:
    """With a list of models, others are a 404; without one every name is good."""
    with ModelServer(["x"], models=["known"]) as server:
        client = ollama.Client(server.url())
        with pytest.raises(ollama.ResponseError, match="'other' not found"):
            client.chat(model="other", messages=ASK)
        assert [model.model for model in client.list().models] == ["known"]


@settings(max_examples=60, deadline=None)
@given(
    body=st.binary(max_size=200)
    | st.sampled_from([b"[" * 5000, b"{}", b'{"model":1}', b'{"model":"m","messages":7}'])
)
def test_any_body_is_answered(body: bytes) -> None:
    """Bad input is an error in JSON, never a hung or broken connection."""
    with ModelServer(["x"] * 3) as server:
        answer = httpx.post(server.url() + "/api/chat", content=body)
    assert answer.status_code in (200, 400)


def test_bodies_are_bounded() -> None:
    """Too long is 413, without a length 411."""
    with ModelServer([], body_limit=100) as server:
        assert httpx.post(server.url() + "/api/chat", content=b"x" * 101).status_code == 413
        assert httpx.post(server.url() + "/api/chat", content=iter([b"x"])).status_code == 411


def test_closing_ends_open_streams_and_forgets_the_address() -> None:
    """close() returns at once, also while a client waits for a model that hangs."""
    server = ModelServer([fault.hang()]).start()
    assert addresses() == {server.address}
    assert server.address[0] == "127.0.0.1"
    failed = threading.Event()

    def wait() -> None:
        try:
            httpx.post(server.url() + "/api/chat", json={"model": "m", "messages": ASK}, timeout=30)
        except httpx.HTTPError:
            failed.set()

    client = threading.Thread(target=wait)
    client.start()
    while not server.provider.prompts:
        pass
    address = server.address
    server.close()
    server.close()
    client.join(timeout=10)
    assert failed.is_set()
    assert addresses() == set()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass


def test_many_clients_at_once() -> None:
    """Sixteen requests in parallel are all answered."""

    async def ask(url: str) -> list[str]:
        client = ollama.AsyncClient(url)
        answers = await asyncio.gather(*(client.chat(model="m", messages=ASK) for _ in range(16)))
        return [answer.message.content or "" for answer in answers]

    with ModelServer(["ok"] * 16) as server:
        assert asyncio.run(ask(server.url())) == ["ok"] * 16
        assert len(server.requests) == 16
