"""What is recorded, when it is on disk, and what each record mode does."""

from __future__ import annotations

import contextvars
import gzip
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.cassette import Cassette, Headers, RecordedResponse, take_file, use_cassette
from pytest_llmharness.cassette.fingerprint import MATCHING, request_key
from pytest_llmharness.cassette.redaction import Redactor
from pytest_llmharness.errors import CassetteError, CassetteMiss, ConfigError

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
RECORDED_AT = re.compile(r'(?<="recorded_at": ")[^"]+')
MODES = ["none", "once", "new_episodes", "all", "rewrite", "changed", "verify", "script"]
ROOT = Path(__file__).parents[2]


class Handler(BaseHTTPRequestHandler):
    """Numbers its answers; the path picks the kind."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        asked = self.rfile.read(int(self.headers.get("content-length", 0)))
        server.count += 1
        kind = self.path.partition("?")[0].strip("/")
        body = server.bodies.get(
            kind, json.dumps({"n": server.count, "asked": asked.decode("latin-1")}).encode()
        )
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        if kind == "gzip":
            body = gzip.compress(body)
            headers |= {"content-encoding": "gzip", "content-length": str(len(body))}
        if kind == "cut":
            headers["content-length"] = str(len(body) + 100)
            self.close_connection = True
        if kind == "private":
            headers |= server.private
            body = json.dumps({"headers": dict(self.headers), "path": self.path}).encode()
            headers["content-length"] = str(len(body))
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class Server:
    def __init__(self) -> None:
        self.http: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.count, self.http.bodies, self.http.private = 0, {}, {}
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    @property
    def count(self) -> int:
        return int(self.http.count)

    def stop(self) -> None:
        if self.thread.is_alive():
            self.http.shutdown()
            self.thread.join()
            self.http.server_close()


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def server(module_server: Server) -> Server:
    module_server.http.count = 0
    module_server.http.bodies.clear()
    module_server.http.private.clear()
    return module_server


def ask(server: Server, prompt: str, path: str = "chat", **settings: Any) -> httpx.Response:
    with httpx.Client(verify=TLS) as client:
        return client.post(f"{server.url}/{path}", json={"prompt": prompt}, **settings)


def numbers(path: Path) -> list[int]:
    return [json.loads(take.response.body)["n"] for take in Cassette.load(path).interactions]


# --- record modes ---


def test_none_never_connects_and_says_that_there_is_no_cassette(server: Server, tmp_path: Path) -> None:
    """A missing file is no error until the first request."""
    path = tmp_path / "absent.json"
    with use_cassette(path) as recording, pytest.raises(CassetteMiss) as caught:
        ask(server, "a")
    assert server.count == 0
    assert not path.exists()
    assert caught.value.what == "there is no cassette to answer this request: absent.json does not exist"
    assert caught.value.where == f"{path} (POST /chat)"
    assert caught.value.fix == f'use_cassette("{path}", record_mode="new_episodes")'
    assert recording.misses == [caught.value]


def test_once_records_a_missing_file_and_then_plays_it(server: Server, tmp_path: Path) -> None:
    """The second time a new request is a miss, as in none."""
    path = tmp_path / "deep" / "er" / "take.json"
    with use_cassette(path, record_mode="once") as recording:
        ask(server, "a"), ask(server, "a"), ask(server, "b")
    assert (recording.recorded, recording.played, recording.path) == (3, 0, path)
    assert numbers(path) == [1, 2, 3]
    before = path.read_bytes()
    with use_cassette(path, record_mode="once") as recording:
        assert [ask(server, each).json()["n"] for each in "baa"] == [3, 1, 2]
        with pytest.raises(CassetteMiss):
            ask(server, "c")
    assert (recording.recorded, recording.played, server.count) == (0, 3, 3)
    assert path.read_bytes() == before


def test_new_episodes_plays_what_is_there_and_adds_what_is_not(server: Server, tmp_path: Path) -> None:
    """What was recorded in this session is not played in it: three equal calls are three takes."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="new_episodes"):
        ask(server, "a")
    with use_cassette(path, record_mode="new_episodes") as recording:
        assert [ask(server, each).json()["n"] for each in "abbb"] == [1, 2, 3, 4]
    assert (recording.played, recording.recorded) == (1, 3)
    with use_cassette(path) as recording:
        assert [ask(server, each).json()["n"] for each in "bbab"] == [2, 3, 1, 4]


