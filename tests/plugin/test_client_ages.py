"""Clients that are older than the test: made at import, in a conftest, in a fixture of the session."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

CONFTEST = """
import asyncio, os, threading
from concurrent.futures import ThreadPoolExecutor
import httpx, httpx2, pytest, requests

class Transport(httpx.HTTPTransport):
    def handle_request(self, request):
        request.headers["x-of-mine"] = "1"
        return super().handle_request(request)

MADE_IN_CONFTEST = httpx.Client(transport=Transport())

@pytest.fixture(scope="session")
def client():
    with httpx2.Client() as client:
        yield client

@pytest.fixture(scope="session")
def session():
    with requests.Session() as session:
        yield session

@pytest.fixture(scope="session")
def pool():
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(len, ["a", "b"]))
        yield pool

@pytest.fixture(scope="session")
def background():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = httpx2.AsyncClient()
    yield lambda url: asyncio.run_coroutine_threadsafe(client.post(url, json={"q": 1}), loop).result(10)
    asyncio.run_coroutine_threadsafe(client.aclose(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
"""
SUITE = """
import os
import httpx, httpx2, pytest, requests
from conftest import MADE_IN_CONFTEST

URL = os.environ["SERVER"]
MADE_AT_IMPORT = httpx2.Client()
pytestmark = pytest.mark.llm_cassette

def test_import():
    assert MADE_AT_IMPORT.post(URL, json={"q": 1}).text == "answer"

def test_conftest():
    assert MADE_IN_CONFTEST.post(URL, json={"q": 1}).text == "answer"

def test_session(client):
    assert client.post(URL, json={"q": 1}).text == "answer"

def test_requests(session):
    assert session.post(URL, json={"q": 1}).text == "answer"

def test_pool(pool, client, session):
    asked = [pool.submit(each.post, URL, json={"q": 1}) for each in (client, session, MADE_AT_IMPORT)]
    assert [each.result().text for each in asked] == ["answer"] * 3

def test_background(background):
    assert background(URL).text == "answer"

def test_missed(client):
    with pytest.raises(BaseException):
        client.post(URL, json={"q": os.environ.get("EDIT", 1)})
        raise KeyError
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every call that reached it, by the header of the client's own transport."""
    calls: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            calls.append(self.headers.get("x-of-mine", ""))
            self.send_response(200)
            self.send_header("content-length", "6")
            self.end_headers()
            self.wfile.write(b"answer")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("SERVER", f"http://127.0.0.1:{running.server_port}")
        yield calls
        running.shutdown()
        thread.join()


def test_the_age_of_a_client_does_not_matter(
    pytester: pytest.Pytester, server: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded call by call, replayed without one, and a new request is a miss for an old client, too."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_ages=SUITE)
    run = pytester.runpytest_subprocess
    run("-p", "no:cacheprovider", "--llm-record-mode=rewrite").assert_outcomes(passed=7)
    assert (len(server), server.count("1")) == (9, 1)
    server.clear()
    run("-p", "no:cacheprovider").assert_outcomes(passed=7)
    assert server == []
    monkeypatch.setenv("EDIT", "2")
    result = run("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines("FAILED *::test_missed - CassetteMiss: no take answers*")
    assert server == []
