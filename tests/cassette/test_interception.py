"""What is intercepted, whose cassette answers, and what is left alone."""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import http.server
import io
import json
import socket
import ssl
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import anyio.from_thread
import anyio.to_thread
import httpcore
import httpcore2
import httpx
import httpx2
import pytest
import requests
import urllib3
import vcr.patch

from pytest_llmharness.adapters.executors.portal import Portal
from pytest_llmharness.cassette import use_cassette
from pytest_llmharness.errors import CassetteMiss

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
URL = "http://127.0.0.1:9/p"  # the discard port: a call that got out would be refused
BODY = b'{"q": 1}'


def write(path: Path, answer: str, times: int = 1, **request: Any) -> Path:
    take = {
        "request": {"method": "POST", "url": URL, "headers": {}, "body": BODY.decode()} | request,
        "response": {"status": 200, "headers": {"x-a": ["1", "2"]}, "body": answer},
    }
    path.write_text(json.dumps({"metadata": {"format": 1}, "interactions": [take] * times}))
    return path


def by_httpx(body: bytes) -> str:
    with httpx.Client(verify=TLS) as client:
        return client.post(URL, content=body).text


def by_httpx2(body: bytes) -> str:
    with httpx2.Client(verify=TLS) as client:
        return client.post(URL, content=body).text


def by_async_httpx2(body: bytes) -> str:
    async def main() -> str:
        async with httpx2.AsyncClient(verify=TLS) as client:
            return (await client.post(URL, content=body)).text

    return asyncio.run(main())


def by_aiohttp(body: bytes) -> str:
    async def main() -> str:
        async with aiohttp.ClientSession() as session, session.post(URL, json=json.loads(body)) as response:
            return await response.text()

    return asyncio.run(main())


def by_requests(body: bytes) -> str:
    return requests.post(URL, data=body, timeout=5).text


def by_requests_file(body: bytes) -> str:
    return requests.post(URL, data=io.BytesIO(body), timeout=5).text


def by_urllib3(body: bytes) -> str:
    with urllib3.PoolManager() as pool:
        return pool.request("POST", URL, body=body).data.decode()


def by_urllib(body: bytes) -> str:
    request = urllib.request.Request(URL, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=5) as response:
        return str(response.read().decode())


def by_http_client(body: bytes) -> str:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(URL).netloc, timeout=5)
    connection.request("POST", "/p", body=body)
    return connection.getresponse().read().decode()


STACKS = [
    by_httpx,
    by_httpx2,
    by_async_httpx2,
    by_aiohttp,
    by_requests,
    by_requests_file,
    by_urllib3,
    by_urllib,
    by_http_client,
]


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.__name__)
def test_every_stack_is_answered_and_refused(tmp_path: Path, stack: Any) -> None:
    """Two takes, two answers, then a miss; another body is a miss at once, and none connects."""
    with use_cassette(write(tmp_path / "take.json", "höhe", times=2)) as recording:
        assert [stack(BODY), stack(BODY)] == ["höhe", "höhe"]
        for body in (BODY, b'{"q": 2}'):
            with pytest.raises(CassetteMiss):
                stack(body)
    assert (recording.played, len(recording.misses)) == (2, 2)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that says what it got; every stack asks it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"got " + self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setattr(sys.modules[__name__], "URL", f"http://127.0.0.1:{running.server_port}/p")
        yield URL
        running.shutdown()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.__name__)
