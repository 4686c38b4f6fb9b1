"""A server starts, serves many at once, lets go of who has gone, and ends at once."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import ollama
import pytest

from pytest_llmharness import ToolCall, fault
from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.executors.portal import portal
from pytest_llmharness.adapters.providers.ollama import OllamaProvider
from pytest_llmharness.domain.completion import Chunk, Completion
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.tool import ToolSpec
from pytest_llmharness.errors import (
    CassetteMiss,
    ConfigError,
    ProviderError,
    ProviderUnavailable,
    StreamBroken,
)
from pytest_llmharness.server import ModelServer, addresses
from pytest_llmharness.server.request_log import RequestLog
from pytest_llmharness.server.wire import ReceivedRequest

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: it takes most of a client's time
PATIENCE_S = 60  # only a failing test waits so long
ASK: list[Any] = [{"role": "user", "content": "hello"}]
RESET = struct.pack("ii", 1, 0)


class Waiting:
    """A model that never ends an answer; it knows who asks and when the answer was ended."""

    name, model = "waiting", None

    def __init__(self, first: str = "") -> None:
        self.first = first
        self.asked = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.release()
        try:
            return await asyncio.Event().wait()  # type: ignore[return-value]
        finally:
            await asyncio.sleep(0)  # a clean-up that takes a turn of the loop is given it
            self.ended.release()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        try:
            if self.first:
                yield Chunk(self.first)
            self.asked.release()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended.release()

    async def aclose(self) -> None: ...


class Together:
    """A model that answers when so many ask it at once, and not before."""

    name, model = "together", None

    def __init__(self, count: int) -> None:
        self._barrier = asyncio.Barrier(count)

    async def complete(self, prompt: Prompt) -> Completion:
        await self._barrier.wait()
        return Completion(prompt.messages[-1].text)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        await self._barrier.wait()
        yield Chunk(prompt.messages[-1].text, finish="stop")

    async def aclose(self) -> None: ...


def request(*, stream: bool) -> bytes:
    body = json.dumps({"model": "m", "messages": ASK, "stream": stream}).encode()
    return b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def connect(server: ModelServer, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(server.address, timeout=PATIENCE_S)
    client.sendall(data)
    return client


def wait_for_end(client: socket.socket) -> None:
    """Read until the server has closed, or has reset a connection it never got to see."""
    with client, suppress(ConnectionResetError):
        while client.recv(1000):
            pass


# --- who goes away ---


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize(
    ("stream", "first"),
    [(False, ""), (True, ""), (True, "hello")],
    ids=["whole", "before a stream", "in a stream"],
)
def test_a_client_that_goes_away_ends_the_models_call(stream: bool, first: str, reset: bool) -> None:
    """At once, also while the model hangs; and the next client is served."""
    model = Waiting(first)
    with ModelServer(model) as server:
        client = connect(server, request(stream=stream))
        assert model.asked.acquire(timeout=PATIENCE_S)
        assert not model.ended.acquire(blocking=False)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        assert model.ended.acquire(timeout=PATIENCE_S)
        assert httpx.get(server.url(), verify=TLS, timeout=PATIENCE_S).status_code == 200
        assert server.errors == []


def test_a_client_that_pipelines_and_goes_away_ends_the_models_call() -> None:
    """What it sent after its first request hides its end from nobody."""
    model = Waiting()
    with ModelServer(model) as server:
        client = connect(server, request(stream=False) * 3)
        assert model.asked.acquire(timeout=PATIENCE_S)
        client.close()
        assert model.ended.acquire(timeout=PATIENCE_S)
        assert not model.asked.acquire(blocking=False)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_client_that_loses_patience_ends_the_models_call(stream: bool) -> None:
    """The real client, by its own timeout."""
    model = Waiting()
    with ModelServer(model) as server:
        with (
            ollama.Client(server.url(), verify=TLS, timeout=0.05) as client,
            pytest.raises(httpx.ReadTimeout),
        ):
            list(client.chat(model="m", messages=ASK, stream=stream))
        assert model.ended.acquire(timeout=PATIENCE_S)


# --- the end ---


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_close_ends_everything_and_returns(stream: bool) -> None:
    """Waiting clients, idle ones, half a request: all are dropped, and the model's calls are over."""
    model = Waiting("hello")
    before = threading.active_count()
    server = ModelServer(model).start()
    address = server.address
    assert address in addresses()
    clients = [connect(server, request(stream=stream)) for _ in range(3)]
    clients += [connect(server), connect(server, b"GET / HT")]
    for _ in range(3):
        assert model.asked.acquire(timeout=PATIENCE_S)
    server.close()
    assert all(model.ended.acquire(blocking=False) for _ in range(3))
    assert threading.active_count() == before
    for client in clients:
        wait_for_end(client)
    assert address not in addresses()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass


