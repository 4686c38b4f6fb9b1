"""Streams are noted while they pass through, and come back in the same chunks to the same end."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import httpx
import httpx2
import ollama
import openai
import pytest

from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.cassette import Cassette, RecordedResponse, use_cassette
from pytest_llmharness.cassette.chunks import recut
from pytest_llmharness.errors import CassetteMiss
from pytest_llmharness.server import ModelServer

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
BODY = b'{"stream": true}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
END = b"0\r\n\r\n"
WORDS = [b"data: Hello\n\n", b"data: w\xc3", b"\xb6rld\n\n", b"data: \xff\n\n"]
PATIENCE_S = 10

Step = bytes | str
"""What the server does next: send these bytes, wait for "ack", or end with "cut" or "hold"."""


def framed(*chunks: bytes) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]


def whole(request: bytes) -> bool:
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return len(body) == int(length[1]) if length else body.endswith(END)


class StepServer:
    """A server that sends when the client has said that it got what came before."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.acks = threading.Semaphore(0)
        self.client_left = threading.Event()
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1/chat"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def script(self, *steps: Step) -> None:
        self.steps, self.acks = list(steps), threading.Semaphore(0)
        self.client_left.clear()

    def ack(self) -> None:
        self.acks.release()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE_S)
            while self._answer(connection):
                pass

    def _answer(self, connection: socket.socket) -> bool:
        request = b""
        while not whole(request):
            received = connection.recv(65536)
            if not received:
                return False
            request += received
        steps, acks = self.steps, self.acks  # a test may write the next script meanwhile
        self.requests.append(request)
        for step in steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif step == "ack":
                assert acks.acquire(timeout=PATIENCE_S), "the client got nothing"
            elif step == "hold":
                with suppress(ConnectionResetError):
                    assert not connection.recv(1)
                self.client_left.set()
        return steps[-1] == END


@pytest.fixture
def server() -> Iterator[StepServer]:
    running = StepServer()
    yield running
    running.close()


After = Callable[[bytes], Any]
"""What the reader does after each chunk; it closes the stream where this is "close"."""


def nothing(chunk: bytes) -> None: ...


def by_sync(module: Any, url: str, after: After, timeout: float = PATIENCE_S) -> list[bytes]:
    got: list[bytes] = []
    with (
        module.Client(verify=TLS, timeout=timeout) as client,
        client.stream("POST", url, content=BODY) as response,
    ):
        for chunk in response.iter_raw():
            got.append(chunk)
            if after(chunk) == "close":
                break
    return got


def by_async(module: Any, url: str, after: After, timeout: float = PATIENCE_S) -> list[bytes]:
    async def main() -> list[bytes]:
        got: list[bytes] = []
        async with (
            module.AsyncClient(verify=TLS, timeout=timeout) as client,
            client.stream("POST", url, content=BODY) as response,
        ):
            async for chunk in response.aiter_raw():
                got.append(chunk)
                if after(chunk) == "close":
                    break
        return got

    return asyncio.run(main())


def by_aiohttp(_module: Any, url: str, after: After, timeout: float = PATIENCE_S) -> list[bytes]:
    async def main() -> list[bytes]:
        got: list[bytes] = []
        limits = aiohttp.ClientTimeout(sock_read=timeout)
        async with (
            aiohttp.ClientSession(timeout=limits) as session,
            session.post(url, data=BODY) as response,
        ):
            async for chunk in response.content.iter_any():
                got.append(chunk)
                if after(chunk) == "close":
                    break
        return got

    return asyncio.run(main())


CLIENTS = [
    pytest.param(by_sync, httpx, id="httpx"),
    pytest.param(by_async, httpx, id="async-httpx"),
    pytest.param(by_sync, httpx2, id="httpx2"),
    pytest.param(by_async, httpx2, id="async-httpx2"),
    pytest.param(by_aiohttp, aiohttp, id="aiohttp"),
]
each_client = pytest.mark.parametrize(("read", "module"), CLIENTS)


def stepwise(*chunks: bytes) -> list[Step]:
    """Each chunk, then wait until the client has it."""
    return [step for piece in framed(*chunks) for step in (piece, "ack")]


def taken(path: Path) -> RecordedResponse:
    [take] = Cassette.load(path).interactions
    return take.response


def data(response: RecordedResponse) -> list[bytes]:
    return [chunk for _, chunk in response.chunks]


# --- recording and replay ---


