"""The loopback server speaks Ollama well enough for the real client."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import httpx
import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import Message, ToolCall, fault
from pytest_llmharness.domain.completion import Chunk, Completion
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.usage import Timing, Usage
from pytest_llmharness.errors import (
    AuthenticationFailed,
    MalformedResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
)
from pytest_llmharness.server import ModelServer
from pytest_llmharness.server.failure import refused
from pytest_llmharness.server.wire import Refusal

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: it takes most of a client's time
PATIENCE_S = 60  # only a failing test waits so long
ASK: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def client_of(server: ModelServer, **settings: Any) -> ollama.Client:
    return ollama.Client(server.url(), verify=TLS, **settings)


def post(server: ModelServer, path: str, body: Any, **settings: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with httpx.Client(verify=TLS, timeout=PATIENCE_S) as client:
        return client.post(server.url() + path, content=content, **settings)


def sync_chat(server: ModelServer, **settings: Any) -> list[Any]:
    """Return the answer's documents, one where it is not streamed."""
    with client_of(server) as client:
        answer: Any = client.chat(model="m", **{"messages": ASK, **settings})
        return list(answer) if settings.get("stream") else [answer]


def async_chat(server: ModelServer, **settings: Any) -> list[Any]:
    async def talk() -> list[Any]:
        async with ollama.AsyncClient(server.url(), verify=TLS) as client:
            answer: Any = await client.chat(model="m", **{"messages": ASK, **settings})
            return [part async for part in answer] if settings.get("stream") else [answer]

    return asyncio.run(talk())


Chat = Callable[..., list[Any]]
both_clients = pytest.mark.parametrize("chat", [sync_chat, async_chat])
streamed_or_not = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def text_of(parts: list[Any]) -> str:
    return "".join(part.message.content or "" for part in parts)


# --- answers ---


@both_clients
def test_complete_and_stream_give_the_same_text(chat: Chat) -> None:
    """Whole and in pieces, from the sync and the async client; the last piece counts tokens."""
    with ModelServer(["good morning to you", "good morning to you"]) as server:
        [whole] = chat(server)
        pieces = chat(server, stream=True)
    assert whole.message.content == text_of(pieces) == "good morning to you"
    assert len(pieces) > 2
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (pieces[-1].done_reason, pieces[-1].eval_count, whole.eval_count) == ("stop", 4, 4)


@streamed_or_not
def test_an_answer_has_no_thinking(stream: bool) -> None:
    """The field is absent, and a request for thinking is refused as Ollama refuses it."""
    with ModelServer(["x", "x"]) as server:
        assert all(part.message.thinking is None for part in sync_chat(server, stream=stream, think=False))
        assert "thinking" not in post(server, "/api/chat", {"model": "m", "messages": ASK}).text
        with pytest.raises(ollama.ResponseError, match='"m" does not support thinking'):
            sync_chat(server, stream=stream, think=True)
        assert server.provider.remaining == 0


@streamed_or_not
def test_counts_times_and_reasons_are_the_models(stream: bool) -> None:
    """Milliseconds become nanoseconds, and a length stop is told."""
    answer = Completion("a b", finish="length", usage=Usage(7, 2), timing=Timing(20.0, 50.0))
    with ModelServer([answer]) as server:
        last = sync_chat(server, stream=stream)[-1]
    assert (last.done, last.done_reason) == (True, "length")
    assert (last.prompt_eval_count, last.eval_count) == (7, 2)
    assert (last.total_duration, last.prompt_eval_duration, last.eval_duration) == (
        50_000_000,
        20_000_000,
        30_000_000,
    )