def test_clients_that_come_while_the_server_closes_are_dropped() -> None:
    """In whatever state of being accepted they are, nobody is left with an open connection."""

    def come(address: tuple[str, int], clients: list[socket.socket], came: threading.Semaphore) -> None:
        with suppress(OSError):
            for _ in range(40):
                clients.append(socket.create_connection(address, timeout=PATIENCE_S))
                came.release()
                clients[-1].sendall(b"GET / HT")

    for _ in range(15):
        clients: list[socket.socket] = []
        came = threading.Semaphore(0)
        with ModelServer([]) as server:
            crowd = threading.Thread(target=come, args=(server.address, clients, came))
            crowd.start()
            assert came.acquire(timeout=PATIENCE_S)
        crowd.join(timeout=PATIENCE_S)
        assert not crowd.is_alive()
        for client in clients:
            wait_for_end(client)


def test_close_wakes_a_client_that_waits() -> None:
    """A thread inside a call gets an error, not its timeout."""
    model = Waiting()
    server = ModelServer(model).start()

    def wait() -> None:
        with ollama.Client(server.url(), verify=TLS) as client:
            client.chat(model="m", messages=ASK)

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(wait)
        assert model.asked.acquire(timeout=PATIENCE_S)
        server.close()
        assert isinstance(call.exception(timeout=PATIENCE_S), httpx.TransportError)


def test_a_server_starts_again_and_closes_twice() -> None:
    """Each time on an address of its own; the log stays."""
    server = ModelServer(["a", "b"])
    seen = []
    for _ in range(2):
        with server, server.start() as same:
            assert same is server
            seen.append(server.address)
            httpx.get(server.url(), verify=TLS, timeout=PATIENCE_S)
        server.close()
    assert len(server.requests) == 2
    assert not set(seen) & addresses()
    assert all(host == "127.0.0.1" for host, _ in seen)


def test_it_listens_on_loopback_only() -> None:
    """No other address of this machine answers, IPv6's included."""
    with ModelServer([]) as server:
        for host in ("127.0.0.2", "::1"):
            with (
                pytest.raises(OSError),  # noqa: PT011 - refused, or there is no such address here
                socket.create_connection((host, server.address[1]), timeout=1),
            ):
                pass