def test_every_stack_is_recorded(tmp_path: Path, stack: Any) -> None:
    """What a server answers is on disk and replays, each for each."""
    answers = []
    for mode in ("once", "none"):
        with use_cassette(tmp_path / "take.json", record_mode=mode) as recording:
            answers.append(stack(BODY))
    assert answers == ["got " + BODY.decode()] * 2
    assert recording.played == 1


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_transports_of_the_user_are_left_alone(tmp_path: Path, module: Any) -> None:
    """MockTransport and ASGITransport answer for themselves, and nothing of it is recorded."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"asgi"})

    def wsgi(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"wsgi"]

    async def ask_async(transport: Any) -> str:
        async with module.AsyncClient(transport=transport) as client:
            return str((await client.get(URL)).text)

    def ask(transport: Any) -> str:
        with module.Client(transport=transport) as client:
            return str(client.get(URL).text)

    mock = module.MockTransport(lambda request: module.Response(200, text="mock"))
    path = tmp_path / "take.json"
    for mode in ("once", "none"):
        with use_cassette(path, record_mode=mode) as recording:
            assert ask(mock) == "mock"
            assert asyncio.run(ask_async(mock)) == "mock"
            assert asyncio.run(ask_async(module.ASGITransport(app))) == "asgi"
            assert ask(module.WSGITransport(app=wsgi)) == "wsgi"
        assert (recording.recorded, recording.played, recording.misses) == (0, 0, [])
    assert not path.exists()


def originals() -> list[Any]:
    return [
        *(module.HTTPTransport.handle_request for module in (httpx, httpx2)),
        *(module.AsyncHTTPTransport.handle_async_request for module in (httpx, httpx2)),
        http.client.HTTPConnection.__init__,
        http.client.HTTPSConnection.__init__,
        urllib3.connectionpool.HTTPConnectionPool.urlopen,
        aiohttp.BaseConnector.connect,
        *(module.ConnectionPool.handle_request for module in (httpcore, httpcore2)),
        *(module.AsyncConnectionPool.handle_async_request for module in (httpcore, httpcore2)),
        tuple(sys.meta_path),
    ]


def vcrs() -> list[Any]:
    return [
        urllib3.connectionpool.HTTPConnectionPool.ConnectionCls,
        vcr.patch.force_reset,
    ]


def test_after_the_block_nothing_is_patched(tmp_path: Path) -> None:
    """Also after an exception, and after a file that could not be read."""
    before = originals()
    with use_cassette(write(tmp_path / "take.json", "1")):
        assert all(now is not then for now, then in zip(originals(), before, strict=True))
    assert originals() == before
    with pytest.raises(CassetteMiss), use_cassette(tmp_path / "take.json"):
        by_httpx2(b"not in it")
    assert originals() == before
    with pytest.raises(Exception, match="not a regular file"), use_cassette(tmp_path):
        pass
    assert originals() == before


@pytest.mark.parametrize("stack", [by_requests, by_urllib, by_http_client], ids=lambda stack: stack.__name__)
def test_vcrpy_has_the_other_stacks_from_the_first_call_that_needs_it(tmp_path: Path, stack: Any) -> None:
    """Not before, then all of them, and none after the block."""
    before, theirs = originals(), vcrs()
    with use_cassette(write(tmp_path / "take.json", "1", times=4)):
        assert by_httpx2(BODY) == by_aiohttp(BODY) == "1"
        assert vcrs() == theirs
        assert stack(BODY) == "1"
        assert all(now is not then for now, then in zip(vcrs(), theirs, strict=True))
        assert by_requests(BODY) == "1"
    assert originals() == before
    assert vcrs() == theirs


def test_blocks_nest(tmp_path: Path) -> None:
    """The inner cassette answers, and after it the outer one does again."""
    outer, inner = write(tmp_path / "outer.json", "outer"), write(tmp_path / "inner.json", "inner")
    with use_cassette(outer):
        with use_cassette(inner):
            assert by_httpx2(BODY) == "inner"
            with pytest.raises(CassetteMiss):
                by_httpx2(BODY)
        assert by_requests(BODY) == "outer"


def test_blocks_in_two_threads_have_their_own_cassettes(tmp_path: Path) -> None:
    """However they overlap; and when the first one opened ends first, no patch stays behind."""
    before = originals()
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    answers: dict[str, str] = {}

    def first() -> None:
        with use_cassette(write(tmp_path / "first.json", "first")):
            first_in.set()
            second_in.wait(10)
            answers["first"] = by_httpx2(BODY)
        first_out.set()

    def second() -> None:
        first_in.wait(10)
        with use_cassette(write(tmp_path / "second.json", "second", times=2)):
            second_in.set()
            first_out.wait(10)
            answers["second"] = by_httpx2(BODY) + by_requests(BODY)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"first": "first", "second": "secondsecond"}
    assert originals() == before


def test_tasks_have_their_own_cassettes(tmp_path: Path) -> None:
    """Two tasks of one loop, each inside its own block at the same time."""

    async def one(name: str, both_in: asyncio.Barrier) -> str:
        with use_cassette(write(tmp_path / f"{name}.json", name)):
            await both_in.wait()
            async with httpx2.AsyncClient(verify=TLS) as client:
                return (await client.post(URL, content=BODY)).text

    async def main() -> list[str]:
        both_in = asyncio.Barrier(2)
        return await asyncio.gather(one("a", both_in), one("b", both_in))

    assert asyncio.run(main()) == ["a", "b"]


def test_a_thread_that_was_there_before_the_block_is_answered(tmp_path: Path) -> None:
    """A loop on a thread of its own knows no context of the test: the open cassette answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def ask() -> str:
        async with httpx2.AsyncClient(verify=TLS) as client:
            return (await client.post(URL, content=BODY)).text

    try:
        for name in ("one", "two"):
            with use_cassette(write(tmp_path / f"{name}.json", name)):
                assert asyncio.run_coroutine_threadsafe(ask(), loop).result(10) == name
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def in_a_thread() -> str:
    ended: Future[str] = Future()

    def work() -> None:
        try:
            ended.set_result(by_httpx2(BODY))
        except BaseException as error:  # noqa: BLE001  # carried over to the test
            ended.set_exception(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return ended.result()


def in_a_pool() -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(by_aiohttp, BODY).result()


def in_an_anyio_run() -> str:
    return anyio.run(ask_async)


def in_an_anyio_worker_thread() -> str:
    async def main() -> str:
        return await anyio.to_thread.run_sync(by_httpx, BODY)

    return anyio.run(main)


def in_an_anyio_portal() -> str:
    with anyio.from_thread.start_blocking_portal() as portal:
        return portal.call(ask_async)


def in_an_asyncio_worker_thread() -> str:
    async def main() -> str:
        return await asyncio.to_thread(by_requests, BODY)

    return asyncio.run(main())


def in_our_portal() -> str:
    portal = Portal()
    try:
        return portal.run(ask_async())
    finally:
        portal.close()


async def ask_async() -> str:
    async with httpx2.AsyncClient(verify=TLS) as client:
        return (await client.post(URL, content=BODY)).text


@pytest.mark.parametrize(
    "run",
    [
        in_a_thread,
        in_a_pool,
        in_an_anyio_run,
        in_an_anyio_worker_thread,
        in_an_anyio_portal,
        in_an_asyncio_worker_thread,
        in_our_portal,
    ],
    ids=lambda run: run.__name__,
)
def test_a_cassette_is_seen_wherever_code_runs(tmp_path: Path, run: Any) -> None:
    """One cassette for the process, whatever thread, pool, runner or loop a client is used in."""
    with use_cassette(write(tmp_path / "take.json", "1")) as recording:
        assert run() == "1"
        with pytest.raises(CassetteMiss):
            run()
    assert (recording.played, len(recording.misses)) == (1, 1)


def test_a_pool_that_was_there_before_the_block_is_answered(tmp_path: Path) -> None:
    """Its threads know no context of the test, and each take answers once among them all."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: number, range(8)))
        with use_cassette(write(tmp_path / "take.json", "1", times=40)) as recording:
            assert list(pool.map(by_httpx2, [BODY] * 40)) == ["1"] * 40
            with pytest.raises(CassetteMiss):
                pool.submit(by_httpx2, BODY).result()
    assert recording.played == 40


# --- what no cassette covers ---


def bare_pool(module: Any, url: str) -> Any:
    with module.ConnectionPool() as pool:
        return pool.request("POST", url, content=BODY)


def bare_async_pool(module: Any, url: str) -> Any:
    async def main() -> Any:
        async with module.AsyncConnectionPool() as pool:
            return await pool.request("POST", url, content=BODY)

    return asyncio.run(main())


@pytest.mark.parametrize("ask", [bare_pool, bare_async_pool])
@pytest.mark.parametrize("module", [httpcore, httpcore2], ids=["httpcore", "httpcore2"])
@pytest.mark.parametrize("mode", ["none", "all"])
def test_a_bare_pool_is_refused_by_name(
    server: str, tmp_path: Path, mode: str, module: Any, ask: Any
) -> None:
    """Not a byte goes out, replaying or recording; outside of a block it works as ever."""
    path = write(tmp_path / "take.json", "1")
    with (
        use_cassette(path, record_mode=mode) as recording,
        pytest.raises(CassetteMiss, match=f"a request went to {module.__name__}\\.") as caught,
    ):
        ask(module, server)
    assert recording.misses == [caught.value]
    assert ask(module, server).content == b"got " + BODY


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_transport_of_the_user_is_covered_where_it_calls_its_parent(
    server: str, tmp_path: Path, module: Any
) -> None:
    """And refused where it goes to the network by itself."""

    class Counting(module.HTTPTransport):  # type: ignore[misc]
        calls = 0

        def handle_request(self, request: Any) -> Any:
            self.calls += 1
            return super().handle_request(request)

    class Escaping(module.HTTPTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            core = httpcore if module is httpx else httpcore2
            asked = core.Request(request.method, str(request.url), headers=request.headers.raw, content=BODY)
            found = self._pool.handle_request(asked)
            return module.Response(found.status, stream=module.ByteStream(found.read()))

    path = tmp_path / "take.json"
    for mode in ("once", "none"):
        with use_cassette(path, record_mode=mode) as recording:
            with module.Client(transport=Counting(verify=TLS)) as client:
                assert client.post(server, content=BODY).text == "got " + BODY.decode()
            with module.Client(transport=Escaping(verify=TLS)) as client, pytest.raises(CassetteMiss):
                client.post(server, content=BODY)
        assert recording.played + recording.recorded == 1
    with module.Client(transport=Escaping(verify=TLS)) as client:
        assert client.post(server, content=BODY).text == "got " + BODY.decode()


def by_curl(_url: str) -> None:
    curl = pytest.importorskip("curl_cffi")
    curl.requests.get("http://192.0.2.1/live", timeout=0.1)


def by_async_curl(_url: str) -> None:
    curl = pytest.importorskip("curl_cffi")

    async def main() -> None:
        async with curl.AsyncSession() as session:
            await session.get("http://192.0.2.1/live", timeout=0.1)

    asyncio.run(main())


def by_websockets(url: str) -> None:
    pytest.importorskip("websockets")
    from websockets.asyncio.client import connect

    async def main() -> None:
        async with connect(url, open_timeout=0.1):
            pass

    asyncio.run(main())


def by_sync_websockets(url: str) -> None:
    pytest.importorskip("websockets")
    from websockets.sync.client import connect

    ours, theirs = socket.socketpair()
    with ours, theirs, connect(url, sock=ours, open_timeout=0.1):
        pass


@pytest.mark.parametrize("ask", [by_curl, by_async_curl, by_websockets, by_sync_websockets])
def test_a_stack_that_no_cassette_can_hold_is_refused_by_name(tmp_path: Path, ask: Any) -> None:
    """Also one that was imported before the block."""
    with (
        use_cassette(tmp_path / "take.json", record_mode="once") as recording,
        pytest.raises(CassetteMiss, match="is not covered: no cassette can hold its calls") as caught,
    ):
        ask("ws://192.0.2.1/live")
    assert recording.misses == [caught.value]


@pytest.mark.parametrize("ask", [by_websockets, by_sync_websockets])
def test_a_websocket_to_this_machine_is_let_through(tmp_path: Path, ask: Any) -> None:
    """An app under test may speak to its own front end; here nobody answers."""
    with use_cassette(tmp_path / "take.json") as recording, pytest.raises((OSError, TimeoutError)):
        ask("ws://127.0.0.1:9/live")
    assert recording.misses == []


def test_a_websocket_of_aiohttp_is_refused_by_name(tmp_path: Path) -> None:
    """What cannot be recorded is not let through."""

    async def main() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect("ws://127.0.0.1:9/live"):
            pass

    with (
        use_cassette(tmp_path / "take.json", record_mode="once") as recording,
        pytest.raises(CassetteMiss, match="websocket over aiohttp is not covered") as caught,
    ):
        asyncio.run(main())
    assert caught.value.where == "GET ws://127.0.0.1:9/live"
    assert recording.misses == [caught.value]


def test_a_context_of_an_earlier_block_does_not_answer_from_it(tmp_path: Path) -> None:
    """What was started in a block that is over gets the cassette that is open now."""
    with use_cassette(write(tmp_path / "one.json", "one")):
        earlier = contextvars.copy_context()
    with use_cassette(write(tmp_path / "two.json", "two")):
        assert earlier.run(by_httpx2, BODY) == "two"


def test_one_request_takes_one_take_however_often_vcrpy_asks(tmp_path: Path) -> None:
    """A request that is sent before its connection is opened is asked for twice."""
    with use_cassette(write(tmp_path / "take.json", "1")) as recording:
        connection = http.client.HTTPConnection("127.0.0.1", 9, timeout=5)
        connection.request("POST", "/p", body=BODY)
        connection.connect()
        assert connection.getresponse().read() == b"1"
    assert recording.played == 1


def test_no_call_slips_out_while_vcrpy_makes_a_connection(tmp_path: Path) -> None:
    """It lifts its patches for that; the calls of other threads must go on being answered."""
    stacks = [by_httpx, by_httpx2, by_requests, by_urllib, by_http_client]
    with use_cassette(write(tmp_path / "take.json", "1", times=6)):
        by_requests(BODY)
        with vcr.patch.force_reset(), ThreadPoolExecutor() as pool:
            assert list(pool.map(lambda stack: stack(BODY), stacks)) == ["1"] * 5


def test_an_aiohttp_redirect_is_followed_in_replay(tmp_path: Path) -> None:
    """The second hop is asked for as a request of its own."""

    def take(url: str, status: int, headers: dict[str, str], body: str) -> dict[str, Any]:
        return {
            "request": {"method": "GET", "url": url, "headers": {}, "body": ""},
            "response": {"status": status, "headers": headers, "body": body},
        }

    takes = [take(URL, 302, {"location": "/next"}, ""), take("http://127.0.0.1:9/next", 200, {}, "end")]
    path = tmp_path / "take.json"
    path.write_text(json.dumps({"metadata": {"format": 1}, "interactions": takes}))

    async def main() -> str:
        async with aiohttp.ClientSession() as session, session.get(URL) as response:
            return await response.text()

    with use_cassette(path) as recording:
        assert asyncio.run(main()) == "end"
    assert recording.played == 2


def test_repeated_headers_come_back_as_repeated(tmp_path: Path) -> None:
    """Each stack gets both values."""
    with use_cassette(write(tmp_path / "take.json", "1", times=2)), httpx2.Client(verify=TLS) as client:
        assert client.post(URL, content=BODY).headers.get_list("x-a") == ["1", "2"]
        assert requests.post(URL, data=BODY, timeout=5).headers["x-a"] == "1, 2"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("stack", "owner", "name"),
    [
        (by_httpx2, httpx2.HTTPTransport, "handle_request"),
        (by_aiohttp, aiohttp.BaseConnector, "connect"),
        (by_urllib3, urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
        (by_http_client, http.client.HTTPConnection, "__init__"),
    ],
)
def test_what_a_test_puts_back_too_late_does_no_harm(
    tmp_path: Path, stack: Any, owner: Any, name: str
) -> None:
    """A method patched in the block and put back after it: our tap is then called for nothing."""
    before = originals()
    with use_cassette(tmp_path / "take.json"):
        found = getattr(owner, name)
    setattr(owner, name, found)
    try:
        assert stack(BODY) == "got " + BODY.decode()
        for mode in ("once", "none"):
            with use_cassette(tmp_path / "take.json", record_mode=mode) as recording:
                assert stack(BODY) == "got " + BODY.decode()
            assert recording.recorded + recording.played == 1
    finally:
        setattr(owner, name, found.llmharness_tap)
    assert originals() == before


def python(program: str, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=str(Path(__file__).parents[2]),
        timeout=60,
    )
    return ended.stdout


def test_replay_imports_neither_vcrpy_nor_a_stack_that_is_not_used(tmp_path: Path) -> None:
    """Nor does loading import any of them; a native file needs no yaml."""
    program = """
import sys
from pytest_llmharness.cassette import Cassette, use_cassette
assert len(Cassette.load(sys.argv[1]).interactions) == 1
heavy = {"vcr", "yaml", "httpx", "httpx2", "requests", "urllib3", "aiohttp", "asyncio", "ssl", "pytest"}
with use_cassette(sys.argv[1]):
    print(sorted(heavy & set(sys.modules)))
    import httpx2
    assert httpx2.Client(verify=False).post(sys.argv[2], content=b'{"q": 1}').text == "1"
    print(sorted({"vcr", "yaml", "httpx", "requests", "urllib3", "aiohttp"} & set(sys.modules)))
"""
    assert python(program, str(write(tmp_path / "take.json", "1")), URL) == "[]\n[]\n"


def test_stacks_that_are_imported_in_the_block_are_answered(tmp_path: Path) -> None:
    """Many threads at once, while vcrpy is being imported; afterwards the modules are as ever."""
    program = """
import sys, threading
from pytest_llmharness.cassette import use_cassette
path, url = sys.argv[1:]
answers = []
with use_cassette(path):
    import aiohttp, asyncio, requests, urllib3, urllib.request
    assert requests.__spec__.loader.get_code("requests") and "Tapping" not in repr(urllib3.__loader__)
    def by_requests():
        answers.append(requests.post(url, data=b'{"q": 1}', timeout=5).text)
    def by_urllib():
        answers.append(urllib.request.urlopen(urllib.request.Request(url, b'{"q": 1}'), timeout=5).read().decode())
    async def by_aiohttp():
        async with aiohttp.ClientSession() as session, session.post(url, data=b'{"q": 1}') as response:
            answers.append(await response.text())
    works = [by_requests, by_urllib] * 10
    threads = [threading.Thread(target=work) for work in works]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    asyncio.run(by_aiohttp())
print(answers == ["1"] * 21, "vcr" in sys.modules)
"""
    path = write(tmp_path / "take.json", "1", times=21)
    assert python(program, str(path), URL) == "True True\n"


def test_a_test_that_uses_vcrpy_itself_finds_it_unharmed(tmp_path: Path) -> None:
    """Imported while our taps are on, vcrpy must not take them for the real thing."""
    program = """
import sys, asyncio, http.server, threading
from pytest_llmharness.cassette import use_cassette
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"live")
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/p"
import aiohttp, requests
async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.post(url, data=b'{"q": 1}') as response:
        return await response.text()