@each_client
def test_a_chunk_reaches_the_client_before_the_next_is_sent(
    server: StepServer, tmp_path: Path, read: Any, module: Any
) -> None:
    """A recorder that waits for the end would wait for ever; replay gives the same chunks."""
    path = tmp_path / "take.json"
    server.script(HEAD + b"\r\n", *stepwise(*WORDS), END)
    with use_cassette(path, record_mode="once"):
        live = read(module, server.url, lambda chunk: server.ack())
    assert live == WORDS
    response = taken(path)
    assert (data(response), response.end, response.error) == (WORDS, "done", "")
    assert response.start_ms is not None
    times = [response.start_ms, *(ms for ms, _ in response.chunks)]
    assert times == sorted(times)
    with use_cassette(path):
        assert read(module, server.url, nothing) == WORDS
    assert len(server.requests) == 1


@each_client
def test_a_client_that_closes_closes_the_server(
    server: StepServer, tmp_path: Path, read: Any, module: Any
) -> None:
    """The server sees it go at once; replay ends there, and who wants more is told."""
    path = tmp_path / "take.json"
    server.script(HEAD + b"\r\n", *stepwise(*WORDS[:2]), "hold")

    def after(chunk: bytes) -> str | None:
        server.ack()
        return "close" if chunk == WORDS[1] else None

    with use_cassette(path, record_mode="once"):
        assert read(module, server.url, after) == WORDS[:2]
        assert server.client_left.wait(PATIENCE_S)
    response = taken(path)
    assert (data(response), response.end) == (WORDS[:2], "client_closed")
    with use_cassette(path):
        assert read(module, server.url, after) == WORDS[:2]
    with use_cassette(path) as recording, pytest.raises(CassetteMiss, match="ends after 2 chunks,"):
        read(module, server.url, nothing)
    assert len(recording.misses) == 1


@each_client
@pytest.mark.parametrize("chunks", [0, 2])
def test_a_server_that_cuts_cuts_in_replay(
    server: StepServer, tmp_path: Path, read: Any, module: Any, chunks: int
) -> None:
    """The chunks that came, then the same error of the same class; also where no answer came."""
    path = tmp_path / "take.json"
    server.script(*([HEAD + b"\r\n", *stepwise(*WORDS[:chunks])] if chunks else []), "cut")
    with use_cassette(path, record_mode="once"):
        live = failing(read, module, server.url, lambda chunk: server.ack())
    response = taken(path)
    assert (data(response), response.end) == (WORDS[:chunks], "cut")
    with use_cassette(path):
        assert failing(read, module, server.url, nothing) == live
    assert live[0] == WORDS[:chunks]
    assert len(server.requests) == 1


@each_client
@pytest.mark.parametrize("chunks", [0, 2])
def test_a_timeout_is_one_in_replay(
    server: StepServer, tmp_path: Path, read: Any, module: Any, chunks: int
) -> None:
    """The chunks that came, then the same error, at once."""
    path = tmp_path / "take.json"
    server.script(*([HEAD + b"\r\n", *stepwise(*WORDS[:chunks])] if chunks else []), "hold")
    with use_cassette(path, record_mode="once"):
        live = failing(read, module, server.url, lambda chunk: server.ack(), timeout=0.1)
    response = taken(path)
    assert (data(response), response.end) == (WORDS[:chunks], "timeout")
    with use_cassette(path):
        assert failing(read, module, server.url, nothing) == live
    assert len(server.requests) == 1


@each_client
def test_a_server_that_is_not_there_is_not_there_in_replay(tmp_path: Path, read: Any, module: Any) -> None:
    """Recorded with nobody listening: the same error, without a connection."""
    path = tmp_path / "take.json"
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1/chat"
    with use_cassette(path, record_mode="once"):
        live = failing(read, module, url, nothing)
    assert taken(path).end == "connect_error"
    assert taken(path).status == 0
    with use_cassette(path) as recording:
        assert failing(read, module, url, nothing) == live
    assert recording.played == 1


def test_a_block_that_fails_does_not_record_that_nobody_answered(tmp_path: Path) -> None:
    """Else the next run in mode "once" would replay that the server was not started."""
    path = tmp_path / "take.json"
    with pytest.raises(httpx2.ConnectError), use_cassette(path, record_mode="once") as recording:
        httpx2.post("http://127.0.0.1:9/v1/chat", content=BODY)
    assert not path.exists()
    assert recording.recorded == 0


