"""What a live test gets: an engine, a reason why not, and a named end where the engine fails it."""

from __future__ import annotations

import asyncio
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import nullcontext

# Imported here, they need not be imported anew by each pytest that runs inside.
import httpcore
import httpcore2
import httpx2
import ollama
import openai
import pytest

import pytest_llmharness.plugin.live_engines
from pytest_llmharness import Harness, HarnessConfig, LLMResult
from pytest_llmharness.cassette import Cassette, use_cassette
from pytest_llmharness.errors import MalformedResponse
from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.live.model_cache import cache_dir
from pytest_llmharness.wiring import make_provider

LOADED = (httpcore, httpcore2, httpx2, ollama, openai, pytest_llmharness.plugin.live_engines)
CACHE = cache_dir()  # before the tests move the home
LIVE = ("--llm-live", "--llm-engine=embedded")
RECORD = "--llm-record-mode=rewrite"
ASK = """
import pytest

@pytest.mark.llm_live
def test_it(llm_harness, llm_engine):
    assert llm_harness().run("Say something.").unwrap()
    print("engine", llm_engine.name, llm_engine.base_url)
"""


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the plugins that the pytest inside would load for nothing."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")


@pytest.fixture
def embedded(embedded_engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an embedded engine, and its model is made already."""
    monkeypatch.setenv("LLMHARNESS_CACHE_DIR", str(CACHE))


@pytest.mark.usefixtures("embedded")
def test_skipped_with_a_command_that_runs_it(pytester: pytest.Pytester) -> None:
    """The engine that was asked for stays in the command; live, nothing is written."""
    pytester.makepyfile(test_suite=ASK)
    skipped = pytester.runpytest_inprocess("-rs", "--llm-engine=embedded")
    skipped.assert_outcomes(skipped=1)
    [line] = [line for line in skipped.outlines if "needs a live model: " in line]
    command = shlex.split(line.partition("needs a live model: pytest ")[2])
    assert command == [*LIVE, "test_suite.py::test_it"]
    live = pytester.runpytest_inprocess(*command, "-s")
    live.assert_outcomes(passed=1)
    assert "llmharness: 1 test (1 live)" in live.stdout.str()
    live.stdout.fnmatch_lines("*engine embedded http://127.0.0.1:*/v1")
    assert not (pytester.path / "cassettes").exists()


@pytest.mark.usefixtures("embedded")
def test_a_cassette_is_replayed_without_the_option_and_ignored_with_it(pytester: pytest.Pytester) -> None:
    """--llm-live asks the model, also where there is a cassette."""
    pytester.makepyfile(test_suite=ASK)
    pytester.runpytest_inprocess(*LIVE, RECORD).assert_outcomes(passed=1)
    [path] = (pytester.path / "cassettes").rglob("*.json")
    content = path.read_bytes()
    pytester.runpytest_inprocess("-s").stdout.fnmatch_lines("*engine embedded http://127.0.0.1:1/v1")
    path.write_text("{}")
    pytester.runpytest_inprocess(*LIVE).assert_outcomes(passed=1)
    path.write_bytes(content)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.usefixtures("embedded")
def test_two_workers_run_live_and_record(pytester: pytest.Pytester) -> None:
    """Each worker has an engine of its own; what both wrote is replayed by one process."""
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.llm_live
        @pytest.mark.parametrize("number", range(4))
        def test_it(llm_harness, number):
            assert llm_harness().run(f"Say {number}.").unwrap()
        """
    )
    pytester.runpytest_inprocess(*LIVE, RECORD, "-n", "2").assert_outcomes(passed=4)
    assert len(list((pytester.path / "cassettes/test_suite").iterdir())) == 4
    pytester.runpytest_inprocess().assert_outcomes(passed=4)


# --- engines that cannot be had ---


def test_an_engine_asked_for_by_name_must_be_there(pytester: pytest.Pytester) -> None:
    """It fails, with the engine's own words and no traceback of ours."""
    pytester.makepyfile(test_suite=ASK)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    result = pytester.runpytest_inprocess("--llm-live", "--llm-engine=vllm", f"--llm-base-url={url}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"vllm does not answer at {url}: *", f"  where: {url}/models", "  fix:   vllm serve *"]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_preferred_engine_that_is_not_installed_skips_with_its_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite stays green where the extra is missing, and says what to install."""
    pytester.makepyfile(test_suite=ASK, xllamacpp="raise ImportError('not here')")
    monkeypatch.setenv("LLMHARNESS_CACHE_DIR", str(CACHE))
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    result = pytester.runpytest_inprocess(*LIVE, "-rs", "test_suite.py")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        "*the embedded engine is not installed (not here); pip install 'pytest-llmharness?embedded?'"
    )


