"""What a cassette costs to load and to play, in many tests and in a long conversation, and what is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import yaml

from pytest_llmharness.cassette import Cassette, Headers, RecordedRequest, RecordedResponse, use_cassette
from pytest_llmharness.cassette.fingerprint import MATCHING, request_key
from pytest_llmharness.cassette.native import render_header, render_take
from pytest_llmharness.cassette.take import Take
from pytest_llmharness.server import ModelServer

from .replay import URL, _cassette
from .row import Figure, Row, Skipped

ROOT = Path(__file__).parents[1]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus" / "cassettes"))
HEADERS = Headers([("content-type", "application/json")])
TESTS, TURNS, WORKERS, CALLS = 500, 100, 4, 25


def rows() -> Iterator[Row | Figure | Skipped]:
    """Yield the rows; each asserts what was loaded or answered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _loads(folder)
        yield from _corpus()
        yield _agent(folder / "agent.json")
        yield from _suites(folder / "suite")
        yield _workers(folder / "shared.json")
        yield _killed(folder / "killed.json")


# --- load ---

LOAD = """
import os, sys, time
def rss(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024
if sys.argv[1] == "ours":
    from pytest_llmharness.cassette import use_cassette
    use = use_cassette(sys.argv[2])
    count = lambda found: len(found._cassette.interactions)
else:
    import vcr
    use = vcr.VCR(record_mode="none").use_cassette(sys.argv[2])
    count = len
import pytest_llmharness.cassette.interception, httpx2
before, began = rss(), time.perf_counter()
with use as found:
    took = time.perf_counter() - began
    assert count(found) == int(sys.argv[3]), count(found)
    print(took, rss() - before)
"""


def _loads(folder: Path) -> Iterator[Row | Figure]:
    document = _cassette(10_000)
    (folder / "theirs.yaml").write_text(yaml.dump(document, Dumper=getattr(yaml, "CDumper", yaml.Dumper)))
    with (folder / "ours.json").open("wb") as file:
        file.write(render_header({"matching": MATCHING, "recorder": "bench"}))
        for each in document["interactions"]:
            request = RecordedRequest("POST", URL, HEADERS, each["request"]["body"].encode())
            response = RecordedResponse(200, HEADERS, each["response"]["body"]["string"].encode())
            file.write(render_take(Take(request, response), request_key(request).hex(), {}))
    ours_s, ours_kb = _loaded("ours", folder / "ours.json")
    theirs_s, theirs_kb = _loaded("theirs", folder / "theirs.yaml")
    yield Row("load of 10,000 interactions", "vcrpy, YAML", ours_s, theirs_s, faster=20)
    share = ours_kb / theirs_kb
    yield Figure(
        "its memory",
        "vcrpy, YAML",
        f"{ours_kb / 1e3:.1f} of {theirs_kb / 1e3:.1f} MB",
        "<= 1/10",
        met=share <= 0.1,
    )


def _loaded(who: str, path: Path) -> tuple[float, float]:
    found = []
    for _ in range(3 if who == "ours" else 1):
        command = [sys.executable, "-c", LOAD, who, str(path), "10000"]
        told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()
        found.append((float(told[0]), float(told[1])))
    return min(seconds for seconds, _ in found), min(kb for _, kb in found)