def failing(read: Any, module: Any, url: str, after: After, **settings: Any) -> tuple[list[bytes], type, str]:
    """Return what came before the error, and the error."""
    got: list[bytes] = []

    def note(chunk: bytes) -> None:
        got.append(chunk)
        after(chunk)

    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is what is compared
        read(module, url, note, **settings)
    words = "" if isinstance(caught.value, aiohttp.ClientConnectorError) else str(caught.value)
    return got, type(caught.value), words


def test_the_total_timeout_of_aiohttp_is_a_timeout_in_replay(server: StepServer, tmp_path: Path) -> None:
    """It is the client's own, and cancels; the error is the same all the same."""
    path = tmp_path / "take.json"

    async def ask() -> list[bytes]:
        limits = aiohttp.ClientTimeout(total=0.1)
        got: list[bytes] = []
        async with (
            aiohttp.ClientSession(timeout=limits) as session,
            session.post(server.url, data=BODY) as response,
        ):
            with pytest.raises(TimeoutError):
                while True:
                    got.append(await response.content.readany())
        return got

    server.script(HEAD + b"\r\n", *framed(WORDS[0]), "hold")
    with use_cassette(path, record_mode="once"):
        live = asyncio.run(ask())
    assert (live, taken(path).end) == ([WORDS[0]], "timeout")
    with use_cassette(path):
        assert asyncio.run(ask()) == live


@pytest.mark.parametrize("last", [b"data: [DONE]\n\n", b'event: message_stop\ndata: {"a": 1}\n\n'])
def test_a_stream_that_has_said_its_last_word_is_done(
    server: StepServer, tmp_path: Path, last: bytes
) -> None:
    """SDKs close before HTTP's own end; another client may read to it in replay."""
    path = tmp_path / "take.json"
    server.script(HEAD + b"\r\n", *stepwise(last), "hold")
    with use_cassette(path, record_mode="once"):
        by_sync(httpx2, server.url, lambda chunk: server.ack() or "close")
    assert taken(path).end == "done"
    with use_cassette(path):
        assert by_aiohttp(aiohttp, server.url, nothing) == [last]


def test_a_stream_nobody_ended_is_recorded_when_the_block_ends(server: StepServer, tmp_path: Path) -> None:
    """It is in the file as far as it came."""
    path = tmp_path / "take.json"
    server.script(HEAD + b"\r\n", *framed(WORDS[0]), "hold")
    with httpx2.Client(verify=TLS) as client:
        with use_cassette(path, record_mode="once"):
            response = client.send(client.build_request("POST", server.url, content=BODY), stream=True)
            assert next(response.iter_raw()) == WORDS[0]
        response.close()
    assert (data(taken(path)), taken(path).end) == ([WORDS[0]], "client_closed")


def test_calls_stand_in_the_order_they_began_in(server: StepServer, tmp_path: Path) -> None:
    """Though the answer to the first one ended last."""
    path = tmp_path / "take.json"
    with httpx2.Client(verify=TLS) as client, use_cassette(path, record_mode="once"):
        server.script(HEAD + b"\r\n", *framed(b"first"), "ack", END)
        first = client.send(client.build_request("POST", server.url, content=BODY), stream=True)
        acks = server.acks
        chunks = first.iter_raw()
        next(chunks)
        server.script(HEAD + b"\r\n", *framed(b"second"), END)
        assert client.post(server.url, content=BODY).text == "second"
        acks.release()
        assert list(chunks) == []
        first.close()
    assert [take.response.body for take in Cassette.load(path).interactions] == [b"first", b"second"]


@pytest.mark.parametrize(("read", "module"), [*CLIENTS[:1], CLIENTS[-1]])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_stream_is_stored_plain_in_its_chunks(
    server: StepServer, tmp_path: Path, read: Any, module: Any, coding: str
) -> None:
    """The cassette can be read, and each chunk holds what could be read when it came."""
    packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    packed = [packer.compress(word) + packer.flush(zlib.Z_SYNC_FLUSH) for word in WORDS[:2]] + [
        packer.flush()
    ]
    if coding == "gzip":
        assert gzip.decompress(b"".join(packed)) == b"".join(WORDS[:2])
    path = tmp_path / "take.json"
    head = HEAD + f"content-encoding: {coding}\r\n\r\n".encode()
    chunks = framed(*packed)
    server.script(head, chunks[0], "ack", chunks[1], "ack", chunks[2], END)
    with use_cassette(path, record_mode="once"):
        read(module, server.url, lambda chunk: server.ack())
    assert data(taken(path)) == WORDS[:2]
    assert "content-encoding" not in taken(path).headers
    with use_cassette(path):
        assert read(module, server.url, nothing) == WORDS[:2]


