"""What three SDKs make of a bad server, over real sockets: each failure has one name and a mend."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import pickle
import re
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from pytest_llmharness.adapters.clocks.skipping import SkippingClock
from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.providers.anthropic import AnthropicProvider
from pytest_llmharness.adapters.providers.endpoint import Endpoint
from pytest_llmharness.adapters.providers.ollama import OllamaProvider
from pytest_llmharness.adapters.providers.openai import OpenAIProvider
from pytest_llmharness.adapters.providers.sdk_provider import SdkProvider
from pytest_llmharness.contracts.contract import assert_no_task_left
from pytest_llmharness.domain.completion import Chunk
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.errors import (
    AuthenticationFailed,
    BadRequest,
    CassetteError,
    CassetteMiss,
    ConfigError,
    ContextOverflow,
    MalformedResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    StreamBroken,
)

KEY = "sk-seeded-secret-5150"
PROMPT = Prompt((Message.user("hello"),), options=Options(timeout_s=20))
DIALECTS = ("openai", "anthropic", "ollama")
Value = TypeVar("Value")


# --- a server that answers with given bytes ---


@dataclass
class RawServer:
    """Answers every request with the same bytes, then hangs, or closes the connection."""

    answer: bytes = b""
    hangs: bool = False
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(
                (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0
            )
            self.requests.append(head + await reader.readexactly(length))
            writer.write(self.answer)
            await writer.drain()
            while self.hangs and await reader.read(1024):
                pass
            self.hung_up.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()


@asynccontextmanager
async def raw_server(answer: bytes = b"", *, hangs: bool = False) -> AsyncIterator[RawServer]:
    raw = RawServer(answer, hangs)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()


def http(status: int, body: bytes | Any, *headers: str, kind: str = "application/json") -> bytes:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def chunked(*pieces: bytes, kind: str, ends: bool) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if ends else b"")


# --- the three dialects ---


def provider(dialect: str, url: str, key: str | None = KEY) -> SdkProvider[Any]:
    clock = SystemClock()
    if dialect == "openai":
        return OpenAIProvider(model="toy", base_url=f"{url}/v1", api_key=key, clock=clock)
    if dialect == "anthropic":
        return AnthropicProvider(model="toy", base_url=url, api_key=key, clock=clock)
    return OllamaProvider(model="toy", base_url=url, api_key=key, clock=clock)


def text_pieces(dialect: str, *texts: str) -> list[bytes]:
    """The first chunks of a streamed text answer, without its end."""
    if dialect == "openai":
        choices = [{"index": 0, "delta": {"content": text}, "finish_reason": None} for text in texts]
        chunks = [{"model": "toy", "choices": [choice]} for choice in choices]
        return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    if dialect == "ollama":
        parts = [
            {"model": "toy", "message": {"role": "assistant", "content": text}, "done": False}
            for text in texts
        ]
        return [json.dumps(part).encode() + b"\n" for part in parts]
    start = {
        "type": "message_start",
        "message": {"model": "toy", "usage": {"input_tokens": 3, "output_tokens": 1}},
    }
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in texts
    ]
    return [_event(start), *map(_event, deltas)]


def _event(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def stream_kind(dialect: str) -> str:
    return "application/x-ndjson" if dialect == "ollama" else "text/event-stream"


def error_body(dialect: str, message: str, code: str) -> Any:
    if dialect == "ollama":
        return {"error": message}
    return {"type": "error", "error": {"type": code, "message": message}}


# --- how a failure is caught ---


async def completed(model: SdkProvider[Any], prompt: Prompt = PROMPT) -> object:
    return await model.complete(prompt)


async def streamed(model: SdkProvider[Any], prompt: Prompt = PROMPT) -> object:
    return [chunk async for chunk in model.stream(prompt)]


Call = Callable[..., Awaitable[object]]
either_way = pytest.mark.parametrize("call", [completed, streamed])
in_each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def failure(dialect: str, call: Call, answer: bytes, kind: type[ProviderError]) -> ProviderError:
    """Make one call to a server that answers so, and return the error, looked at from all sides."""

    async def fail() -> ProviderError:
        async with raw_server(answer) as server:
            model = provider(dialect, server.url)
            try:
                with pytest.raises(ProviderError) as caught:
                    await call(model)
            finally:
                await model.aclose()
            assert len(server.requests) == 1, "a failed call was retried behind the harness's back"
            assert server.url in caught.value.where
            return caught.value

    error = asyncio.run(fail())
    assert type(error) is kind, f"{type(error).__name__}: {error}"
    assert "toy" in error.where
    assert error.provider == dialect
    assert error.what[0].islower()
    assert error.fix
    assert KEY not in "".join(traceback.format_exception(error))
    assert str(pickle.loads(pickle.dumps(error))) == str(copy.copy(error)) == str(error)
    return error


# --- refusals ---


@in_each_dialect
@either_way
@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_never_shown(dialect: str, call: Call, status: int) -> None:
    """A server that echoes the key gets it into no text, not even into the cause's."""
    body = error_body(dialect, f"Incorrect API key provided: {KEY}.", "authentication_error")
    error = failure(dialect, call, http(status, body), AuthenticationFailed)
    assert "Incorrect API key provided: ***." in error.what
    assert "api_key=" in error.fix
    assert error.status == status
    assert not error.retryable


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("Retry-After: 7", 7.0),
        ("Retry-After: 0.5", 0.5),
        ("retry-after-ms: 1500", 1.5),
        ("Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Retry-After: soon", None),
        ("Retry-After: inf", None),
        ("X-Nothing: 1", None),
    ],
)
def test_rate_limit_reads_every_form_of_the_wish(header: str, wait_s: float | None) -> None:
    """A wish in seconds, milliseconds or as a date becomes seconds; nonsense becomes None."""
    body = error_body("openai", "slow down", "rate_limit_error")
    error = failure("openai", completed, http(429, body, header), RateLimited)
    assert error.retry_after_s == wait_s
    assert error.retryable