def test_a_taken_port_is_told() -> None:
    """With the way out, and nothing is left behind."""
    before = threading.active_count()
    with ModelServer([]) as server:
        port = server.address[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            ModelServer([], port=port).start()
        assert caught.value.fix == "leave port at 0, which takes a free one"
    assert threading.active_count() == before


def test_what_cannot_be_is_told() -> None:
    """A text for a script, an unknown dialect, the address of a server that does not run."""
    with pytest.raises(ConfigError, match="the script is the text 'hello', not a list of steps"):
        ModelServer("hello")
    with ModelServer([]) as server, pytest.raises(ConfigError, match="does not speak 'morse'") as caught:
        server.url("morse")
    assert caught.value.fix == "use one of ollama"
    with pytest.raises(ConfigError, match="does not run"):
        server.url()


def test_a_server_that_is_never_closed_keeps_nobody_waiting() -> None:
    """The process ends, without a word."""
    program = """
import socket
from pytest_llmharness.server import ModelServer
server = ModelServer(["x"]).start()
client = socket.create_connection(server.address)
client.sendall(b"GET / HT")
"""
    command = (sys.executable, "-c", program)
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_importing_the_server_brings_in_nothing_heavy() -> None:
    """Nor does serving a script: no test tool, no SDK, no HTTP client."""
    program = """
import socket, sys
from pytest_llmharness.server import ModelServer
heavy = {"pytest", "hypothesis", "vcr", "pydantic", "httpx", "httpx2", "h11", "ollama", "openai", "anthropic",
         "http.client", "jsonschema"}
imported = heavy & set(sys.modules)
with ModelServer(["x"]) as server, socket.create_connection(server.address) as client:
    body = b'{"model":"m","messages":[{"role":"user"}]}'
    client.sendall(b"POST /api/chat HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n"
                   b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    print(client.recv(1000).split()[1], sorted(imported), sorted(heavy & set(sys.modules)))
"""
    command = (sys.executable, "-c", program)
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.stdout, ended.stderr) == ("b'200' [] []\n", "")


# --- many ---


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_many_async_clients_at_once(stream: bool) -> None:
    """Sixteen, none of which is answered before all have asked; each gets its own answer."""

    async def ask(client: ollama.AsyncClient, text: str) -> str:
        turns = [{"role": "user", "content": text}]
        answer: Any = await client.chat(model="m", messages=turns, stream=stream)
        parts = [part async for part in answer] if stream else [answer]
        return "".join(part.message.content or "" for part in parts)

    async def talk(url: str) -> list[str]:
        async with ollama.AsyncClient(url, verify=TLS) as client:
            return await asyncio.gather(*(ask(client, str(number)) for number in range(16)))

    with ModelServer(Together(16)) as server:
        assert asyncio.run(talk(server.url())) == [str(number) for number in range(16)]
        assert len(server.requests) == 16


def test_many_threads_at_once() -> None:
    """The same with sixteen sync clients."""

    def ask(number: int) -> str | None:
        with ollama.Client(server.url(), verify=TLS) as client:
            turns = [{"role": "user", "content": str(number)}]
            return client.chat(model="m", messages=turns).message.content

    with ModelServer(Together(16)) as server, ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(16))) == [str(number) for number in range(16)]


def test_open_connections_cost_no_thread() -> None:
    """Two hundred of them, half in the middle of a request, and one more is served at once."""
    with ModelServer(["x"]) as server:
        before = threading.active_count()
        clients = [connect(server, b"GET / HT" if number % 2 else b"") for number in range(200)]
        assert httpx.get(server.url(), verify=TLS, timeout=PATIENCE_S).status_code == 200
        assert threading.active_count() == before
        for client in clients:
            client.close()


def test_a_sync_client_is_answered_on_the_thread_of_the_async_core() -> None:
    """A validator that asks a judge blocks the core's loop; the server has its own."""

    async def validate(url: str) -> str | None:
        with ollama.Client(url, verify=TLS, timeout=PATIENCE_S) as judge:
            return judge.chat(model="m", messages=ASK).message.content

    with ModelServer(["fine"]) as server:
        assert portal().run(validate(server.url())) == "fine"


# --- in front of another model ---


