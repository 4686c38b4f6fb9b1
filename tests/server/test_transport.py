"""HTTP/1.1 as any client may speak it: strict, bounded in size and in time, only for this machine."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import re
import socket
import ssl
import statistics
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.domain.completion import Chunk, Completion
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.server import Limits, ModelServer
from pytest_llmharness.server.inbound import Inbound
from pytest_llmharness.server.wire import Backend

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: it takes most of a client's time
PATIENCE_S = 60  # only a failing test waits so long
LIMITS = Limits(head_bytes=1000, body_bytes=100, request_s=11, idle_s=22, send_s=33)
CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false}'


class HandClock(SystemClock):
    """A clock whose limits end when the test says so."""

    def __init__(self) -> None:
        self._set: queue.Queue[tuple[float | None, asyncio.AbstractEventLoop, asyncio.Timeout]] = (
            queue.Queue()
        )

    def timeout(self, seconds: float | None) -> Any:
        limit = asyncio.timeout(None)
        self._set.put((seconds, asyncio.get_running_loop(), limit))
        return limit

    def expire(self, seconds: float, times: int = 1) -> None:
        """End the next limit of so many seconds, or the one after it, as soon as it is set."""
        while times:
            asked, loop, limit = self._set.get(timeout=PATIENCE_S)
            times -= asked == seconds
        loop.call_soon_threadsafe(limit.reschedule, 0)


@contextmanager
def connected(server: ModelServer, data: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(server.address, timeout=PATIENCE_S) as client:
        client.sendall(data)
        yield client


def read_all(client: socket.socket) -> bytes:
    got = b""
    while piece := client.recv(65536):
        got += piece
    return got


def told(server: ModelServer, data: bytes) -> bytes:
    """Send bytes, and nothing after them; return all that is answered."""
    with connected(server, data) as client:
        client.shutdown(socket.SHUT_WR)
        return read_all(client)


def asked(server: ModelServer, data: bytes) -> bytes:
    """Send bytes and stay; return all that is answered until the server closes."""
    with connected(server, data) as client:
        return read_all(client)


def post(body: bytes = CHAT, *fields: str, path: str = "/api/chat", length: bool = True) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *fields]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def codes(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(["hello"] * 1000, limits=LIMITS) as running:
        yield running


# --- one connection, many requests ---


def test_a_connection_is_kept() -> None:
    """Refused and served requests alike, on one socket; and each is answered at once.

    Where TCP_NODELAY is forgotten, the second packet of every answer waits 40 ms for the
    acknowledgement of the first.
    """
    waits = []
    with ModelServer(["hello"] * 40) as server:
        client = http.client.HTTPConnection(*server.address, timeout=PATIENCE_S)
        client.connect()
        first = client.sock
        for index in range(40):
            asked_at = time.perf_counter()
            client.request("POST", "/api/chat" if index % 2 else "/api/nothing", CHAT)
            answer = client.getresponse()
            assert (answer.status, bool(answer.read())) == (200 if index % 2 else 404, True)
            assert client.sock is first
            waits.append(time.perf_counter() - asked_at)
        client.close()
        assert len(server.requests) == 40
    assert statistics.median(waits) < 0.03


def test_pipelined_requests_are_answered_in_their_order(server: ModelServer) -> None:
    """Sent at once, with bodies of their own and an error among them; none is lost or doubled."""
    chunked = post(b"", "Transfer-Encoding: chunked", path="/api/show", length=False)
    sent = (
        post()
        + b"\r\n"  # some clients end a body with one too many
        + post(b"[]")
        + b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        + chunked
        + b'5\r\n{"mod\r\nb;x=1\r\nel":"tiny"}\r\n0\r\nX-Trailer: 1\r\n\r\n'
        + b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n"
    )
    before = len(server.requests)
    answer = asked(server, sent)
    assert codes(answer) == [200, 400, 200, 200, 200]
    assert b"is running" not in answer
    assert answer.endswith(b'{"version":"0.12.0"}')
    assert [request.path for request in server.requests[before:]] == [
        "/api/chat",
        "/api/chat",
        "/",
        "/api/show",
        "/api/version",
    ]
    assert server.requests[-2].body == {"model": "tiny"}


def test_http_1_0_is_answered_once_and_closed(server: ModelServer) -> None:
    """A stream has no chunks there: it ends with the connection."""
    body = CHAT.replace(b"false", b"true")
    head = b"POST /api/chat HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = asked(server, head + body)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert (status(head), b"chunked" in head, b"Connection: close" in head) == (200, False, True)
    assert [json.loads(line)["done"] for line in content.splitlines()] == [False, True]


def test_each_line_of_a_stream_is_sent_before_the_next_is_made() -> None:
    """The model goes on only after the client has read what there was."""

    class Stepwise:
        name, model = "stepwise", None

        def __init__(self) -> None:
            self.go_on = threading.Semaphore(0)

        async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
            for text in ("one", "two"):
                yield Chunk(text)
                await asyncio.to_thread(self.go_on.acquire, timeout=PATIENCE_S)
            yield Chunk(finish="stop")

        async def complete(self, prompt: Prompt) -> Completion:
            raise NotImplementedError

        async def aclose(self) -> None: ...

    model = Stepwise()
    with ModelServer(model) as server, httpx.Client(verify=TLS, timeout=PATIENCE_S) as client:
        seen = []
        with client.stream(
            "POST", server.url() + "/api/chat", content=CHAT.replace(b"false", b"true")
        ) as answer:
            for line in answer.iter_lines():
                seen.append(json.loads(line)["message"]["content"])
                model.go_on.release()
    assert seen == ["one", "two", ""]


# --- bodies ---


def test_a_client_may_wait_to_be_asked_for_its_body(server: ModelServer) -> None:
    """Expect: 100-continue is answered with 100, then with the answer."""
    with connected(
        server, post(b"", "Expect: 100-continue", f"Content-Length: {len(CHAT)}", length=False)
    ) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(CHAT)
        assert status(client.recv(1000)) == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (["Expect: 100-continue", "Content-Length: 101"], 413),
        (["Expect: 100-continue", "Content-Length: 5", "Origin: http://evil.example"], 403),
        (["Expect: a-miracle", "Content-Length: 5"], 417),
    ],
    ids=["too long", "foreign", "unknown"],
)
def test_a_body_that_is_not_wanted_is_not_asked_for(
    server: ModelServer, fields: list[str], code: int
) -> None:
    """The refusal comes instead of the 100."""
    assert status(told(server, post(b"", *fields, length=False))) == code


def test_chunks_are_a_body(server: ModelServer) -> None:
    """As httpx sends an iterator; up to the limit exactly."""
    with httpx.Client(verify=TLS, timeout=PATIENCE_S) as client:
        for size, code in ((LIMITS.body_bytes, 200), (LIMITS.body_bytes + 1, 413)):
            pieces = iter([CHAT[:10], CHAT[10:], b" " * (size - len(CHAT))])
            assert client.post(server.url() + "/api/chat", content=pieces).status_code == code


@pytest.mark.parametrize("size", [101, 1 << 20, 16 << 20])
def test_a_body_that_is_too_long_is_refused_while_it_comes(server: ModelServer, size: int) -> None:
    """The client reads the 413, although it sends on and nobody keeps what it sends."""
    before = len(server.requests)
    with httpx.Client(verify=TLS, timeout=PATIENCE_S) as client:
        answer = client.post(server.url() + "/api/chat", content=b"x" * size)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert answer.json() == {"error": f"the body has {size} bytes; the limit is 100"}
    assert len(server.requests) == before


def test_a_refusal_outlives_what_is_still_sent(server: ModelServer) -> None:
    """Closing with bytes unread would reset the connection, and on some systems the answer with it."""
    with connected(server, post(b"", "Content-Length: 9000000", length=False)) as client:
        assert status(client.recv(65536)) == 413
        for _ in range(10):
            client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert b"HTTP" not in read_all(client)


BAD_FRAMING = {
    "two lengths": (["Content-Length: 1", "Content-Length: 2"], b"x", 400),
    "equal lengths": (["Content-Length: 1", "Content-Length: 1"], b"x", 400),
    "length and chunks": (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n", 400),
    "negative length": (["Content-Length: -1"], b"x", 400),
    "signed length": (["Content-Length: +1"], b"x", 400),
    "foreign digits": (["Content-Length: \u00b2"], b"x", 400),
    "endless length": (["Content-Length: " + "9" * 99], b"x", 413),
    "unknown coding": (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n", 501),
    "no size": (["Transfer-Encoding: chunked"], b"x\r\nhello\r\n0\r\n\r\n", 400),
    "negative size": (["Transfer-Encoding: chunked"], b"-1\r\nhello\r\n0\r\n\r\n", 400),
    "underscored size": (["Transfer-Encoding: chunked"], b"1_0\r\nhello\r\n0\r\n\r\n", 400),
    "endless size": (["Transfer-Encoding: chunked"], b"f" * 17 + b"\r\n", 400),
    "large size": (["Transfer-Encoding: chunked"], b"ffffffff\r\n", 413),
    "long extension": (["Transfer-Encoding: chunked"], b"1;" + b"x" * 99 + b"\r\nx\r\n0\r\n\r\n", 400),
    "overlong chunk": (["Transfer-Encoding: chunked"], b"1\r\n{xx0\r\n\r\n", 400),
    "many trailers": (["Transfer-Encoding: chunked"], b"0\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
}


@pytest.mark.parametrize(("fields", "body", "code"), BAD_FRAMING.values(), ids=BAD_FRAMING)
def test_a_body_of_doubtful_length_is_refused(
    server: ModelServer, fields: list[str], body: bytes, code: int
) -> None:
    """Where two readers could see two bodies, nobody reads one; and the connection ends."""
    before = len(server.requests)
    answer = told(server, post(b"", *fields, length=False) + body + post())
    assert codes(answer) == [code]
    assert b"Connection: close" in answer
    assert len(server.requests) == before


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("Content-Length: 5", b"x"),
        ("Transfer-Encoding: chunked", b"5\r\nhel"),
        ("Transfer-Encoding: chunked", b"0\r\n"),
    ],
)
def test_a_body_that_ends_early_is_refused(server: ModelServer, field: str, body: bytes) -> None:
    """The model is not asked with half of it."""
    before = len(server.requests)
    assert codes(told(server, post(b"", field, length=False) + body)) == [400]
    assert len(server.requests) == before


# --- heads ---

BAD_HEADS = {
    "no request": (b"hello\r\n\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "two blanks": (b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "bare line feed": (b"GET / HTTP/1.1\r\nHost: localhost \n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 403),
    "no colon": (b"GET / HTTP/1.1\r\nHost: localhost\r\nx\r\n\r\n", 400),
    "blank before the colon": (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    "blank in a name": (b"GET / HTTP/1.1\r\nHost: localhost\r\nx y: 1\r\n\r\n", 400),
    "chunks in http/1.0": (
        b'POST /api/show HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"model":"tiny"}\r\n0\r\n\r\n',
        400,
    ),
    "folded": (b"GET / HTTP/1.1\r\nHost: localhost\r\n x\r\n\r\n", 400),
    "nul": (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: a\x00b\r\n\r\n", 400),
    "carriage return": (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: a\rb\r\n\r\n", 400),
    "no path": (b"GET api HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "long line": (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\n", 431),
    "long field": (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"x" * 1000 + b"\r\n\r\n", 431),
    "many fields": (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 200 + b"\r\n", 431),
    "early end": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", 400),
}


@pytest.mark.parametrize(("data", "code"), BAD_HEADS.values(), ids=BAD_HEADS)
def test_a_bad_head_is_refused(server: ModelServer, data: bytes, code: int) -> None:
    """At once: the client need not end its side first, except where it is cut short."""
    answer = (told if data == BAD_HEADS["early end"][0] else asked_briefly)(server, data)
    assert codes(answer) == [code]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert list(json.loads(body)) == ["error"]


def asked_briefly(server: ModelServer, data: bytes) -> bytes:
    """Read an answer before ending the client's side."""
    with connected(server, data) as client:
        return read_briefly(client)