@in_each_dialect
@either_way
def test_rate_limit_carries_the_servers_wish(dialect: str, call: Call) -> None:
    """A 429 carries Retry-After in every dialect."""
    body = error_body(dialect, "slow down", "rate_limit_error")
    assert failure(dialect, call, http(429, body, "Retry-After: 7"), RateLimited).retry_after_s == 7


@in_each_dialect
@either_way
@pytest.mark.parametrize("status", [408, 500, 529])
def test_server_failure_is_unavailable(dialect: str, call: Call, status: int) -> None:
    """A failure on the server's side is retryable, and its wish to wait is kept."""
    body = error_body(dialect, "boom", "api_error")
    error = failure(dialect, call, http(status, body, "Retry-After: 3"), ProviderUnavailable)
    assert error.status == status
    assert error.retry_after_s == 3
    assert "boom" in error.what
    assert error.__cause__ is not None


@in_each_dialect
@pytest.mark.parametrize("body", [b"[]", b"", b"null", b"<html>oh</html>", b"\xff\xfe", b'{"error": []}'])
def test_failure_with_any_body_keeps_its_status(dialect: str, body: bytes) -> None:
    """No body of a failed answer hides the status."""
    assert failure(dialect, completed, http(500, body), ProviderUnavailable).status == 500


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@either_way
@pytest.mark.parametrize("code", ["exceed_context_size_error", "context_length_exceeded"])
def test_context_overflow_is_known_by_its_code(dialect: str, call: Call, code: str) -> None:
    """Both ways to say that a prompt is too long end in ContextOverflow."""
    error = failure(dialect, call, http(400, error_body(dialect, "too long", code)), ContextOverflow)
    assert not error.retryable
    by_code = {"error": {"message": "too long", "type": "invalid_request_error", "code": code}}
    failure(dialect, call, http(400, by_code), ContextOverflow)


@in_each_dialect
@either_way
@pytest.mark.parametrize("status", [400, 404, 422])
def test_refused_request_is_bad(dialect: str, call: Call, status: int) -> None:
    """Other 4xx are the request's fault, even where their text speaks of context."""
    body = error_body(dialect, "context length exceeded", "invalid_request_error")
    error = failure(dialect, call, http(status, body), BadRequest)
    assert "context length exceeded" in error.what
    assert not error.retryable


@pytest.mark.parametrize(
    ("dialect", "fix"),
    [("openai", "/v1/models"), ("anthropic", "/v1/models"), ("ollama", "ollama pull toy")],
)
def test_unknown_model_says_how_to_list_models(dialect: str, fix: str) -> None:
    """A 404 names the model and the command that lists what is there."""
    error = failure(dialect, completed, http(404, error_body(dialect, "no", "not_found_error")), BadRequest)
    assert fix in error.fix
    assert "toy" in error.fix


# --- answers that cannot be read ---


