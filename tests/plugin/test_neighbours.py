"""Other plugins beside ours: theirs and ours both work, and no failure is told twice.

What is not installed is skipped; `make neighbours` makes an environment for each and runs this there.
"""

from __future__ import annotations

import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

PLUGINS = (
    "pytest-recording",
    "pytest-vcr",
    "cassetter",
    "pytest-socket",
    "pytest-httpx",
    "pytest-rerunfailures",
    "pytest-timeout",
    "pytest-llm-report",
    "pytest-randomly",
    "pytest-asyncio",
    "anyio",
    "pytest-xdist",
)


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


BESIDE = tuple(name for name in PLUGINS if _is_installed(name))


def beside(*names: str) -> Any:
    """Skip a test where one of the plugins is missing."""
    missing = [name for name in names if name not in BESIDE]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)} (make neighbours)")


class Server(http.server.ThreadingHTTPServer):
    """Counts its calls, and says the count."""

    calls = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.calls += 1  # type: ignore[attr-defined]
        body = f"call {self.server.calls}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("SERVER", running.url)
        yield running
        running.shutdown()
        thread.join()


HEAD = """
import os, asyncio, random, socket, threading
import httpx, httpx2, pytest, requests

def ask(module=httpx, text="hi"):
    return module.post(os.environ["SERVER"], json={"q": text + os.environ.get("EDIT", "")}, timeout=5).text

async def ask_async(text="hi"):
    async with httpx2.AsyncClient() as client:
        return (await client.post(os.environ["SERVER"], json={"q": text})).text

def connect():
    host, _, port = os.environ["SERVER"].removeprefix("http://").partition(":")
    socket.create_connection((host, int(port))).close()
"""

OURS = """
@pytest.mark.llm_cassette
@pytest.mark.parametrize("module", [httpx, httpx2, requests], ids=lambda module: module.__name__)
def test_ours(module):
    assert ask(module).startswith("call")

def test_script(llm_harness):
    assert llm_harness(["scripted"]).run("hi").unwrap() == "scripted"

def test_stranger():
    assert ask(httpx).startswith("call")
"""


class Suite:
    """A suite of both, each run of it in a process of its own with every plugin loaded."""

    def __init__(self, pytester: pytest.Pytester, server: Server) -> None:
        self._pytester, self._server = pytester, server

    def write(self, body: str) -> None:
        self._pytester.makepyfile(test_suite=HEAD + body)

    def run(self, *arguments: str, calls: int | None = None, **outcomes: int) -> str:
        """Run it, assert what came out and how often the server was asked, return the text."""
        before = self._server.calls
        result = self._pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA", *arguments)
        if outcomes:
            expected = {"errors": 0, "failed": 0} | outcomes
            counted = result.parseoutcomes()
            assert {name: counted.get(name, 0) for name in expected} == expected
        assert calls is None or self._server.calls - before == calls
        return result.stdout.str() + result.stderr.str()

    def record(self, *arguments: str, **outcomes: int) -> str:
        return self.run("--llm-record-mode=rewrite", *arguments, **outcomes)

    def file(self, name: str) -> Path:
        return self._pytester.path / "cassettes" / name


