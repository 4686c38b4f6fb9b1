"""What is intercepted, whose cassette answers, and what is left alone."""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import http.server
import io
import json
import ssl
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
import vcr.patch

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


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.__name__)
def test_every_stack_is_recorded(tmp_path: Path, stack: Any) -> None:
    """What a server answers is on disk and replays, each for each."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"got " + self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        answers = []
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys.modules[__name__], "URL", f"http://127.0.0.1:{server.server_port}/p")
                for mode in ("once", "none"):
                    with use_cassette(tmp_path / "take.json", record_mode=mode) as recording:
                        answers.append(stack(BODY))
        finally:
            server.shutdown()
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
        http.client.HTTPConnection,
        urllib3.connectionpool.HTTPConnectionPool.ConnectionCls,
        aiohttp.ClientSession._request,
        vcr.patch.reset_patchers,
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


def test_our_patches_stay_while_vcrpy_lifts_its_own(tmp_path: Path) -> None:
    """While vcrpy lifts patches to build a connection, another thread's httpx call must not slip out."""
    with use_cassette(write(tmp_path / "take.json", "1", times=2)), vcr.patch.force_reset():
        assert by_httpx2(BODY) == by_httpx(BODY) == "1"


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


def test_importing_and_loading_brings_in_nothing_heavy(tmp_path: Path) -> None:
    """vcr, yaml and the HTTP clients come with the first `use_cassette`, not before."""
    path = write(tmp_path / "take.json", "1")
    program = f"""
import sys
from pytest_llmharness.cassette import Cassette, use_cassette
assert len(Cassette.load({str(path)!r}).interactions) == 1
block = use_cassette({str(path)!r})
heavy = {{"vcr", "yaml", "httpx", "httpx2", "requests", "urllib3", "aiohttp", "asyncio", "ssl", "pytest"}}
print(sorted(heavy & set(sys.modules)))
with block:
    print("vcr" in sys.modules)
"""
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
        timeout=60,
    )
    assert ended.stdout == "[]\nTrue\n"