@in_each_dialect
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><h1>Welcome to nginx</h1></html>", "text/html"),
        (b"\xff\xfe\x00", "application/json"),
        (b'{"choices": [', "application/json"),
        (b"[1, 2]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b"{}", "application/json"),
        (b'{"choices": [], "content": 5, "message": 5}', "application/json"),
        (
            b'{"choices": [{"message": {"content": 5}}], "content": [5], "message": {"content": 5}}',
            "application/json",
        ),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_unreadable_answer_is_malformed(dialect: str, body: bytes, kind: str) -> None:
    """Bytes that are not the dialect end in MalformedResponse, never in a foreign error."""
    error = failure(dialect, completed, http(200, body, kind=kind), MalformedResponse)
    assert not re.search(r"\b(attribute|object|NoneType|subscriptable)\b", error.what), "the inside of Python"


@in_each_dialect
@pytest.mark.parametrize(
    ("body", "kind"), [(b"<html>nginx</html>", "text/html"), (b"{}", "application/json")]
)
def test_stream_of_another_type_is_malformed(dialect: str, body: bytes, kind: str) -> None:
    """A stream that turns out to be a page or a plain answer is malformed, not broken."""
    failure(dialect, streamed, http(200, body, kind=kind), MalformedResponse)


@in_each_dialect
def test_undecodable_body_is_malformed(dialect: str) -> None:
    """A body that is not the gzip it claims to be is malformed, not unavailable."""
    failure(dialect, completed, http(200, b"no gzip", "Content-Encoding: gzip"), MalformedResponse)


@in_each_dialect
@pytest.mark.parametrize(
    "junk",
    [b"{not json", b"\xff\xfe", b"[1]", b"5", b'{"type": "message_start", "choices": 5, "message": 5}'],
)
def test_garbage_inside_a_stream_is_malformed(dialect: str, junk: bytes) -> None:
    """A chunk that cannot be read ends the stream in MalformedResponse."""
    framed = junk + b"\n" if dialect == "ollama" else b"event: message_start\ndata: " + junk + b"\n\n"
    answer = chunked(*text_pieces(dialect, "He"), framed, kind=stream_kind(dialect), ends=True)
    failure(dialect, streamed, answer, MalformedResponse)


# --- broken connections ---


@in_each_dialect
@pytest.mark.parametrize("ends", [False, True])
def test_cut_stream_keeps_what_had_arrived(dialect: str, ends: bool) -> None:
    """A stream without its end is broken, whether the connection broke or closed politely."""
    answer = chunked(*text_pieces(dialect, "He", "llo"), kind=stream_kind(dialect), ends=ends)
    error = failure(dialect, streamed, answer, StreamBroken)
    assert isinstance(error, StreamBroken)
    assert error.partial == "Hello"
    assert error.retryable


@in_each_dialect
def test_empty_stream_is_broken(dialect: str) -> None:
    """A stream that ends before it began is broken too."""
    error = failure(dialect, streamed, chunked(kind=stream_kind(dialect), ends=True), StreamBroken)
    assert isinstance(error, StreamBroken)
    assert error.partial == ""


@pytest.mark.parametrize(
    ("dialect", "code", "kind"),
    [
        ("openai", "server_error", StreamBroken),
        ("openai", "rate_limit_error", RateLimited),
        ("openai", "exceed_context_size_error", ContextOverflow),
        ("anthropic", "overloaded_error", StreamBroken),
        ("anthropic", "rate_limit_error", RateLimited),
        ("anthropic", "authentication_error", AuthenticationFailed),
        ("ollama", "", StreamBroken),
    ],
)
def test_error_inside_a_stream_has_a_name(dialect: str, code: str, kind: type[ProviderError]) -> None:
    """A server that fails in mid-answer is named by its code, and the text so far is kept."""
    body = json.dumps(error_body(dialect, f"sorry, {KEY}", code)).encode()
    framed = body + b"\n" if dialect == "ollama" else b"event: error\ndata: " + body + b"\n\n"
    answer = chunked(*text_pieces(dialect, "He"), framed, kind=stream_kind(dialect), ends=True)
    error = failure(dialect, streamed, answer, kind)
    assert "sorry, ***" in error.what
    assert getattr(error, "partial", "He") == "He"


@in_each_dialect
@either_way
@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", http(200, b"{}").replace(b": 2", b": 99")]
)
def test_broken_answer_is_unavailable(dialect: str, call: Call, answer: bytes) -> None:
    """A connection that ends before the answer does is retryable."""
    failure(dialect, call, answer, ProviderUnavailable)