def read_briefly(client: socket.socket) -> bytes:
    first = client.recv(65536)
    client.shutdown(socket.SHUT_WR)
    return first + read_all(client)


fragments = st.sampled_from(
    [
        b"GET",
        b"POST",
        b" ",
        b"/",
        b"/api/chat",
        b" HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: localhost",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Expect: 100-continue",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        b":",
        b"\x00",
        b"\xff",
    ]
)


@settings(max_examples=120, deadline=None)
@given(data=st.binary(min_size=1, max_size=60) | st.lists(fragments, min_size=1).map(b"".join))
def test_any_bytes_end_in_an_answer(server: ModelServer, data: bytes) -> None:
    """Whatever comes, it is answered with whole HTTP answers, and then the connection ends."""
    answer = told(server, data)
    assert codes(answer)
    assert set(codes(answer)) <= {100, 200, 400, 403, 404, 405, 417, 431, 501, 505}
    assert answer.startswith(b"HTTP/1.1 ")


# --- who may ask ---


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1", "127.0.0.1:65535"])
def test_this_machine_is_served(server: ModelServer, host: str) -> None:
    """By either of its names, through any forwarded port, from a page of its own too."""
    data = f"GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\r\n"
    assert status(asked(server, data.encode())) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:11434",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "0.0.0.0",
        "",
        "::1",
    ],
)
def test_a_foreign_host_is_refused(server: ModelServer, host: str) -> None:
    """A name that was pointed at this machine (DNS rebinding) is still a foreign name."""
    before = len(server.requests)
    assert status(told(server, post(CHAT).replace(b"localhost", host.encode()))) == 403
    absolute = f"GET http://{host}/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert status(told(server, absolute.encode())) == 403
    assert len(server.requests) == before


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", ""])
def test_a_page_of_elsewhere_is_refused(server: ModelServer, origin: str) -> None:
    """A browser may send a form to any address, but says where it comes from."""
    before = len(server.requests)
    assert status(told(server, post(CHAT, f"Origin: {origin}"))) == 403
    assert len(server.requests) == before