def test_a_connection_of_aiohttp_is_used_again_while_it_is_recorded(
    server: StepServer, tmp_path: Path
) -> None:
    """What listens to one answer is gone before the next: two calls, two takes."""
    path = tmp_path / "take.json"

    async def main() -> list[str]:
        async with aiohttp.ClientSession() as session:
            return [await (await session.post(server.url, data=BODY)).text() for _ in range(2)]

    server.script(HEAD + b"\r\n", *framed(b"one"), END)
    for mode in ("once", "none"):
        with use_cassette(path, record_mode=mode) as recording:
            assert asyncio.run(main()) == ["one", "one"]
        assert recording.recorded + recording.played == 2


def test_a_body_of_aiohttp_that_can_be_read_once_is_sent_and_matched(tmp_path: Path) -> None:
    """An async generator, a file and a form reach the server, and are asked for by what they say."""

    async def pieces() -> Any:
        for piece in (b'{"stre', b'am": true}'):
            yield piece

    async def main(url: str, make: Any) -> str:
        async with aiohttp.ClientSession() as session, session.post(url, data=make()) as response:
            return await response.text()

    file = tmp_path / "body"
    file.write_bytes(BODY)
    for number, make in enumerate([pieces, lambda: file.open("rb")]):
        path = tmp_path / f"{number}.json"
        server = StepServer()
        try:
            server.script(HEAD + b"\r\n", *framed(b"got it"), END)
            for mode in ("once", "none"):
                with use_cassette(path, record_mode=mode) as recording:
                    assert asyncio.run(main(server.url, make)) == "got it"
            assert recording.played == 1
            assert server.requests[0].endswith(b"\r\n\r\n" + BODY)
            assert Cassette.load(path).interactions[0].request.body == BODY
        finally:
            server.close()


# --- the SDKs ---


def sse(*events: dict[str, Any], names: bool = False) -> list[bytes]:
    return [
        (f"event: {event['type']}\n" if names else "").encode()
        + b"data: "
        + json.dumps(event).encode()
        + b"\n\n"
        for event in events
    ]


def openai_chunk(word: str) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"content": word}, "finish_reason": None}]
    return {"id": "1", "created": 1, "model": "m", "object": "chat.completion.chunk", "choices": choices}


def text_delta(word: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}


OPENAI = [*sse(openai_chunk("a"), openai_chunk("b")), b"data: [DONE]\n\n"]
ANTHROPIC = sse(text_delta("a"), text_delta("b"), {"type": "message_stop"}, names=True)
OLLAMA = [
    json.dumps(
        {"model": "m", "message": {"role": "assistant", "content": word}, "done": word == "b"}
    ).encode()
    + b"\n"
    for word in "ab"
]
ASKED: list[Any] = [{"role": "user", "content": "hi"}]


def by_openai(url: str, after: After) -> list[str]:
    http = openai.DefaultHttpxClient(verify=TLS)
    with (
        openai.OpenAI(base_url=url, api_key="k", max_retries=0, http_client=http) as client,
        client.chat.completions.create(model="m", messages=ASKED, stream=True) as events,
    ):
        return told((event.choices[0].delta.content or "" for event in events), after)


def by_async_openai(url: str, after: After) -> list[str]:
    async def main() -> list[str]:
        http = openai.DefaultAsyncHttpxClient(verify=TLS)
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0, http_client=http) as client:
            events = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
            got: list[str] = []
            async with events:
                async for event in events:
                    got.append(event.choices[0].delta.content or "")
                    if after(b"") == "close":
                        break
            return got

    return asyncio.run(main())


def by_anthropic(url: str, after: After) -> list[str]:
    http = anthropic.DefaultHttpxClient(verify=TLS)
    with (
        anthropic.Anthropic(base_url=url, api_key="k", max_retries=0, http_client=http) as client,
        client.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True) as events,
    ):
        return told((getattr(getattr(event, "delta", None), "text", "") for event in events), after)


def by_ollama(url: str, after: After) -> list[str]:
    client = ollama.Client(host=url, verify=TLS)
    with client._client:
        events = client.chat(model="m", messages=ASKED, stream=True)
        with closing(events):  # type: ignore[type-var]
            return told((event.message.content or "" for event in events), after)


def told(words: Iterator[str], after: After) -> list[str]:
    got = []
    for word in words:
        got.append(word)
        if after(b"") == "close":
            break
    return got