@pytest.mark.parametrize(("mode", "left"), [("all", [2, 3]), ("rewrite", [3])])
def test_all_and_rewrite_record_everything_again(
    server: Server, tmp_path: Path, mode: str, left: list[int]
) -> None:
    """Nothing is played; all replaces the takes of what is asked again, rewrite the whole file."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        ask(server, "a"), ask(server, "b")
    with use_cassette(path, record_mode=mode) as recording:
        assert ask(server, "a").json()["n"] == 3
        assert numbers(path) == left
    assert (recording.played, recording.recorded) == (0, 1)
    assert numbers(path) == left


@pytest.mark.parametrize("mode", MODES)
def test_a_block_without_calls_leaves_the_file_as_it_was(server: Server, tmp_path: Path, mode: str) -> None:
    """Nor does it make a file where there was none."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode=mode):
        pass
    assert list(tmp_path.iterdir()) == []
    with use_cassette(path, record_mode="once"):
        ask(server, "a")
    before = path.read_bytes(), path.stat().st_mtime_ns
    with use_cassette(path, record_mode=mode):
        pass
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_an_unknown_mode_is_refused_with_the_valid_ones(tmp_path: Path) -> None:
    """The message lists the words."""
    with (
        pytest.raises(ConfigError, match="'any' is not known") as caught,
        use_cassette(tmp_path / "x", "any"),
    ):
        pass
    assert caught.value.fix == f"use one of {', '.join(MODES)}"


# --- durability ---


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_was_recorded_survives_the_end_of_the_block(
    server: Server, tmp_path: Path, error: type[BaseException]
) -> None:
    """Also when an exception or Ctrl-C ends it."""
    path = tmp_path / "take.json"
    block = use_cassette(path, record_mode="once")
    block.__enter__()
    ask(server, "a")
    assert not block.__exit__(error, error(), None)
    assert numbers(path) == [1]


def test_each_take_is_on_disk_before_the_answer_is_used(server: Server, tmp_path: Path) -> None:
    """SIGKILL between two calls loses neither take, and leaves no temporary file."""
    path = tmp_path / "take.json"
    program = f"""
import httpx, os, signal
from pytest_llmharness.cassette import use_cassette
with use_cassette({str(path)!r}, record_mode="once"), httpx.Client() as client:
    client.post({server.url!r}), client.post({server.url!r} + "/b")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], env=environment(), check=False, timeout=60)
    assert ended.returncode == -9
    assert numbers(path) == [1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_is_told_at_the_end(
    server: Server, tmp_path: Path
) -> None:
    """A full disk costs no answer and no second paid call; the block ends in CassetteError."""
    path = tmp_path / "take.json"
    server.http.bodies["big"] = json.dumps({"n": "x" * 10_000}).encode()
    program = f"""
import httpx, resource
from pytest_llmharness.cassette import use_cassette
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
with use_cassette({str(path)!r}, record_mode="once"), httpx.Client() as client:
    client.post({server.url!r})
    print(len(client.post({server.url!r} + "/big").content))
"""
    ended = subprocess.run(
        [sys.executable, "-B", "-c", program],
        env=environment(),
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert ended.stdout == f"{len(server.http.bodies['big'])}\n"
    assert "CassetteError: the cassette take.json cannot be written: File too large" in ended.stderr
    assert numbers(path) == [1]
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_or_the_new_one(server: Server, tmp_path: Path) -> None:
    """The file is replaced, not written over: who has it open reads on in the old one."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        ask(server, "a")
        before = path.read_text("utf-8")
        with path.open(encoding="utf-8") as opened:
            ask(server, "b")
            assert opened.read() == before
    assert numbers(path) == [1, 2]


def test_a_write_that_fails_is_tried_again_at_the_end(server: Server, tmp_path: Path) -> None:
    """And where the block ends in an error of its own, that one is raised, with a note."""
    path = tmp_path / "folder" / "take.json"
    with use_cassette(path, record_mode="once"):
        path.parent.write_text("in the way")
        ask(server, "a")
        path.parent.unlink()
    assert numbers(path) == [1]
    path = tmp_path / "other" / "take.json"
    block = use_cassette(path, record_mode="once")
    block.__enter__()
    path.parent.write_text("in the way")
    ask(server, "b")
    error = ValueError()
    assert not block.__exit__(ValueError, error, None)
    assert error.__notes__[0].startswith("the cassette take.json cannot be written")