def test_an_absolute_target_is_a_path(server: ModelServer) -> None:
    """As a client behind a proxy setting sends it."""
    data = b"GET http://localhost:1/api/version?a=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert status(asked(server, data)) == 200
    assert (server.requests[-1].path, server.requests[-1].query) == ("/api/version", "a=1")


# --- time ---


@pytest.mark.parametrize(
    "data",
    [b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n", post(b"", "Content-Length: 50", length=False) + b"x"],
    ids=["first byte", "head", "body"],
)
def test_a_slow_request_is_refused(data: bytes) -> None:
    """With 408 when its time is over, wherever it stopped."""
    clock = HandClock()
    with ModelServer([], limits=LIMITS, clock=clock) as server, connected(server, data) as client:
        clock.expire(LIMITS.request_s)
        assert codes(read_briefly(client)) == [408]
        assert server.requests == []


def test_an_idle_connection_is_closed() -> None:
    """Silently, before the first request and after one."""
    clock = HandClock()
    with ModelServer([], limits=LIMITS, clock=clock) as server:
        with connected(server) as client:
            clock.expire(LIMITS.idle_s)
            assert read_all(client) == b""
        with connected(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
            clock.expire(LIMITS.idle_s, times=2)
            assert status(read_all(client)) == 200


class Flood:
    """A model that says more than any socket holds, and knows when its answer was ended."""

    name, model = "flood", None

    def __init__(self) -> None:
        self.ended = threading.Event()

    def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.kept = self._said()  # so that only closing ends it, not the garbage collector
        return self.kept

    async def _said(self) -> AsyncGenerator[Chunk, None]:
        try:
            for _ in range(100):
                yield Chunk("x" * (32 << 20))
        finally:
            self.ended.set()

    async def complete(self, prompt: Prompt) -> Completion:
        raise NotImplementedError

    async def aclose(self) -> None: ...


def test_a_client_that_takes_nothing_is_dropped() -> None:
    """When its time to take the first piece is over, and the model's answer is ended."""
    clock, model = HandClock(), Flood()
    body = CHAT.replace(b"false", b"true")
    with ModelServer(model, limits=LIMITS, clock=clock) as server, connected(server, post(body)):
        clock.expire(LIMITS.send_s, times=2)
        assert model.ended.wait(PATIENCE_S)


@pytest.mark.parametrize("before", [False, True], ids=["later", "already"])
def test_a_client_that_is_gone_is_told_of_once(before: bool) -> None:
    """Whether it went before or after somebody asks, and however many signs there are of it."""

    async def watch() -> int:
        stream, told = Inbound(), []
        if before:
            stream.feed_eof()
        with stream.watched(lambda: told.append(1)):
            if not before:
                stream.feed_eof()
                stream.set_exception(ConnectionResetError())
        return len(told)

    assert asyncio.run(watch()) == 1


# --- what is remembered ---


def test_the_log_has_what_was_sent(server: ModelServer) -> None:
    """Path and query apart, names of fields in lower case, the body as bytes and as JSON."""
    before = len(server.requests)
    asked(server, post(CHAT, "X-Twice: 1", "x-twice:2 ", "Connection: close", path="/api/chat?a=b"))
    [request] = server.requests[before:]
    assert (request.method, request.path, request.query) == ("POST", "/api/chat", "a=b")
    assert request.headers["x-twice"] == "1, 2"
    assert (request.content, request.body["model"]) == (CHAT, "m")
    asked(server, post(b"\xff", "Connection: close"))
    assert (server.requests[-1].content, server.requests[-1].body) == (b"\xff", None)


def test_no_key_shows_in_the_log(server: ModelServer) -> None:
    """A failed assertion prints reprs, and those hold neither headers nor the query nor the body."""
    secret = "sk-seeded-secret"
    body = json.dumps({"key": secret}).encode()
    asked(
        server,
        post(body, f"Authorization: Bearer {secret}", "Connection: close", path=f"/api/chat?key={secret}"),
    )
    assert server.requests[-1].headers["authorization"] == f"Bearer {secret}"
    assert secret not in repr(server.requests)
    assert secret not in repr(Backend(server.provider, None, secret))
    assert "/api/chat" in repr(server.requests)