ours, theirs = sys.argv[1:]
for mode in ("once", "none"):
    with use_cassette(ours, record_mode=mode) as recording:
        import vcr
        assert asyncio.run(by_aiohttp(url)) == requests.post(url, data=b'{"q": 1}', timeout=5).text == "live"
    print(recording.recorded, recording.played)
for _ in range(2):
    with vcr.use_cassette(theirs, allow_playback_repeats=True) as cassette:
        assert asyncio.run(by_aiohttp(url)) == requests.post(url, data=b'{"q": 1}', timeout=5).text == "live"
print(len(cassette))
"""
    files = (str(tmp_path / "ours.json"), str(tmp_path / "theirs.yaml"))
    assert python(program, *files) == "2 0\n0 2\n1\n"


def test_a_patch_that_is_there_before_a_block_answers_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another recorder's: inside an outer block, too, the cassette opened last is on top of it."""

    def patched(transport: Any, request: Any) -> httpx2.Response:
        return httpx2.Response(200, text="patched")

    before = originals()
    with use_cassette(write(tmp_path / "outer.json", "outer", times=2)):
        assert by_httpx2(BODY) == "outer"
        with monkeypatch.context() as patch:
            patch.setattr(httpx2.HTTPTransport, "handle_request", patched)
            assert by_httpx2(BODY) == "patched"
            with use_cassette(write(tmp_path / "inner.json", "inner")):
                assert by_httpx2(BODY) == "inner"
            assert by_httpx2(BODY) == "patched"
        assert by_httpx2(BODY) == "outer"
    assert originals() == before