@pytest.mark.parametrize("mode", ["new_episodes", "all", "rewrite"])
def test_a_cut_answer_is_recorded_and_harms_nothing(server: Server, tmp_path: Path, mode: str) -> None:
    """The transport's error reaches the caller, then and in replay; the takes before stay."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        ask(server, "a")
    with use_cassette(path, record_mode=mode) as recording:
        with pytest.raises(httpx.RemoteProtocolError) as live:
            ask(server, "b", "cut")
        ask(server, "c")
    assert recording.recorded == 2
    assert numbers(path) == ([2, 3] if mode == "rewrite" else [1, 2, 3])
    with use_cassette(path):
        with pytest.raises(httpx.RemoteProtocolError) as replayed:
            ask(server, "b", "cut")
        assert ask(server, "c").json()["n"] == 3
    assert str(replayed.value) == str(live.value)


def test_a_link_stays_a_link_and_the_mode_of_the_file_stays(server: Server, tmp_path: Path) -> None:
    """Replacing a file keeps how it was shared."""
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    with use_cassette(real, record_mode="once"):
        ask(server, "a")
    real.chmod(0o640)
    link.symlink_to(real)
    with use_cassette(link, record_mode="new_episodes"):
        ask(server, "b")
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert numbers(real) == [1, 2]


def test_threads_record_every_call(server: Server, tmp_path: Path) -> None:
    """Eight threads, five calls each: forty takes, each answer with its own request."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once") as recording:
        threads = [
            threading.Thread(target=lambda n=n: [ask(server, f"{n} {i}") for i in range(5)]) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    takes = Cassette.load(path).interactions
    assert len(takes) == recording.recorded == 40
    assert all(json.loads(take.response.body)["asked"].encode() == take.request.body for take in takes)


# --- the file ---


def timeless(path: Path) -> str:
    """Return the file's text less the moments of its takes."""
    return RECORDED_AT.sub("", path.read_text("utf-8"))


def test_the_file_is_readable_text_of_this_very_form(server: Server, tmp_path: Path) -> None:
    """The whole file, as a reviewer sees it."""
    path = tmp_path / "take.json"
    server.http.bodies["chat"] = '{"text": "schön 你好 \u2028 \\n"}'.encode()
    metadata = {"engine": "ollama", "model": "m", "base_url": "http://user:pass@127.0.0.1:8000/v1?key=1"}
    with (
        use_cassette(path, record_mode="once", metadata=metadata, clock=VirtualClock()),
        httpx.Client(verify=TLS) as client,
    ):
        client.post(
            f"{server.url}/chat?b=2&a=1", content=b'{"prompt": "\xc3\xa4"}', headers={"accept": "*/*"}
        )
    text = path.read_text("utf-8").replace(sys.version.split()[0], "3.x")
    key = request_key(Cassette.load(path).interactions[0].request).hex()
    text = RECORDED_AT.sub("2026-11-21T12:00:00Z", text).replace(f"httpx/{httpx.__version__}", "httpx/0.x")
    text = text.replace(key, "KEY")
    assert (
        text
        == """{
  "format": 3,
  "matching": 2,
  "recorder": "pytest-llmharness 0.1.0",
  "engine": "ollama",
  "model": "m",
  "base_url": "http://127.0.0.1:8000/v1"
}
{
  "key": "KEY",
  "recorded_at": "2026-11-21T12:00:00Z",
  "client": "python-httpx/0.x",
  "request": {
    "method": "POST",
    "url": "http://127.0.0.1:1/chat?b=2&a=1",
    "headers": {
      "accept": "*/*"
    },
    "json_style": "spaced",
    "json": {
      "prompt": "ä"
    }
  },
  "response": {
    "status": 200,
    "headers": {
      "content-length": "32",
      "content-type": "application/json",
      "server": "BaseHTTP/0.6 Python/3.x"
    },
    "ms": 0.0,
    "json_style": "spaced",
    "json": {
      "text": "schön 你好 \u2028 \\n"
    }
  }
}
"""
    )


def test_the_same_traffic_gives_the_same_bytes(server: Server, tmp_path: Path) -> None:
    """But for when and how long: no date, no id, no connection header gets into the file."""
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for path in files:
        server.http.count = 0
        with use_cassette(path, record_mode="once", metadata={"model": "m"}, clock=VirtualClock()):
            ask(server, "a"), ask(server, "b", "gzip")
    assert timeless(files[0]) == timeless(files[1])
    text = files[0].read_text("utf-8").lower()
    assert '"date"' not in text
    assert '"connection"' not in text


def test_a_random_port_is_not_in_the_file(server: Server, tmp_path: Path) -> None:
    """The same traffic on another port gives the same bytes, and is answered from them."""
    other = Server()
    files = []
    try:
        for each in (server, other):
            each.http.count = 0
            files.append(tmp_path / f"{each.http.server_port}.json")
            metadata = {"base_url": f"{each.url}/v1"}
            with use_cassette(files[-1], record_mode="once", metadata=metadata, clock=VirtualClock()):
                ask(each, "a")
                ask(each, "b", "chat?page=http://127.0.0.1:40000/")
                httpx.post(f"http://localhost:{each.http.server_port}/chat", content=b"c")
    finally:
        other.stop()
    assert timeless(files[0]) == timeless(files[1])
    cassette = Cassette.load(files[0])
    assert cassette.metadata["base_url"] == "http://127.0.0.1:1/v1"
    assert [take.request.url for take in cassette.interactions] == [
        "http://127.0.0.1:1/chat",
        "http://127.0.0.1:1/chat?page=http://127.0.0.1:40000/",
        "http://localhost:1/chat",
    ]
    with use_cassette(files[0]):
        ask(server, "b", "chat?page=http://127.0.0.1:40000/")
        assert httpx.post(f"{cassette.metadata['base_url'][:-3]}/chat", json={"prompt": "a"}).json()["n"] == 1


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("http://127.0.0.1:45173", "http://127.0.0.1:1"),
        ("http://127.0.0.1:32768/", "http://127.0.0.1:1/"),
        ("https://127.1.2.3:50000/v1?q=1#f", "https://127.1.2.3:1/v1?q=1"),
        ("http://u:p@localhost:60999/v1", "http://localhost:1/v1"),
        ("http://[::1]:49152/v1", "http://[::1]:1/v1"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("http://127.0.0.1:30000/v1", "http://127.0.0.1:30000/v1"),
        ("http://127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("http://gpu.example:45173/v1", "http://gpu.example:45173/v1"),
        ("http://192.168.0.2:45173/v1", "http://192.168.0.2:45173/v1"),
        (
            "http://gpu.example/?back=http://127.0.0.1:45173/",
            "http://gpu.example/?back=http://127.0.0.1:45173/",
        ),
    ],
)
def test_only_a_random_port_on_loopback_is_replaced(url: str, stored: str) -> None:
    """A port that was chosen, and another machine's, say where the engine is."""
    assert Redactor().value(url) == stored
    redirect = RecordedResponse(302, Headers([("location", url)]))
    assert Redactor().response(redirect).headers["location"] == stored


def test_metadata_is_kept_and_given_back(server: Server, tmp_path: Path) -> None:
    """What was said at recording is there in replay; adding takes keeps it."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once", metadata={"dialect": "openai", "format": 9}) as recording:
        ask(server, "a")
    assert recording.metadata["dialect"] == "openai"
    with use_cassette(path, record_mode="new_episodes", metadata={"model": "m"}):
        ask(server, "b")
    with use_cassette(path, metadata={"dialect": "not this one"}) as recording:
        pass
    head = {"format": 3, "matching": MATCHING, "recorder": "pytest-llmharness 0.1.0"}
    expected = {**head, "dialect": "openai", "model": "m"}
    assert recording.metadata == Cassette.load(path).metadata == expected


def test_text_that_has_no_utf8_is_kept(server: Server, tmp_path: Path) -> None:
    """A lone surrogate in metadata is written as the escape it came from."""
    path = tmp_path / "take.json"
    path.write_text('{"metadata": {"format": 1, "note": "\\ud800"}, "interactions": []}')
    with use_cassette(path, record_mode="new_episodes"):
        ask(server, "a")
    assert Cassette.load(path).metadata["note"] == "\ud800"


def test_a_compressed_body_is_stored_plain(server: Server, tmp_path: Path) -> None:
    """The file can be read and searched; the client gets the same content."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        live = ask(server, "a", "gzip").json()
    [take] = Cassette.load(path).interactions
    assert json.loads(take.response.body) == live
    text = path.read_text("utf-8")
    assert "base64" not in text
    assert "content-encoding" not in text
    assert take.response.headers["content-length"] == str(len(take.response.body))
    with use_cassette(path):
        assert ask(server, "a", "gzip").json() == live


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), sent=st.binary(max_size=50))
def test_any_bytes_come_back_as_they_were(
    module_server: Server, tmp_path_factory: pytest.TempPathFactory, body: bytes, sent: bytes
) -> None:
    """Requests and responses of arbitrary bytes are stored and found again."""
    path = tmp_path_factory.mktemp("bytes") / "take.json"
    module_server.http.bodies["raw"] = body
    url = f"{module_server.url}/raw"
    with httpx2.Client(verify=TLS) as client:
        with use_cassette(path, record_mode="once"):
            assert client.post(url, content=sent).content == body
        [take] = Cassette.load(path).interactions
        assert (take.request.body, take.response.body) == (sent, body)
        with use_cassette(path) as recording:
            assert client.post(url, content=sent).content == body
    assert recording.played == 1