def _corpus() -> Iterator[Row | Skipped]:
    """Load each public file that both can read."""
    import vcr
    from vcr.persisters.filesystem import FilesystemPersister
    from vcr.serializers import yamlserializer

    files = sorted(path for path in CORPUS.rglob("*.y*ml"))
    if not files:
        yield Skipped("load of the public corpus", f"no files below {CORPUS}")
        return
    ours_s = theirs_s = 0.0
    count = 0
    assert vcr
    for path in files[:: max(len(files) // 400, 1)]:
        began = time.perf_counter()
        try:
            _, responses = FilesystemPersister.load_cassette(str(path), yamlserializer)
        except Exception:  # noqa: BLE001  # what vcrpy cannot read is no race
            continue
        theirs_s += time.perf_counter() - began
        began = time.perf_counter()
        takes = Cassette.load(path).interactions
        ours_s += time.perf_counter() - began
        assert len(takes) == len(responses)
        count += 1
    yield Row(f"load of {count} public cassettes", "vcrpy", ours_s, theirs_s, faster=4)


# --- play ---


def _agent(path: Path) -> Figure:
    """A conversation that is sent whole at each of a hundred turns, the last 280 kB of it."""
    messages: list[dict[str, str]] = []
    bodies = []
    with path.open("wb") as file:
        file.write(render_header({"matching": MATCHING, "recorder": "bench"}))
        for turn in range(TURNS):
            messages.append({"role": "user", "content": f"turn {turn} " + "word " * 290})
            bodies.append(json.dumps({"model": "m", "messages": messages}, separators=(",", ":")).encode())
            request = RecordedRequest("POST", URL, HEADERS, bodies[-1])
            answer = json.dumps(
                {"id": str(turn), "choices": [{"message": {"content": "text " * 260}}]}
            ).encode()
            take = Take(request, RecordedResponse(200, HEADERS, answer))
            file.write(render_take(take, request_key(request).hex(), {}))
            messages.append({"role": "assistant", "content": f"{turn} " + "text " * 260})
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with use_cassette(path), httpx2.Client(verify=False) as client:
            for turn, body in enumerate(bodies):
                answered = client.post(URL, content=body, headers={"content-type": "application/json"})
                assert answered.json()["id"] == str(turn)
        best = min(best, time.perf_counter() - began)
    return Figure(
        f"a conversation of {TURNS} turns, replayed", "-", f"{best:.2f} s", "<= 0.5 s", met=best <= 0.5
    )


SUITE = """
import httpx2
import pytest

def new():
    return httpx2.Client()

SHARED = new()

def handler(request):
    return httpx2.Response(200, json={"n": 7})

MOCKED = httpx2.Client(transport=httpx2.MockTransport(handler))

@pytest.mark.parametrize("number", range(500))
MARK
def test_it(number):
    CLIENT
"""
KINDS = {
    "mock": ("", "assert MOCKED.post('http://127.0.0.1:9/', json=number).json() == {'n': 7}"),
    "shared": (
        "@pytest.mark.llm_cassette",
        "assert SHARED.post('http://127.0.0.1:9/', json=number).json() == {'n': 7}",
    ),
    "new": (
        "@pytest.mark.llm_cassette",
        "with new() as client:\n"
        "        assert client.post('http://127.0.0.1:9/', json=number).json() == {'n': 7}",
    ),
}


def _suites(folder: Path) -> Iterator[Figure]:
    took = {}
    for kind, (mark, client) in KINDS.items():
        home = folder / kind
        home.mkdir(parents=True)
        (home / "test_suite.py").write_text(SUITE.replace("MARK", mark).replace("CLIENT", client))
        if mark:
            _record_suite(home)
        took[kind] = min(_suite_s(home) for _ in range(3))
    extra_ms = (took["shared"] - took["mock"]) / TESTS * 1e3
    yield Figure(
        "a replayed test, fixed cost",
        "httpx2.MockTransport",
        f"{extra_ms:+.2f} ms",
        "<= +0.3 ms",
        met=extra_ms <= 0.3,
    )
    total = took["new"]
    yield Figure(f"{TESTS} tests, a new client each", "-", f"{total:.2f} s", "<= 1.5 s", met=total <= 1.5)


def _record_suite(home: Path) -> None:
    shelf = home / "cassettes" / "test_suite"
    shelf.mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--llm-record-mode=new_episodes",
    ]
    listing = subprocess.run(
        [*command, "--collect-only"], cwd=home, env=_environment(), capture_output=True, check=True
    )
    assert listing.stdout.count(b"::test_it") == TESTS
    from pytest_llmharness.plugin.cassette_place import _suffix

    for number in range(TESTS):
        request = RecordedRequest("POST", "http://127.0.0.1:9/", HEADERS, str(number).encode())
        take = Take(request, RecordedResponse(200, HEADERS, b'{"n":7}'))
        content = render_header({"matching": MATCHING, "recorder": "bench"})
        content += render_take(take, request_key(request).hex(), {})
        (shelf / f"test_it{_suffix(f'[{number}]')}.json").write_bytes(content)


TIMED = """
import sys, time
import httpx2, pytest
class Timed:
    def pytest_collection_finish(self): self.began = time.process_time()
    def pytest_sessionfinish(self): print("took", time.process_time() - self.began)
options = ["-q", "-p", "no:cacheprovider", "-p", "pytest_llmharness.plugin"]
raise SystemExit(pytest.main(options, plugins=[Timed()]))
"""


def _suite_s(home: Path) -> float:
    environment = {**_environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-c", TIMED]
    told = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert f"{TESTS} passed" in told
    found = re.search(r"took ([\d.]+)", told)
    assert found is not None
    return float(found[1])


# --- what is lost ---

WRITER = """
import os, signal, sys
import httpx2
from pytest_llmharness.cassette import use_cassette
path, url, who, calls, kill = sys.argv[1:]
with use_cassette(path, record_mode="new_episodes"), httpx2.Client(verify=False) as client:
    for number in range(int(calls)):
        body = {"model": "m", "stream": False, "messages": [{"role": "user", "content": f"{who} {number}"}]}
        client.post(url, json=body)
    if kill == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _workers(path: Path) -> Figure:
    with ModelServer(["yes"] * (WORKERS * CALLS)) as server:
        url = f"{server.url('ollama')}/api/chat"
        running = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), url, str(who), str(CALLS), ""], cwd=ROOT
            )
            for who in range(WORKERS)
        ]
        assert [each.wait() for each in running] == [0] * WORKERS
    kept = {take.request.body for take in Cassette.load(path).interactions}
    lost = WORKERS * CALLS - len(kept)
    return Figure(
        f"lost by {WORKERS} writers of one file", f"{WORKERS * CALLS} calls", str(lost), "0", met=not lost
    )


def _killed(path: Path) -> Figure:
    with ModelServer(["yes"] * CALLS) as server:
        url = f"{server.url('ollama')}/api/chat"
        command = [sys.executable, "-c", WRITER, str(path), url, "0", str(CALLS), "kill"]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    lost = CALLS - len(Cassette.load(path).interactions)
    return Figure("lost by SIGKILL", f"{CALLS} calls", str(lost), "<= 1", met=lost <= 1)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