def test_what_a_patch_below_answers_is_recorded_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hands over a response that nobody reads any more, so there is no stream to listen to."""
    monkeypatch.setattr(
        httpx2.HTTPTransport,
        "handle_request",
        lambda transport, request: httpx2.Response(200, text="patched"),
    )
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        assert by_httpx2(BODY) == "patched"
    monkeypatch.undo()
    with use_cassette(path):
        assert by_httpx2(BODY) == "patched"


def passing(method: Any) -> Any:
    """Return a patch that only calls on."""

    def patch(*args: Any) -> Any:
        return method(*args)

    return patch


@pytest.mark.parametrize("stack", [by_httpx2, by_async_httpx2], ids=lambda stack: stack.__name__)
def test_a_call_that_passes_a_patch_on_its_way_is_recorded_once(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: Any
) -> None:
    """Above the patch, by the cassette opened last; not again below it."""
    with use_cassette(tmp_path / "outer.json", record_mode="once") as outer:
        for transport, name in (
            (httpx2.HTTPTransport, "handle_request"),
            (httpx2.AsyncHTTPTransport, "handle_async_request"),
        ):
            monkeypatch.setattr(transport, name, passing(getattr(transport, name)))
        with use_cassette(tmp_path / "inner.json", record_mode="once") as inner:
            assert stack(BODY) == "got " + BODY.decode()
        assert (inner.recorded, outer.recorded) == (1, 0)
        assert stack(BODY) == "got " + BODY.decode()
        assert (inner.recorded, outer.recorded) == (1, 1)
        monkeypatch.undo()