# --- secrets ---

SECRETS = {
    "authorization": "Bearer sk-seeded-AUTH/+1234567890",
    "x-api-key": "seeded-XAPI-1234567890",
    "api-key": "seeded-AZURE-1234567890",
    "x-goog-api-key": "seeded-GOOG-1234567890",
    "proxy-authorization": "Basic seededPROXY1234567890==",
    "cookie": "session=seeded-COOKIE-1234567890",
    "x-auth-token": 'seeded-"XAUTH"-\\1234567890',
}
PRIVATE = {
    "set-cookie": "sid=seeded-SETCOOKIE-123",
    "openai-organization": "seeded-ORG-123",
    "anthropic-organization-id": "seeded-AORG-123",
    "openai-project": "seeded-PROJ-123",
    "cf-ray": "seeded-RAY-123",
    "x-request-id": "seeded-XRID-123",
    "request-id": "seeded-RID-123",
    "retry-after": "3",
    "x-ratelimit-remaining-tokens": "17",
}


def test_no_seeded_secret_reaches_the_disk(server: Server, tmp_path: Path) -> None:
    """Not from headers, query or URL, nor where bodies repeat them, in any spelling."""
    path = tmp_path / "take.json"
    server.http.private.update(PRIVATE)
    said, quoted = " ".join(SECRETS.values()), quote(SECRETS["authorization"], safe="")
    query = "key=seeded-QKEY-1234567890&api_key=seeded-QAPI-1234567890&token=seeded-QTOK-1234567890&page=2"
    with use_cassette(path, record_mode="once"), httpx.Client(verify=TLS) as client:
        client.post(
            f"{server.url}/private?{query}",
            headers=SECRETS,
            json={"prompt": said, "query": query, "quoted": quoted},
        )
        url = server.url.replace("//", "//user:seeded-PASS-1234567890@")
        client.post(f"{url}/private", json={"prompt": "seeded-PASS-1234567890"})
    assert list(tmp_path.iterdir()) == [path]
    text = path.read_text("utf-8")
    assert "seeded" not in text
    assert "[redacted]" in text
    take, other = Cassette.load(path).interactions
    assert take.request.url == "http://127.0.0.1:1/private?page=2"
    assert other.request.url == "http://127.0.0.1:1/private"
    assert list(take.request.headers) == ["accept", "content-type"]
    assert take.response.headers["retry-after"] == "3"
    assert take.response.headers["x-ratelimit-remaining-tokens"] == "17"