@streamed_or_not
def test_the_same_traffic_gives_the_same_bytes(stream: bool) -> None:
    """No clock and no random id gets into an answer, headers included."""
    seen = []
    for _ in range(2):
        with ModelServer(["good morning", ToolCall("t", {})]) as server:
            asked = {"model": "m", "messages": ASK, "stream": stream}
            answers = [post(server, "/api/chat", asked) for _ in range(2)]
        seen.append([(answer.headers.multi_items(), answer.content) for answer in answers])
    assert seen[0] == seen[1]
    assert seen[0][0][0][0] == (
        "content-type",
        "application/x-ndjson" if stream else "application/json; charset=utf-8",
    )


def test_generate_asks_with_a_system_and_a_prompt() -> None:
    """The second endpoint, whole and streamed."""
    with ModelServer(["good morning", "good morning"]) as server, client_of(server) as client:
        whole = client.generate(model="m", prompt="hello", system="be kind")
        pieces = list(client.generate(model="m", prompt="hello", stream=True))
        prompts = server.provider.prompts
    assert whole.response == "".join(piece.response for piece in pieces) == "good morning"
    assert prompts[0].messages == (Message.system("be kind"), Message.user("hello"))
    assert prompts[1].messages == (Message.user("hello"),)


def test_a_request_without_a_prompt_asks_no_model() -> None:
    """It loads or unloads the model, and takes no step of the script."""
    with ModelServer([]) as server, client_of(server) as client:
        reasons = [
            client.chat(model="m").done_reason,
            client.generate(model="m").done_reason,
            client.generate(model="m", keep_alive=0).done_reason,
        ]
    assert reasons == ["load", "load", "unload"]


# --- tools ---


@both_clients
@streamed_or_not
def test_tools_go_both_ways(chat: Chat, stream: bool) -> None:
    """A call, its result, and the answer after it."""
    with ModelServer([ToolCall("weather", {"city": "Oslo"}), "It snows."]) as server:
        first = chat(server, stream=stream, tools=[WEATHER])
        turn = next(part.message for part in first if part.message.tool_calls)
        call = turn.tool_calls[0].function
        turns = [*ASK, turn, {"role": "tool", "tool_name": call.name, "content": "snow"}]
        last = chat(server, stream=stream, messages=turns, tools=[WEATHER])
        prompts = server.provider.prompts
    assert (call.name, dict(call.arguments)) == ("weather", {"city": "Oslo"})
    assert text_of(last) == "It snows."
    assert prompts[0].tools[0].name == "weather"
    assert prompts[0].tools[0].schema["properties"] == {"city": {"type": "string"}}
    assert (prompts[1].messages[-1].role, prompts[1].messages[-1].tool_name) == ("tool", "weather")
    assert prompts[1].messages[1].tool_calls[0].arguments == {"city": "Oslo"}


@streamed_or_not
def test_several_calls_come_in_their_order(stream: bool) -> None:
    """Equal ones included."""
    calls = [ToolCall("a", {"n": 1}), ToolCall("b", {}), ToolCall("a", {"n": 1})]
    with ModelServer([calls]) as server:
        parts = sync_chat(server, stream=stream, tools=[WEATHER])
    found = [call.function for part in parts for call in part.message.tool_calls or ()]
    assert [(call.name, dict(call.arguments)) for call in found] == [
        ("a", {"n": 1}),
        ("b", {}),
        ("a", {"n": 1}),
    ]


@streamed_or_not
def test_a_call_that_cannot_run_arrives_as_text(stream: bool) -> None:
    """Arguments that were cut off must not become an empty, runnable call."""
    cut = ToolCall("pay", {}, raw_arguments='{"amount": 1')
    with ModelServer([Completion("So: ", (cut,), "length")]) as server:
        parts = sync_chat(server, stream=stream, tools=[WEATHER])
    assert not any(part.message.tool_calls for part in parts)
    assert text_of(parts) == 'So: {"name": "pay", "arguments": {"amount": 1}'
    assert parts[-1].done_reason == "length"