@in_each_dialect
@either_way
def test_refused_connection_says_how_to_start_the_server(dialect: str, call: Call) -> None:
    """Where nobody listens, the error says so and what to run."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def fail() -> ProviderError:
        with pytest.raises(ProviderUnavailable) as caught:
            await call(provider(dialect, f"http://127.0.0.1:{port}"))
        return caught.value

    error = asyncio.run(fail())
    assert str(port) in error.where
    assert "onnect" in error.what
    assert {"ollama": "ollama serve"}.get(dialect, "curl") in error.fix


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("sk-12345678", "Bearer sk-12345678x", "Bearer ***x"),
        ("pass", "pass: a password like 'pass'", "***: a password like '***'"),
        ("e", "the key e is refused", "the key e is refused"),
    ],
)
def test_a_short_secret_does_not_mangle_the_words(secret: str, text: str, shown: str) -> None:
    """A key is hidden wherever it stands; a few letters only where they stand alone."""
    assert Endpoint("p", "http://u", "", "", "", secrets=(secret,)).hide(text) == shown


# --- time and cancellation, as the server sees them ---


def at_a_hanging_server(
    dialect: str, begun: bool, act: Callable[[SdkProvider[Any], RawServer], Awaitable[Value]]
) -> Value:
    """Act on a server that hangs before or in the middle of a stream; the client must hang up."""
    pieces = chunked(*text_pieces(dialect, "He", "llo"), kind=stream_kind(dialect), ends=False)

    async def run() -> Value:
        before = asyncio.all_tasks()
        async with raw_server(pieces if begun else b"", hangs=True) as server:
            model = provider(dialect, server.url)
            value = await act(model, server)
            async with asyncio.timeout(5):
                await server.hung_up.wait()
            await model.aclose()
        await assert_no_task_left(before, "the call goes on")
        return value

    return asyncio.run(run())


@in_each_dialect
@pytest.mark.parametrize(("call", "begun"), [(completed, False), (streamed, False), (streamed, True)])
def test_timeout_hangs_up(dialect: str, call: Call, begun: bool) -> None:
    """The limit covers the call and the whole stream; at its end the connection is closed."""

    async def act(model: SdkProvider[Any], server: RawServer) -> ProviderTimeout:
        for limit_s in (0.05, 0.5, 5.0):  # on a busy machine the first may end before the call is out
            prompt = Prompt(PROMPT.messages, options=Options(timeout_s=limit_s))
            with pytest.raises(ProviderTimeout) as caught:
                await call(model, prompt)
            assert f"{limit_s:g} s" in caught.value.what
            if server.requests:
                break
        return caught.value

    error = at_a_hanging_server(dialect, begun, act)
    assert "timeout_s" in error.fix


@in_each_dialect
@pytest.mark.parametrize(("call", "begun"), [(completed, False), (streamed, False), (streamed, True)])
def test_cancellation_hangs_up(dialect: str, call: Call, begun: bool) -> None:
    """A cancelled call closes its connection and stays a cancellation."""

    async def act(model: SdkProvider[Any], server: RawServer) -> None:
        task = asyncio.ensure_future(call(model))
        while not server.requests:  # noqa: ASYNC110 - the server's progress is no event of this test
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    at_a_hanging_server(dialect, begun, act)


@in_each_dialect
def test_closing_a_stream_hangs_up(dialect: str) -> None:
    """A consumer that has read enough closes the connection by closing the generator."""

    async def act(model: SdkProvider[Any], server: RawServer) -> Chunk:
        stream = model.stream(PROMPT)
        first = await anext(stream)
        await stream.aclose()
        client = await model._clients.get(model._connect)
        assert client._client._transport._pool.connections == [], "the connection outlived the stream"
        return first

    assert at_a_hanging_server(dialect, True, act).text == "He"


@in_each_dialect
def test_consumers_time_counts(dialect: str) -> None:
    """The limit runs while the consumer is busy, and hits the next wait, not the consumer."""

    async def act(model: SdkProvider[Any], server: RawServer) -> None:
        model._clock = clock = SkippingClock()
        stream = model.stream(Prompt(PROMPT.messages, options=Options(timeout_s=60)))
        await anext(stream)
        await clock.sleep(61)
        with pytest.raises(ProviderTimeout):
            await asyncio.wait_for(rest(stream), 5)

    async def rest(stream: AsyncIterator[Chunk]) -> list[Chunk]:
        return [chunk async for chunk in stream]

    at_a_hanging_server(dialect, True, act)


@in_each_dialect
def test_stream_may_be_stepped_by_many_tasks(dialect: str) -> None:
    """Each step of a stream may run in a task of its own, as the sync face does, limit included."""

    async def act(model: SdkProvider[Any], server: RawServer) -> str:
        model._clock = clock = SkippingClock()
        stream = model.stream(Prompt(PROMPT.messages, options=Options(timeout_s=60)))
        steps = [await asyncio.ensure_future(step(stream)) for _ in range(2)]
        await clock.sleep(61)
        with pytest.raises(ProviderTimeout):
            await asyncio.wait_for(step(stream), 5)
        return "".join(chunk.text for chunk in steps)

    async def step(stream: AsyncIterator[Chunk]) -> Chunk:
        return await anext(stream)

    assert at_a_hanging_server(dialect, True, act) == "Hello"


# --- what must pass, and what must not start ---


@in_each_dialect
@either_way
@pytest.mark.parametrize("kind", [CassetteMiss, CassetteError])
def test_our_own_errors_pass_through(
    dialect: str, call: Call, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cassette raises below the SDK comes out as it is, however the SDK wraps it."""
    library = "httpx" if dialect == "ollama" else "httpx2"

    async def fail(*_: object) -> None:
        raise kind("no take answers", where="a cassette", fix="record it")  # type: ignore[call-arg]

    monkeypatch.setattr(f"{library}.AsyncHTTPTransport.handle_async_request", fail)

    async def run() -> None:
        model = provider(dialect, "http://127.0.0.1:9")
        with pytest.raises(kind):
            await call(model)
        await model.aclose()

    asyncio.run(run())