def test_a_test_for_one_engine_is_skipped_on_another(pytester: pytest.Pytester) -> None:
    """`llm_live(engine=...)` against --llm-engine, with the command that runs it."""
    pytester.makepyfile(test_suite=ASK.replace("llm_live", "llm_live(engine='vllm')"))
    result = pytester.runpytest_inprocess("--llm-live", "--llm-engine=ollama", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        "*needs the engine vllm: pytest --llm-live --llm-engine=vllm test_suite.py::test_it"
    )


@pytest.mark.parametrize(
    ("arguments", "ini", "said"),
    [
        (["--llm-base-url=nonsense"], "", "--llm-base-url: 'nonsense' is not valid; use one like http://*"),
        (
            [*LIVE, "--llm-base-url=http://127.0.0.1:1/v1"],
            "",
            "--llm-engine=embedded and --llm-base-url clash: *",
        ),
        (
            ["--llm-engine=chatgpt"],
            "",
            "*argument --llm-engine: invalid choice: 'chatgpt' (choose from *embedded*",
        ),
        (
            ["--llm-record-mode=often"],
            "",
            "*argument --llm-record-mode: invalid choice: 'often' (choose from *",
        ),
        ([], "llm_engine = chatgpt", "ini llm_engine: 'chatgpt' is not valid; use one of auto, embedded, *"),
        (
            [],
            "llm_record_mode = often",
            "ini llm_record_mode: 'often' is not valid; use one of none, once, *",
        ),
        ([], "llm_base_url = nonsense", "--llm-base-url: 'nonsense' is not valid; *"),
        ([], "llm_live = maybe", "ini llm_live: invalid truth value 'maybe'; use true or false"),
    ],
)
def test_a_value_that_cannot_work_ends_at_the_door(
    pytester: pytest.Pytester, arguments: list[str], ini: str, said: str
) -> None:
    """On the command line and in ini: one line that lists what is valid, and no test runs."""
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile(test_suite=ASK)
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(said if said.startswith("*") else f"ERROR: {said}")
    assert "Traceback" not in result.stderr.str()


# --- an engine that dies ---

DYING = """
import asyncio
import os
import signal
import threading

import pytest

from pytest_llmharness import HarnessConfig
from pytest_llmharness.live import probe
from pytest_llmharness.plugin.session import session_of

ENDLESS = {"type": "array", "items": {"type": "string", "minLength": 50}, "minItems": 100}
ONCE = HarnessConfig(max_retries=0, max_tokens=100_000)
pytestmark = pytest.mark.llm_live


@pytest.fixture
def engine(llm_engine, request):
    [running] = session_of(request.config)._engines._open.values()
    return running.embedded


def kill(engine):
    os.kill(engine.pid, signal.SIGKILL)


def kill_at_work(engine):
    url = engine.base_url.removesuffix("/v1") + "/slots"
    while not any(slot["is_processing"] for slot in probe.get(url, timeout_s=5, api_key=engine.api_key).json()):
        pass
    kill(engine)


def check(result):
    assert not result.success
    assert result.metadata["failure_reason"] == "provider_unavailable"
    print("said", result.metadata["error"].what)


def test_stream(llm_harness, engine):
    async def main():
        events = llm_harness(schema=ENDLESS, config=ONCE).stream("Go on.")
        async for event in events:
            if event.kind.value == "text_delta" and engine.alive:
                kill(engine)
        return event.data["result"]
    check(asyncio.run(main()))


def test_next(llm_harness, engine):
    assert llm_harness().run("Say something.").unwrap()


def test_recording(llm_harness, engine):
    assert llm_harness().run("Say something.").unwrap()
    killer = threading.Thread(target=kill_at_work, args=(engine,))
    killer.start()
    try:
        check(llm_harness(schema=ENDLESS, config=ONCE).run("Go on."))
    finally:
        killer.join()
    check(llm_harness(config=ONCE).run("Are you there?"))


def test_last(llm_harness):
    assert llm_harness().run("Say something.").unwrap()
"""