@streamed_or_not
def test_generate_says_calls_as_text(stream: bool) -> None:
    """Its answers have no place for them."""
    with ModelServer([ToolCall("pay", {"amount": 1})]) as server:
        answer = post(server, "/api/generate", {"model": "m", "prompt": "hi", "stream": stream})
    said = "".join(json.loads(line)["response"] for line in answer.text.splitlines())
    assert said == '{"name": "pay", "arguments": {"amount": 1}}'


# --- requests ---


def test_options_reach_the_model() -> None:
    """What the client asks for is in the prompt, and what it leaves open stays open."""
    with ModelServer(["x"] * 3) as server:
        options = {"temperature": 0.5, "num_predict": 7, "seed": 3, "top_p": 0.9, "stop": ["x"]}
        sync_chat(server, options=options)
        sync_chat(server)
        sync_chat(server, options={"num_predict": -1, "stop": ["a", "b"]})
        asked, open_, endless = (prompt.options for prompt in server.provider.prompts)
    assert (asked.model, asked.temperature, asked.max_tokens, asked.seed) == ("m", 0.5, 7, 3)
    assert (asked.top_p, asked.stop, asked.timeout_s) == (0.9, ("x",), None)
    assert (open_.temperature, open_.max_tokens, open_.seed, open_.top_p, open_.stop) == (None,) * 4 + ((),)
    assert (endless.max_tokens, endless.stop) == (None, ("a", "b"))


def test_what_the_client_library_does_not_send_is_read_too() -> None:
    """A stop that is one text, the id of a tool's call, and null for whatever is left out."""
    turn = {
        "role": "tool",
        "content": "snow",
        "tool_name": "weather",
        "tool_call_id": "c1",
        "tool_calls": None,
    }
    asked = {
        "model": "m",
        "messages": [*ASK, turn],
        "options": {"stop": "END"},
        "tools": None,
        "format": None,
    }
    with ModelServer(["x"]) as server:
        assert post(server, "/api/chat", asked).status_code == 200
        [prompt] = server.provider.prompts
    assert prompt.options.stop == ("END",)
    assert prompt.messages[-1] == Message("tool", "snow", tool_call_id="c1", tool_name="weather")


@pytest.mark.parametrize(
    ("wanted", "json_mode", "schema"),
    [(None, False, None), ("json", True, None), ({"type": "object"}, False, {"type": "object"})],
    ids=["none", "json", "schema"],
)
def test_the_format_reaches_the_model(wanted: Any, json_mode: bool, schema: Any) -> None:
    """JSON mode and an output schema are two things."""
    with ModelServer(["{}"]) as server:
        sync_chat(server, format=wanted)
        got = server.provider.prompts[0].options
    assert (got.json_mode, got.output_schema) == (json_mode, schema)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no JSON: the text is empty"),
        (b"{", "no JSON: the text ends before it is complete"),
        (b"[1]", "the request must be an object"),
        ({}, "model is required"),
        ({"model": 7}, "field 'model' must be a string"),
        ({"model": "m", "messages": "hello"}, "field 'messages'"),
        ({"model": "m", "messages": [{"role": "robot"}]}, 'use one of "system", "user"'),
        ({"model": "m", "messages": [{"role": "user", "content": [1]}]}, "field 'content'"),
        ({"model": "m", "messages": ASK, "options": {"temperature": "hot"}}, "field 'temperature'"),
        ({"model": "m", "messages": ASK, "options": {"stop": [7]}}, "'stop'"),
        ({"model": "m", "messages": ASK, "tools": [{"function": {}}]}, "'name'"),
        ({"model": "m", "messages": ASK, "format": "yaml"}, "field 'format'"),
        ({"model": "m", "messages": ASK, "stream": "no"}, "field 'stream'"),
    ],
    ids=str,
)
def test_a_wrong_request_is_told_what_is_wrong(body: Any, message: str) -> None:
    """400, Ollama's form of an error, and no call of the model."""
    with ModelServer(["x"]) as server:
        answer = post(server, "/api/chat", body)
        assert server.provider.prompts == []
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert message in answer.json()["error"]