def test_a_key_that_is_seen_late_is_taken_out_of_earlier_takes(server: Server, tmp_path: Path) -> None:
    """The body of the first call holds the key that only the second call sends as a header."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        ask(server, "my key is sk-seeded-LATE-123456")
        ask(server, "b", headers={"authorization": "Bearer sk-seeded-LATE-123456"})
    assert "seeded" not in path.read_text("utf-8")


def test_another_key_replays_what_one_key_recorded(server: Server, tmp_path: Path) -> None:
    """A body that repeats its key is compared in its redacted form."""
    path = tmp_path / "take.json"
    for mode, key in (("once", "sk-seeded-MINE-123456"), ("none", "sk-other-YOURS-654321")):
        with use_cassette(path, record_mode=mode) as recording:
            ask(server, f"key {key}", f"chat?key={key}", headers={"authorization": f"Bearer {key}"})
    assert (recording.played, server.count) == (1, 1)


def test_a_short_key_does_not_damage_bodies(server: Server, tmp_path: Path) -> None:
    """A placeholder such as "ollama" stands in innocent text too."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        ask(server, "ask ollama", headers={"authorization": "Bearer ollama"})
    assert Cassette.load(path).interactions[0].request.body == b'{"prompt":"ask ollama"}'


# --- several writers ---


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
def test_two_that_write_one_file_in_turn_lose_nothing(server: Server, tmp_path: Path, mode: str) -> None:
    """Each keeps what the other has written since both began; what it wrote stands once."""
    path = tmp_path / "take.json"
    if mode != "once":
        with use_cassette(path, record_mode="once"):
            ask(server, "old")
    kept = [1] if mode in ("new_episodes", "all") else []
    turns = [contextvars.copy_context() for _ in range(2)]
    blocks = [turn.run(ExitStack) for turn in turns]
    for turn, block in zip(turns, blocks, strict=True):
        turn.run(block.enter_context, use_cassette(path, record_mode=mode))
    server.http.count = 1
    for prompt in ("a", "b", "b", "c"):
        for turn in turns:
            turn.run(ask, server, prompt)
    for turn, block in zip(turns, blocks, strict=True):
        turn.run(block.close)
    assert numbers(path) == [*kept, *range(2, 10)]