@pytest.mark.usefixtures("embedded")
def test_an_engine_that_dies_is_a_named_failure_and_the_next_test_has_a_new_one(
    pytester: pytest.Pytester,
) -> None:
    """In the middle of a stream: the run ends with a reason, and the session goes on and says so."""
    pytester.makepyfile(test_suite=DYING)
    result = pytester.runpytest_inprocess(*LIVE, "-s")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "*said the stream broke after * characters: *",
            "*said no answer from the server: *",
            "*said no answer from the server: *",
            "llmharness: the embedded engine died; it was started again for test_suite.py::test_next",
            "llmharness: the embedded engine died; it was started again for test_suite.py::test_last",
        ]
    )


@pytest.mark.usefixtures("embedded")
def test_what_was_recorded_before_the_engine_died_is_kept(pytester: pytest.Pytester) -> None:
    """The call before it is in the cassette, and so is that the next one found nobody."""
    pytester.makepyfile(test_suite=DYING)
    result = pytester.runpytest_inprocess(*LIVE, RECORD, "-k", "recording or last")
    result.assert_outcomes(passed=2, deselected=2)
    path = pytester.path / "cassettes/test_suite/test_recording.json"
    take, *failed = Cassette.load(path).interactions
    assert b"Say something." in take.request.body
    assert take.response.status == 200
    assert {each.response.status for each in failed} == {0}
    assert Cassette.load(path.with_name("test_last.json")).interactions


# --- a server that sends no UTF-8 ---

SSE = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"fine"},"finish_reason":null}]}\n\n'
)
NDJSON = b'{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"fine"},"done":false}\n'
BAD = b"\xff\xfe\xc3("


class Spoiled:
    """A raw server: whatever is asked, it sends its bytes as they are."""

    def __init__(self) -> None:
        self.kind, self.body = "", b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as asked:
                fields = dict(
                    line.lower().split(b": ") for line in iter(asked.readline, b"\r\n") if b": " in line
                )
                asked.read(int(fields[b"content-length"]))
                head = f"HTTP/1.1 200 OK\r\nContent-Type: {self.kind}\r\nConnection: close\r\n"
                connection.sendall(f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@pytest.fixture
def spoiled() -> Iterator[Spoiled]:
    server = Spoiled()
    yield server
    server.stop()


@pytest.mark.parametrize("recorded", [False, True], ids=["live", "recorded"])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai", SSE + SSE.replace(b"fine", BAD)),
        ("openai", SSE.replace(b"fine", BAD)),
        ("ollama", NDJSON + NDJSON.replace(b"fine", BAD)),
        ("ollama", NDJSON.replace(b"fine", BAD)),
    ],
    ids=["openai stream", "openai", "ollama stream", "ollama"],
)
def test_bytes_that_are_no_utf8_are_a_provider_error(
    spoiled: Spoiled, pytester: pytest.Pytester, name: str, body: bytes, recorded: bool
) -> None:
    """After a good chunk or as the whole answer; in a recording and in its replay the same."""
    streaming = body.startswith((SSE, NDJSON))
    streamed = {"openai": "text/event-stream", "ollama": "application/x-ndjson"}[name]
    spoiled.kind = streamed if streaming else "application/json"
    spoiled.body = body
    results = answers(spoiled, pytester, name, streaming=streaming, recorded=recorded)
    errors = [result.metadata["error"] for result in results]
    assert len({(type(each), each.what) for each in errors}) == 1
    assert isinstance(errors[0], MalformedResponse)
    assert errors[0].fix.startswith("check that the address serves this dialect: curl ")


def answers(
    spoiled: Spoiled, pytester: pytest.Pytester, name: str, *, streaming: bool, recorded: bool
) -> list[LLMResult]:
    """What a harness ends with, live or while recording and then from the recording."""
    results = []
    for mode in ("once", "none") if recorded else (None,):
        url = f"{spoiled.url}/v1" if name == "openai" else spoiled.url
        provider = make_provider(name, model="m", base_url=url, api_key="key-1234567")
        block = use_cassette(pytester.path / "take.json", record_mode=mode) if mode else nullcontext()
        with block, Harness(provider, config=HarnessConfig(max_retries=0)) as harness:
            results.append(asyncio.run(last(harness)) if streaming else harness.run("Go on."))
    return results


async def last(harness: Harness) -> LLMResult:
    async with harness:
        result: LLMResult = [event async for event in harness.stream("Go on.")][-1].data["result"]
    return result