SDKS = pytest.mark.parametrize(
    ("ask", "events"),
    [(by_openai, OPENAI), (by_async_openai, OPENAI), (by_anthropic, ANTHROPIC), (by_ollama, OLLAMA)],
    ids=["openai", "async-openai", "anthropic", "ollama"],
)


@SDKS
def test_an_sdk_has_the_first_token_before_the_second_is_sent(
    server: StepServer, tmp_path: Path, ask: Any, events: list[bytes]
) -> None:
    """The SDK streams while it is recorded, and what it read is a whole stream."""
    path, url = tmp_path / "take.json", server.url.removesuffix("/v1/chat")
    first, *rest = framed(*events)
    server.script(HEAD + b"\r\n", first, "ack", *rest, END)
    with use_cassette(path, record_mode="once"):
        live = ask(url, lambda _: server.ack())
    assert "".join(live) == "ab"
    assert taken(path).end == "done"
    assert data(taken(path))[0] == events[0]
    with use_cassette(path):
        assert ask(url, nothing) == live
    assert len(server.requests) == 1


@SDKS
def test_an_sdk_that_stops_early_stops_the_server(
    server: StepServer, tmp_path: Path, ask: Any, events: list[bytes]
) -> None:
    """The model does not go on generating for a recorder; replay stops at the same token."""
    path, url = tmp_path / "take.json", server.url.removesuffix("/v1/chat")
    server.script(HEAD + b"\r\n", *framed(events[0]), "hold")
    with use_cassette(path, record_mode="once"):
        live = ask(url, lambda _: "close")
        assert server.client_left.wait(PATIENCE_S)
    assert (live, taken(path).end) == (["a"], "client_closed")
    with use_cassette(path):
        assert ask(url, lambda _: "close") == live
    with use_cassette(path), pytest.raises(CassetteMiss, match="ends after 1 chunk,"):
        ask(url, nothing)


def test_the_model_server_is_recorded_line_by_line(tmp_path: Path) -> None:
    """Our own server and the real client: each line of the answer is a chunk."""
    path = tmp_path / "take.json"
    with ModelServer(["one two three four"]) as model:
        for mode in ("once", "none"):
            with use_cassette(path, record_mode=mode) as recording:
                words = by_ollama(model.url("ollama"), nothing)
            assert "".join(words) == "one two three four"
    assert recording.played == 1
    assert all(chunk.endswith(b"}\n") for chunk in data(taken(path)))


# --- the file ---


def test_a_stream_is_readable_text_of_this_very_form(server: StepServer, tmp_path: Path) -> None:
    """One chunk a line, times as they were, raw unicode, bytes that are no text as base64."""
    path, clock = tmp_path / "take.json", VirtualClock()

    def after(chunk: bytes) -> None:
        clock.advance(0.0125)
        server.ack()

    server.script(HEAD + b"\r\n", *stepwise("data: schön 你好\u2028\n\n".encode(), WORDS[3]), "cut")
    with use_cassette(path, record_mode="once", clock=clock), suppress(httpx2.RemoteProtocolError):
        by_sync(httpx2, server.url, after)
    text = path.read_text("utf-8").partition('"response": ')[2]
    assert (
        text
        == """{
    "status": 200,
    "headers": {
      "content-type": "text/event-stream"
    },
    "ms": 0.0,
    "chunks": [
      [0.0, "data: schön 你好\u2028\\n\\n"],
      [12.5, {"base64": "ZGF0YTog/woK"}]
    ],
    "end": "cut",
    "error": "RemoteProtocolError: peer closed connection without sending complete message body (incomplete chunked read)"
  }
}
"""
    )


def test_a_secret_is_taken_out_of_chunks_that_stay_chunks(server: StepServer, tmp_path: Path) -> None:
    """A boundary inside of it moves to its end, the others stay, and none of it is on disk."""
    path, secret = tmp_path / "take.json", "sk-seeded-0123456789abcdef"
    first, second = f"data: {secret}\n\n".encode(), f"data: x{secret[:9]}".encode()
    chunks = [b"data: a\n\n", first, second, f"{secret[9:]}\n\n".encode(), b"data: b\n\n"]
    server.script(HEAD + b"\r\n", *stepwise(*chunks), END)
    key = {"authorization": f"Bearer {secret}"}
    with (
        use_cassette(path, record_mode="once"),
        httpx2.Client(verify=TLS, headers=key) as client,
        client.stream("POST", server.url, content=BODY) as response,
    ):
        assert [chunk for chunk in response.iter_raw() if server.ack() is None] == chunks
    assert secret not in path.read_text()
    assert secret[9:] not in path.read_text()
    marked = [b"data: a\n\n", b"data: [redacted]\n\n", b"data: x[redacted]", b"\n\n", b"data: b\n\n"]
    assert data(taken(path)) == marked