def test_equal_takes_of_two_writers_are_two_takes(server: Server, tmp_path: Path) -> None:
    """An answer that is the same twice was given twice."""
    path = tmp_path / "take.json"
    server.http.bodies["chat"] = b'{"n": 7}'
    with use_cassette(path, record_mode="once"):
        ask(server, "a")
        with use_cassette(path, record_mode="new_episodes") as inner:
            ask(server, "a"), ask(server, "a")
        ask(server, "a")
    assert (inner.played, inner.recorded) == (1, 1)
    assert numbers(path) == [7, 7, 7]


def test_a_file_that_is_gone_or_replaced_gets_back_what_we_recorded(server: Server, tmp_path: Path) -> None:
    """Somebody deletes it, or writes it anew, while we record."""
    path, other = tmp_path / "take.json", tmp_path / "other.json"
    with use_cassette(other, record_mode="once"):
        ask(server, "theirs")
    with use_cassette(path, record_mode="once"):
        ask(server, "a")
        path.unlink()
        ask(server, "b")
        assert numbers(path) == [2, 3]
        other.replace(path)
        ask(server, "c")
    assert numbers(path) == [1, 2, 3, 4]


def test_a_file_that_somebody_breaks_meanwhile_is_left_and_told_at_the_end(
    server: Server, tmp_path: Path
) -> None:
    """It may hold a take that is nowhere else."""
    path = tmp_path / "take.json"
    with pytest.raises(CassetteError, match=r"take\.json is broken"), use_cassette(path, record_mode="once"):
        ask(server, "a")
        path.write_text('{"metadata": {"form')
        ask(server, "b")
    assert path.read_text() == '{"metadata": {"form'


@pytest.mark.skipif(sys.platform == "win32", reason="locks no folder there")
def test_a_folder_is_locked_while_a_file_in_it_is_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From reading what is there until it is replaced; afterwards it is free."""
    import fcntl

    def refused() -> bool:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(folder)
        return False

    seen = []
    for name in ("signature", "replace_file"):
        step = getattr(take_file, name)
        monkeypatch.setattr(
            take_file, name, lambda *given, step=step: [seen.append(refused()), step(*given)][1]
        )
    with use_cassette(tmp_path / "take.json", record_mode="once"):
        ask(server, "a")
        assert seen == [True, True, True]
        assert not refused()


def test_two_processes_that_record_one_cassette_lose_nothing(server: Server, tmp_path: Path) -> None:
    """At the same time, call by call; every state of the file in between can be read."""
    path = tmp_path / "take.json"
    program = """
import sys, httpx2
from pytest_llmharness.cassette import use_cassette
path, url = sys.argv[1:]
with use_cassette(path, record_mode="rewrite"), httpx2.Client(verify=False) as client:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(25):
        client.post(url, json={"prompt": number})
"""
    path.write_text('{"metadata": {"format": 1}, "interactions": []}')
    command = [sys.executable, "-c", program, str(path), f"{server.url}/chat"]
    pipe = subprocess.PIPE
    children = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    while any(child.poll() is None for child in children):
        assert isinstance(numbers(path), list)
    assert [child.communicate()[0] for child in children] == ["", ""]
    assert [child.returncode for child in children] == [0, 0]
    assert sorted(numbers(path)) == list(range(1, 51))
    assert list(tmp_path.iterdir()) == [path]


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