@pytest.fixture
def suite(pytester: pytest.Pytester, server: Server, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return Suite(pytester, server)


# --- whatever is installed ---


def test_ours_are_recorded_replayed_and_told_once(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over each stack, in a suite with a stranger's test; a miss is one failure and no error."""
    suite.write(OURS)
    suite.record(passed=5, calls=4)
    suite.run(passed=5, calls=1)
    monkeypatch.setenv("EDIT", " there")
    text = suite.run(passed=2, failed=3, calls=1)
    for name in ("httpx", "httpx2", "requests"):
        assert text.count(f"FAILED test_suite.py::test_ours[{name}] - CassetteMiss: no take answers") == 1


def test_our_guard_holds_and_strangers_connect(suite: Suite) -> None:
    """A test of ours is refused before and after a stranger's, whose fixture may begin with llm_."""
    suite.write(
        """
@pytest.fixture
def llm_client():
    return ask

def test_first(llm_script):
    connect()

def test_stranger(llm_client):
    assert llm_client().startswith("call")

def test_last(llm_script):
    connect()
        """
    )
    text = suite.run(passed=1, failed=2, calls=1)
    assert "llmharness: 2 tests (2 offline)" in text
    assert text.count("- NetworkBlocked: the test tried") == 2


def test_every_option_is_there(suite: Suite) -> None:
    """Two plugins with one option would not start; here both are told."""
    suite.write(OURS)
    text = suite.run("--help")
    assert all(flag in text for flag in ("--llm-live", "--llm-record-mode", "--llm-engine-model"))


# --- other recorders ---

THEIRS = """
@pytest.mark.vcr
def test_theirs():
    assert [ask(httpx), ask(requests)] == ["call 1", "call 2"]
"""
BOTH = """
pytestmark = pytest.mark.vcr

@pytest.mark.llm_cassette
@pytest.mark.parametrize("turn", [0, 1])
def test_both(request, turn):
    llm_cassette = request.getfixturevalue("llm_cassette")
    assert [ask(httpx), ask(httpx2, "you")] == [f"call {2 * turn + 1}", f"call {2 * turn + 2}"]
    assert (llm_cassette.recorded, llm_cassette.played) in ((2, 0), (0, 2))
"""
RECORDERS = [
    pytest.param(
        "--record-mode=once", "test_suite/test_theirs.yaml", marks=beside("pytest-recording"), id="r"
    ),
    pytest.param("--vcr-record=once", "test_theirs.yaml", marks=beside("pytest-vcr"), id="v"),
    pytest.param("--record-mode=once", "test_suite/test_theirs.yaml", marks=beside("cassetter"), id="c"),
]
ALONE = pytest.mark.skipif(
    {"pytest-vcr", "cassetter"} <= set(BESIDE), reason="these two answer one marker, and not to each other"
)


@ALONE
@pytest.mark.parametrize(("mode", "file"), RECORDERS)
def test_another_recorder_records_and_replays_its_own(suite: Suite, mode: str, file: str) -> None:
    """Their test in a suite with ours: each has a file of its own and needs no network the second time."""
    suite.write(THEIRS + OURS)
    suite.record(mode, passed=6, calls=6)
    assert suite.file(file).is_file()
    assert suite.file("test_suite").is_dir()
    suite.run(passed=6, calls=1)
    suite.run("-k", "theirs", passed=1, deselected=5, calls=0)


@ALONE
@pytest.mark.parametrize(("mode", "file"), RECORDERS)
def test_their_patches_do_not_swallow_our_takes(suite: Suite, mode: str, file: str) -> None:
    """A mark of theirs on the whole module, one of ours on a test: ours answers."""
    suite.write(BOTH)
    suite.record(mode, passed=2, calls=4)
    suite.run(passed=2, calls=0)


@beside("pytest-vcr", "cassetter")
def test_two_other_recorders_are_no_worse_for_ours(suite: Suite) -> None:
    """They write one file in two forms; what comes of their tests is the same without us."""
    suite.write(OURS)
    suite.record("--vcr-record=once", "--record-mode=once", passed=5, calls=4)
    suite.run(passed=5, calls=1)
    suite.write(THEIRS)
    told = []
    for off in ((), ("-p", "no:llmharness")):
        shutil.rmtree(suite.file("."))
        text = re.sub(r"call \d+", "call N", suite.run("--record-mode=once", "--vcr-record=once", *off))
        told.append([line for line in text.splitlines() if line.startswith(("E ", "FAILED", "PASSED"))])
    assert told[0] == told[1] != []


@beside("pytest-recording")
def test_their_block_does_not_take_our_guard_off(suite: Suite) -> None:
    """pytest-recording puts back what it found when it was imported, after each test it blocked."""
    suite.write(
        """
def test_before(llm_script):
    connect()

@pytest.mark.block_network
def test_theirs():
    with pytest.raises(RuntimeError, match="Network is disabled"):
        connect()

def test_after(llm_script):
    connect()

@pytest.mark.llm_cassette
def test_recorded():
    assert ask().startswith("call")
        """
    )
    text = suite.record(passed=2, failed=2)
    assert "FAILED test_suite.py::test_after - NetworkBlocked" in text
    suite.run("--block-network", passed=2, failed=2, calls=0)


# --- sockets and mocks ---


@beside("pytest-socket")
def test_sockets_that_are_disabled_do_not_hinder_replay(suite: Suite) -> None:
    """By option and by marker; their own tests are refused by them, ours by us, each once."""
    suite.write(
        OURS
        + """
@pytest.mark.disable_socket
def test_theirs():
    with pytest.raises(Exception, match="A test tried to use socket.socket"):
        socket.socket()

@pytest.mark.disable_socket
@pytest.mark.llm_cassette
def test_both():
    assert ask().startswith("call")

@pytest.mark.enable_socket
def test_guarded(llm_script):
    connect()
        """
    )
    suite.record("--allow-unix-socket", "-k", "ours", passed=3, deselected=5)
    suite.run("--llm-record-mode=new_episodes", "-k", "both", "--force-enable-socket", passed=1, deselected=7)
    text = suite.run("--allow-unix-socket", "--disable-socket", "-W", "ignore", passed=6, failed=2, calls=0)
    assert "FAILED test_suite.py::test_stranger - pytest_socket.SocketBlockedError" in text
    assert "FAILED test_suite.py::test_guarded - NetworkBlocked" in text


@beside("pytest-socket")
def test_hosts_that_another_plugin_allows_are_not_allowed_by_ours(suite: Suite) -> None:
    """pytest-socket puts its own method in place of ours, and afterwards Python's."""
    suite.write(
        """
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_theirs():
    connect()

@pytest.mark.allow_hosts(["127.0.0.1"])
def test_ours(llm_script):
    connect()
        """
    )
    assert "test_ours - NetworkBlocked" in suite.run(passed=1, failed=1)


@beside("pytest-httpx")
def test_a_mock_of_httpx_answers_where_it_is_asked_for(suite: Suite) -> None:
    """In their test, and over our cassette for what it mocks; the rest is answered from the take."""
    suite.write(
        """
def test_theirs(httpx_mock):
    httpx_mock.add_response(text="mocked")
    assert ask() == "mocked"

@pytest.mark.llm_cassette
@pytest.mark.httpx_mock(should_mock=lambda request: request.url.host == "tool.example")
def test_both(httpx_mock):
    httpx_mock.add_response(text="mocked")
    assert httpx.get("http://tool.example/").text == "mocked"
    assert [ask(), ask(httpx2)] == ["call 1", "call 2"]

@pytest.mark.llm_cassette
@pytest.mark.httpx_mock(assert_all_responses_were_requested=False)
def test_failing(httpx_mock):
    httpx_mock.add_response(text="mocked")
    assert ask() == "something else"

@pytest.mark.llm_cassette
def test_ours():
    assert ask().startswith("call")
        """
    )
    suite.record(passed=3, failed=1, calls=3)
    suite.run(passed=3, failed=1, calls=0)


# --- runs, orders and loops ---


@beside("pytest-rerunfailures")
def test_a_rerun_replays_from_the_start_of_the_take(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three attempts over two takes; a miss in the first attempt is not held against the last."""
    suite.write(
        """
attempts = []

@pytest.mark.llm_cassette
@pytest.mark.flaky(reruns=2)
def test_ours(llm_cassette):
    attempts.append([ask(), ask(httpx2)])
    assert attempts[0] == attempts[-1] == ["call 1", "call 2"]
    assert len(attempts) == 3 or llm_cassette.recorded

@pytest.mark.llm_cassette
@pytest.mark.flaky(reruns=2)
def test_never():
    ask()
    assert False, "never"

missed = []

@pytest.mark.llm_cassette
@pytest.mark.flaky(reruns=1)
def test_missed(llm_cassette):
    if missed or llm_cassette.recorded or os.environ.get("RECORD"):
        ask()
    else:
        missed.append(1)
        ask(text="nobody recorded this")

@pytest.mark.flaky(reruns=1)
def test_theirs(attempts=[]):
    attempts.append(1)
    assert len(attempts) == 2
        """
    )
    monkeypatch.setenv("RECORD", "1")
    suite.record("-k", "ours or missed", passed=2, deselected=2, calls=3)
    suite.record("-k", "never", failed=1, rerun=2, deselected=3, calls=3)
    monkeypatch.delenv("RECORD")
    text = suite.run("-k", "not never", passed=3, rerun=4, deselected=1, calls=0)
    assert "xfail hid it" not in text


@beside("pytest-timeout")
def test_a_test_that_takes_too_long_fails_once_and_the_next_replays(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their alarm ends a test of ours in the middle of its cassette; it is no miss, and the others have theirs."""
    suite.write(
        """
@pytest.mark.llm_cassette
@pytest.mark.timeout(60)
@pytest.mark.parametrize("time", ["before", "after"])
def test_ours(time):
    assert ask().startswith("call")

@pytest.mark.llm_cassette
@pytest.mark.timeout(5, method="signal")
def test_hangs():
    assert ask().startswith("call")
    if "HANG" in os.environ:
        threading.Event().wait()
        """
    )
    order = "test_suite.py::test_ours[before]", "test_suite.py::test_hangs", "test_suite.py::test_ours[after]"
    suite.record(*order, passed=3, calls=3)
    monkeypatch.setenv("HANG", "1")
    text = suite.run(*order, passed=2, failed=1, calls=0)
    assert text.count("FAILED test_suite.py::test_hangs - Failed: Timeout") == 1


@beside("pytest-llm-report")
def test_a_report_of_another_kind_is_written(suite: Suite, pytester: pytest.Pytester) -> None:
    """Its options begin with --llm- as ours do; both are understood in one run."""
    suite.write(OURS)
    report = "--llm-report=their.html", "--llm-report-json=their.json"
    suite.record(*report, passed=5, calls=4)
    suite.run(*report, "--llm-provider=none", passed=5, calls=1)
    assert "test_ours" in (pytester.path / "their.json").read_text(encoding="utf-8")
    assert (pytester.path / "their.html").is_file()


@beside("pytest-randomly")
def test_any_order_replays_what_another_order_recorded(suite: Suite) -> None:
    """Each test has its own cassette; and nothing of ours draws from the generator that was seeded."""
    suite.write(
        OURS
        + """
@pytest.mark.llm_cassette
def test_seeded():
    seeded = random.getstate()
    assert ask(httpx2).startswith("call")
    assert random.getstate() == seeded
        """
    )
    for seed, run, calls in ((1, suite.record, 5), (2, suite.run, 1), (77, suite.run, 1)):
        run(f"--randomly-seed={seed}", passed=6, calls=calls)


ASYNC = """
@pytest.mark.llm_cassette
@pytest.mark.{mark}
async def test_ours(llm_cassette):
    assert [await ask_async(), await asyncio.to_thread(ask)] == ["call 1", "call 2"]
    assert await asyncio.gather(ask_async("a"), ask_async("b"))
    assert llm_cassette.played + llm_cassette.recorded == 4

@pytest.mark.{mark}
async def test_harness(llm_harness):
    assert (await llm_harness(["scripted"]).arun("hi")).unwrap() == "scripted"

@pytest.mark.llm_cassette
@pytest.mark.{mark}
async def test_missed():
    if "RECORD" not in os.environ:
        await asyncio.gather(ask_async("nobody recorded this"), return_exceptions=True)
"""


@pytest.mark.parametrize(
    ("mark", "arguments"),
    [
        pytest.param("asyncio", ("--asyncio-mode=strict",), marks=beside("pytest-asyncio"), id="strict"),
        pytest.param("asyncio", ("--asyncio-mode=auto",), marks=beside("pytest-asyncio"), id="auto"),
        pytest.param("anyio", (), marks=beside("anyio"), id="anyio"),
    ],
)
def test_async_tests_record_and_replay(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, mark: str, arguments: tuple[str, ...]
) -> None:
    """On the loop of the other plugin, in its tasks and threads; a swallowed miss fails once."""
    loop = "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n" if mark == "anyio" else ""
    suite.write(loop + ASYNC.format(mark=mark))
    monkeypatch.setenv("RECORD", "1")
    suite.record(*arguments, passed=3, calls=4)
    monkeypatch.delenv("RECORD")
    text = suite.run(*arguments, passed=2, failed=1, calls=0)
    assert text.count("FAILED test_suite.py::test_missed - CassetteMiss") == 1


@beside("pytest-xdist")
def test_workers_record_and_replay(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers: as many calls as one, and each miss is told once."""
    suite.write(OURS)
    suite.record("-n2", passed=5, calls=4)
    suite.run("-n2", passed=5, calls=1)
    monkeypatch.setenv("EDIT", " there")
    assert suite.run("-n2", passed=2, failed=3).count("- CassetteMiss: no take answers") == 3