def gateway_to(server: ModelServer) -> ModelServer:
    return ModelServer(OllamaProvider(model=None, base_url=server.url(), clock=SystemClock()))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_gateway_passes_everything_on(stream: bool) -> None:
    """Messages, tools and options one way; text, calls and counts the other."""
    tool = ToolSpec("weather", "Tell it.", {"type": "object", "properties": {"city": {"type": "string"}}})
    prompt = Prompt(
        (Message.user("hi"),), (tool,), Options("m", 0.5, 9, 0.8, 3, ("x",), output_schema={"type": "object"})
    )

    async def ask(url: str) -> list[Chunk] | Completion:
        provider = OllamaProvider(model=None, base_url=url, clock=SystemClock())
        try:
            if stream:
                return [chunk async for chunk in provider.stream(prompt)]
            return await provider.complete(prompt)
        finally:
            await provider.aclose()

    with ModelServer([Completion("so", (ToolCall("weather", {"city": "Oslo"}),))]) as inner:
        with gateway_to(inner) as outer:
            got = asyncio.run(ask(outer.url()))
        [asked] = inner.provider.prompts
    assert (asked.messages, asked.tools) == (prompt.messages, prompt.tools)
    assert asked.options == Options(
        "m", 0.5, 9, 0.8, 3, ("x",), output_schema={"type": "object"}, timeout_s=None
    )
    if isinstance(got, Completion):
        assert (got.text, got.tool_calls[0].arguments) == ("so", {"city": "Oslo"})
    else:
        assert "".join(chunk.text for chunk in got) == "so"
        assert [delta.arguments for chunk in got for delta in chunk.tool_calls] == ['{"city": "Oslo"}']


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_gateway_passes_failures_on(stream: bool) -> None:
    """With status and patience; a cut stays a cut, and a model that is away is 502 with the reason."""

    async def fail(url: str) -> BaseException:
        provider = OllamaProvider(model="m", base_url=url, clock=SystemClock())
        try:
            if stream:
                _ = [chunk async for chunk in provider.stream(Prompt((Message.user("hi"),)))]
            else:
                await provider.complete(Prompt((Message.user("hi"),)))
        except ProviderError as error:
            return error
        finally:
            await provider.aclose()
        raise AssertionError

    faults = [fault.rate_limit(2), fault.server_error(503), fault.cut("half")]
    with ModelServer(faults) as inner, gateway_to(inner) as outer:
        limited, broken, cut = (asyncio.run(fail(outer.url())) for _ in range(3))
        inner.close()
        away = asyncio.run(fail(outer.url()))
    assert (limited.status, limited.retry_after_s, broken.status) == (429, 2, 503)
    assert isinstance(cut, StreamBroken if stream else ProviderUnavailable)
    assert not stream or cut.partial == "half"
    assert away.status == 502
    assert "no answer from the server" in away.what


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_client_that_goes_away_ends_the_call_behind_a_gateway(stream: bool) -> None:
    """The innermost model knows it at once."""
    model = Waiting()
    with ModelServer(model) as inner, gateway_to(inner) as outer:
        client = connect(outer, request(stream=stream))
        assert model.asked.acquire(timeout=PATIENCE_S)
        client.close()
        assert model.ended.acquire(timeout=PATIENCE_S)


def test_a_miss_behind_a_gateway_is_told_and_kept() -> None:
    """What no code may swallow ends neither the server nor in silence."""

    def miss(prompt: Prompt) -> str:
        raise CassetteMiss("no take answers this request", where="take.json", fix="record it")

    with ModelServer([miss, "x"]) as server, ollama.Client(server.url(), verify=TLS) as client:
        with pytest.raises(ollama.ResponseError, match="no take answers this request; record it") as caught:
            client.chat(model="m", messages=ASK)
        assert caught.value.status_code == 400
        assert [type(error) for error in server.errors] == [CassetteMiss]
        assert client.chat(model="m", messages=ASK).message.content == "x"


# --- memory ---


def test_the_log_is_bounded() -> None:
    """By count and by bytes; the oldest go first, and the latest always stays."""
    few = RequestLog(most_requests=3, most_bytes=1000)
    for number in range(5):
        few.add(ReceivedRequest("GET", str(number)))
    assert [request.path for request in few.latest()] == ["2", "3", "4"]
    assert few.forgotten == 2
    small = RequestLog(most_requests=100, most_bytes=10)
    for size in (4, 4, 4, 50):
        small.add(ReceivedRequest("GET", str(size), content=b"x" * size))
        assert sum(len(request.content) for request in small.latest()) <= max(10, size)
    assert ([request.path for request in small.latest()], small.forgotten) == (["50"], 3)