@in_each_dialect
@either_way
def test_half_a_surrogate_pair_is_named(dialect: str, call: Call) -> None:
    """Text that no UTF-8 can carry is the request's fault."""

    async def run() -> BadRequest:
        model = provider(dialect, "http://127.0.0.1:9")
        prompt = Prompt((Message.user("\ud800"),))
        with pytest.raises(BadRequest) as caught:
            await call(model, prompt)
        await model.aclose()
        return caught.value

    assert "surrogates" in asyncio.run(run()).what


@in_each_dialect
@pytest.mark.parametrize("url", ["localhost:8080", "ftp://127.0.0.1", "http://", "/v1"])
def test_impossible_address_is_refused_at_the_door(dialect: str, url: str) -> None:
    """An address without http:// is a ConfigError before any call."""
    with pytest.raises(ConfigError, match="is no http"):
        provider(dialect, url)


@in_each_dialect
def test_key_inside_a_cause_is_never_shown(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an error far down shows the key, it is left out of the traceback."""
    library = "httpx" if dialect == "ollama" else "httpx2"

    async def fail(*_: object) -> None:
        refused = importlib.import_module(library).ConnectError("refused")
        raise refused from OSError(f"Illegal header value b'Bearer {KEY}'")

    monkeypatch.setattr(f"{library}.AsyncHTTPTransport.handle_async_request", fail)
    with pytest.raises(ProviderUnavailable) as caught:
        asyncio.run(provider(dialect, "http://127.0.0.1:9").complete(PROMPT))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert "Illegal header value b'Bearer ***'" in caught.value.what


@in_each_dialect
@pytest.mark.parametrize("key", ["sk-…", "sk-1\nsk-2"])
def test_impossible_key_is_refused_at_the_door(dialect: str, key: str) -> None:
    """A key that no header can carry is a ConfigError that does not show it."""
    with pytest.raises(ConfigError) as caught:
        provider(dialect, "http://127.0.0.1:9", key)
    assert "sk-" not in str(caught.value)


@in_each_dialect
def test_no_model_is_refused_at_the_door(dialect: str) -> None:
    """A call that names no model ends before the network."""
    model = provider(dialect, "http://127.0.0.1:9")
    model.model = None
    with pytest.raises(ConfigError, match="no model is named"):
        asyncio.run(model.complete(PROMPT))


@in_each_dialect
def test_password_in_the_address_is_never_shown(dialect: str) -> None:
    """A password in the base URL gets into no error."""

    async def run() -> ProviderError:
        with pytest.raises(ProviderUnavailable) as caught:
            await provider(dialect, f"http://me:{KEY}@127.0.0.1:9", "another key").complete(PROMPT)
        return caught.value

    error = asyncio.run(run())
    assert KEY not in "".join(traceback.format_exception(error))
    assert "http://127.0.0.1:9" in error.where