def test_many_chunks_are_cut_as_they_were() -> None:
    """In a long stream with some secrets every chunk keeps its text and its time."""
    words = [b"data: %d secret\n\n" % number if number % 500 == 7 else b"data\n\n" for number in range(2000)]
    cuts = tuple((float(number), len(word)) for number, word in enumerate(words))
    response = RecordedResponse(200, body=b"".join(words), cuts=cuts)
    found = recut(response, response.body.replace(b"secret", b"[redacted]")).chunks
    assert found == [(float(at), word.replace(b"secret", b"[redacted]")) for at, word in enumerate(words)]


def test_a_plain_answer_is_one_body_however_the_network_cut_it(server: StepServer, tmp_path: Path) -> None:
    """Its length was announced: it is no stream, and its time is when it was whole."""
    path, clock = tmp_path / "take.json", VirtualClock()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n"
    server.script(head, b'{"a"', "ack", b": 1}", "ack")

    def after(chunk: bytes) -> None:
        clock.advance(0.25)
        server.ack()

    with use_cassette(path, record_mode="once", clock=clock):
        by_sync(httpx2, server.url, after)
    response = taken(path)
    assert (response.body, response.start_ms, response.cuts) == (b'{"a": 1}', 250.0, ())
    assert response.chunks == [(250.0, b'{"a": 1}')]


# --- the pace of replay ---


def stream_file(path: Path, *chunks: tuple[float, str], ms: float = 50.0) -> Path:
    response = {
        "status": 200,
        "headers": {"content-type": "text/event-stream"},
        "ms": ms,
        "chunks": [list(chunk) for chunk in chunks],
    }
    request = {"method": "POST", "url": "http://127.0.0.1:9/v1/chat", "headers": {}, "body": BODY.decode()}
    document = {"metadata": {"format": 2}, "interactions": [{"request": request, "response": response}]}
    path.write_text(json.dumps(document))
    return path


URL = "http://127.0.0.1:9/v1/chat"
PACED = [(60.0, "a"), (65.0, "b"), (165.5, "c")]


@each_client
@pytest.mark.parametrize(("speed", "factor"), [(None, 1.0), (1.0, 1.0), (2.0, 0.5), (0, 0.0)])
def test_the_recorded_times_pass_on_a_virtual_clock(
    tmp_path: Path, read: Any, module: Any, speed: float | None, factor: float
) -> None:
    """First token and gaps can be asserted to the fraction, and cost no time."""
    path, clock = stream_file(tmp_path / "take.json", *PACED), VirtualClock()
    seen: list[float] = []
    with use_cassette(path, clock=clock, speed=speed):
        read(module, URL, lambda chunk: seen.append(clock.now() * 1e3))
    assert seen == pytest.approx([ms * factor for ms, _ in PACED])


@each_client
def test_at_once_is_the_pace_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any, module: Any
) -> None:
    """Nothing sleeps, and the chunks are still apart."""
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("slept"))
    monkeypatch.setattr("asyncio.sleep", lambda seconds: pytest.fail("slept"))
    with use_cassette(stream_file(tmp_path / "take.json", *PACED)):
        assert read(module, URL, nothing) == [b"a", b"b", b"c"]


@each_client
@pytest.mark.parametrize("way", ["bytes", "merged", "random:1", "random:3"])
def test_bodies_are_cut_anew(tmp_path: Path, read: Any, module: Any, way: str) -> None:
    """The same bytes in other pieces; the same seed gives the same pieces."""
    texts = ["data: w\u00f6rld\n\n", "data: you\n\n"]
    path = stream_file(tmp_path / "take.json", (60.0, texts[0]), (70.0, texts[1]))
    whole = "".join(texts).encode()
    got = []
    for _ in range(2):
        with use_cassette(path, rechunk=way):
            got.append(read(module, URL, nothing))
    assert b"".join(got[0]) == whole
    assert got[0] == got[1]
    if way == "merged":
        assert got[0] == [whole]
    elif way == "bytes":
        assert got[0] == [bytes([byte]) for byte in whole]
    else:
        assert 2 < len(got[0]) < len(whole)