names = st.sampled_from(["role", "content", "function", "name", "arguments", "stop", ""])
json_values = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.5, "", "x", "json", "\x00"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
fields = ("messages", "tools", "options", "format", "think", "stream", "prompt", "system", "keep_alive")
turns = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]) | json_values}).flatmap(
    lambda turn: st.dictionaries(
        st.sampled_from(["content", "tool_calls", "tool_name"]), json_values, max_size=2
    ).map(lambda rest: turn | rest)
)
requests = st.dictionaries(st.sampled_from(fields), json_values, max_size=4).flatmap(
    lambda request: (
        st.just(request) | st.lists(turns, max_size=2).map(lambda told: request | {"messages": told})
    )
)


@pytest.fixture(scope="module")
def steady_server() -> Any:
    with (
        ModelServer(["x"] * 10_000) as server,
        httpx.Client(base_url=server.url(), verify=TLS, timeout=PATIENCE_S) as client,
    ):
        yield server, client


@settings(max_examples=100, deadline=None)
@given(
    path=st.sampled_from(["/api/chat", "/api/generate", "/api/show"]),
    body=st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | requests.map(lambda request: json.dumps({"model": "m", **request}).encode())
    | st.sampled_from([b"[" * 5000, b'{"model":"\\ud800","messages":[]}', b'{"model":NaN}']),
)
def test_any_body_is_answered(steady_server: Any, path: str, body: bytes) -> None:
    """Good or bad, on one kept connection: never a server error, never a broken connection."""
    server, client = steady_server
    answer = client.post(path, content=body)
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or list(answer.json()) == ["error"]
    assert server.errors == []


# --- models and routes ---


def test_unknown_models_are_not_found() -> None:
    """With a list of models others are a 404, and the tag "latest" goes without saying."""
    with ModelServer(["x", "x"], models=["known"]) as server, client_of(server) as client:
        with pytest.raises(ollama.ResponseError, match="'other' not found") as caught:
            client.chat(model="other", messages=ASK)
        assert caught.value.status_code == 404
        assert client.chat(model="known:latest", messages=ASK).message.content == "x"
        assert [model.model for model in client.list().models] == ["known"]


def test_a_server_without_a_list_has_every_model() -> None:
    """It lists its own model, and shows any."""
    with ModelServer([]) as server, client_of(server) as client:
        assert [model.model for model in client.list().models] == ["scripted"]
        assert client.show("any").capabilities == ["completion", "tools"]
        assert client.ps().models == []


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 200, b"Ollama is running"),
        ("HEAD", "/", 200, b""),
        ("GET", "/api/version?x=1", 200, b'{"version":"0.12.0"}'),
        ("GET", "/api/tags/", 200, None),
        ("GET", "/api/chat", 405, None),
        ("POST", "/api/tags", 405, None),
        ("POST", "/api/embed", 404, None),
        ("GET", "/v1/nowhere", 404, None),
    ],
)
def test_routes(method: str, path: str, status: int, body: bytes | None) -> None:
    """What is served, what is not, and what is not allowed."""
    with ModelServer([]) as server, httpx.Client(verify=TLS, timeout=PATIENCE_S) as client:
        answer = client.request(method, server.url() + path)
    assert answer.status_code == status
    assert body is None or answer.content == body
    assert status < 400 or list(answer.json()) == ["error"]
    assert answer.headers.get("allow") == (
        {"/api/chat": "POST", "/api/tags": "GET"}[path] if status == 405 else None
    )


# --- keys ---


def test_ollama_asks_for_no_key() -> None:
    """By nature the dialect has none, so what a client sends as one is not looked at."""
    with ModelServer(["x", "x"]) as server:
        for headers in ({}, {"Authorization": "Bearer from-the-environment"}):
            assert (
                post(server, "/api/chat", {"model": "m", "messages": ASK}, headers=headers).status_code == 200
            )


def test_a_required_key_is_required() -> None:
    """None, a wrong one and a half one are 401, on every route; the real client brings it along."""
    with ModelServer(["x"], require_key=True) as server:
        for key in (None, "wrong", server.key[:-1], f"{server.key}x", "\u00fc"):
            headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
            answer = post(server, "/api/chat", {"model": "m", "messages": ASK}, headers=headers)
            assert (answer.status_code, server.provider.prompts) == (401, [])
            assert server.key not in answer.text
        for scheme in ("Basic ", ""):
            headers = {"Authorization": scheme + server.key}
            assert post(server, "/api/show", {"model": "m"}, headers=headers).status_code == 401
        assert post(server, "/api/show", {"model": "m"}).status_code == 401
        with client_of(server, headers={"Authorization": f"Bearer {server.key}"}) as client:
            assert client.chat(model="m", messages=ASK).message.content == "x"
    assert len(server.key) > 32
    assert server.key != ModelServer([]).key


# --- faults ---


@streamed_or_not
@pytest.mark.parametrize(
    ("step", "status"),
    [(fault.rate_limit(retry_after=3), 429), (fault.rate_limit(), 429), (fault.server_error(503), 503)],
    ids=["429 with patience", "429", "503"],
)
def test_a_fault_has_its_status(step: Any, status: int, stream: bool) -> None:
    """429 carries Retry-After where the script names one."""
    with ModelServer([step]) as server:
        answer = post(server, "/api/chat", {"model": "m", "messages": ASK, "stream": stream})
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("3" if step.retry_after_s else None)
    assert list(answer.json()) == ["error"]


@streamed_or_not
@pytest.mark.parametrize("route", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize(
    "text", ['half an "answer" \u00fc', "m", ""], ids=["text", "the model's name", "none"]
)
def test_a_cut_ends_the_connection_after_the_text(route: str, text: str, stream: bool) -> None:
    """A good beginning, the text, and then no end: neither of the JSON nor of the HTTP."""
    asked = {"model": "m", "messages": ASK, "prompt": "hello", "stream": stream}
    got = b""
    with (
        ModelServer([fault.cut(text)]) as server,
        httpx.Client(verify=TLS, timeout=PATIENCE_S) as client,
        client.stream("POST", server.url() + route, json=asked) as answer,
    ):
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            for piece in answer.iter_raw():
                got += piece
    field = "content" if route == "/api/chat" else "response"
    if stream:
        parts = [json.loads(line) for line in got.splitlines()]
        assert not any(part["done"] for part in parts)
        assert "".join(part.get("message", part)[field] for part in parts) == text
    else:
        assert got.endswith(
            json.dumps({field: text}, ensure_ascii=False).replace('": "', '":"')[1:-2].encode()
        )


@both_clients
@streamed_or_not
def test_a_refused_connection_is_reset(chat: Chat, stream: bool) -> None:
    """The client gets no byte."""
    with ModelServer([fault.refuse_connection()]) as server:
        with pytest.raises(httpx.ReadError):
            chat(server, stream=stream)
        assert len(server.requests) == 1


@streamed_or_not
def test_a_hang_is_no_answer(stream: bool) -> None:
    """Only the client's own patience ends it."""
    asked = {"model": "m", "messages": ASK, "stream": stream}
    with (
        ModelServer([fault.hang()]) as server,
        httpx.Client(verify=TLS, timeout=0.05) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(server.url() + "/api/chat", json=asked)


@streamed_or_not
def test_an_exhausted_script_is_told_and_not_retried(stream: bool) -> None:
    """400, because every client retries a 500."""
    with ModelServer(["x"]) as server:
        assert text_of(sync_chat(server, stream=stream)) == "x"
        with pytest.raises(ollama.ResponseError, match="the script has 1 step, and call 2") as caught:
            sync_chat(server, stream=stream)
    assert caught.value.status_code == 400


@streamed_or_not
def test_an_error_in_a_script_is_kept_for_the_test(stream: bool) -> None:
    """The client gets a 500 with its text, the test the error itself, also one pytest raises."""

    def check(prompt: Any) -> str:
        assert prompt.messages[0].text == "other"
        return "x"

    def give_up(prompt: Any) -> str:
        pytest.fail("not this one")

    with ModelServer([check, give_up, lambda prompt: "fine"]) as server:
        for text in ("AssertionError", "not this one"):
            with pytest.raises(ollama.ResponseError, match=text) as caught:
                sync_chat(server, stream=stream)
            assert caught.value.status_code == 500
        assert text_of(sync_chat(server, stream=stream)) == "fine"
        assert [type(error) for error in server.errors] == [AssertionError, pytest.fail.Exception]


def test_the_errors_kept_are_bounded() -> None:
    """A hundred, the first ones."""

    def fail(prompt: Any) -> str:
        raise ValueError(len(server.provider.prompts))

    with ModelServer([fail] * 102) as server, httpx.Client(verify=TLS, timeout=PATIENCE_S) as client:
        for _ in range(102):
            answer = client.post(server.url() + "/api/chat", json={"model": "m", "messages": ASK})
            assert answer.status_code == 500
        assert [error.args for error in server.errors] == [(number + 1,) for number in range(100)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProviderTimeout, 504),
        (ProviderUnavailable, 502),
        (MalformedResponse, 502),
        (ProviderError, 500),
        (partial(ProviderError, status=200), 500),
        (partial(ProviderError, status=999), 500),
        (partial(AuthenticationFailed, status=401), 401),
        (partial(RateLimited, status=429, retry_after_s=86_400_000), 429),
    ],
)
def test_a_failure_of_a_live_model_has_a_status(error: Any, status: int) -> None:
    """What it has no status for is a gateway's; patience is in plain digits."""
    refusal = refused(error("no", where="", fix=""))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.message) == (status, "no")
    assert refusal.headers == ({"Retry-After": "86400000"} if status == 429 else {})


class Saying:
    """A live model that streams what it is given, and then fails."""

    name, model = "saying", None

    def __init__(self, texts: list[str], error: BaseException | None = None) -> None:
        self.texts, self.error = texts, error

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        for text in self.texts:
            yield Chunk(text)
        if self.error is not None:
            raise self.error

    async def complete(self, prompt: Prompt) -> Completion:
        raise NotImplementedError

    async def aclose(self) -> None: ...


def test_a_failure_in_a_stream_is_its_last_line() -> None:
    """As Ollama tells it: the status was sent long ago."""
    model = Saying(["good "], ProviderUnavailable("the GPU fell off", where="", fix=""))
    with ModelServer(model) as server, client_of(server) as client:
        answer: Any = client.chat(model="m", messages=ASK, stream=True)
        assert next(answer).message.content == "good "
        with pytest.raises(ollama.ResponseError, match=r"^the GPU fell off"):
            next(answer)
        assert server.errors == []


def test_a_crash_in_a_stream_breaks_it_and_is_kept() -> None:
    """A half answer never looks whole, and no second answer follows it."""
    asked = {"model": "m", "messages": ASK}
    got = b""
    with (
        ModelServer(Saying(["good "], ZeroDivisionError())) as server,
        httpx.Client(verify=TLS, timeout=PATIENCE_S) as client,
        client.stream("POST", server.url() + "/api/chat", json=asked) as answer,
    ):
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            for piece in answer.iter_raw():
                got += piece
        assert [type(error) for error in server.errors] == [ZeroDivisionError]
    assert json.loads(got)["message"]["content"] == "good "


def test_an_empty_stream_is_an_empty_answer() -> None:
    """A model that says nothing has still answered."""
    with ModelServer(Saying([])) as server:
        [last] = sync_chat(server, stream=True)
    assert (last.done, last.message.content) == (True, "")
