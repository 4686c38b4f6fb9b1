"""The embedded engine's life: it starts fast, answers only with its key, and always goes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness.errors import EngineUnavailable
from pytest_llmharness.live import embedded, embedded_server, model_cache, probe, toy_model
from pytest_llmharness.live.embedded import EmbeddedEngine

ROOT = Path(embedded.__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and waits on a pidfd")
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


@pytest.fixture
def engine(embedded_engine: EmbeddedEngine) -> EmbeddedEngine:
    return embedded_engine


def started(**options: Any) -> EmbeddedEngine:
    try:
        return EmbeddedEngine.start(**options)
    except EngineUnavailable as error:
        pytest.skip(error.what)


def python(code: str, **options: Any) -> subprocess.Popen[str]:
    """Run code that can import this package, with pipes for stdin and stdout."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ | options,
    )


def gone(pid: int, timeout_s: float = 10.0) -> bool:
    """Wait until a process that is not our child has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], timeout_s)[0])
    finally:
        os.close(handle)


def test_it_starts_answers_and_stops() -> None:
    """Up with a URL, a key and a model name; after `stop` the process is gone, and stopping again is fine."""
    engine = started()
    with engine:
        answer = probe.get(f"{engine.base_url}/models", timeout_s=5, api_key=engine.api_key)
        assert answer.status == 200
        assert [model["id"] for model in answer.json()["data"]] == [engine.model] == ["toy"]
        assert engine.base_url.startswith("http://127.0.0.1:")
        assert engine.alive
    assert not engine.alive
    engine.stop()
    with pytest.raises(OSError, match=r"refused|reset"):
        probe.get(f"{engine.base_url}/models", timeout_s=5)


def test_a_start_from_the_cache_makes_nothing(engine: EmbeddedEngine) -> None:
    """With the model in the cache a start takes half a second at most, and needs neither gguf nor numpy."""
    code = """
        import sys, time
        from pytest_llmharness.live.embedded import EmbeddedEngine
        began = time.perf_counter()
        with EmbeddedEngine.start():
            print(time.perf_counter() - began)
        print({"gguf", "numpy", "xllamacpp", "pytest", "httpx"} & set(sys.modules))
    """
    with python(code) as child:
        took, imported = child.communicate()[0].split("\n", 1)
    assert imported.strip() == "set()"
    assert float(took) < 0.5 * max(1.0, os.getloadavg()[0] if hasattr(os, "getloadavg") else 1.0)


def test_nobody_gets_in_without_the_key(engine: EmbeddedEngine) -> None:
    """No key and a wrong key are refused with 401, and every start makes another key."""
    for key in (None, "wrong", ""):
        assert probe.get(f"{engine.base_url}/models", timeout_s=5, api_key=key).status == 401
    with started() as other:
        assert other.api_key != engine.api_key
        assert len(other.api_key) >= 24
        assert probe.get(f"{other.base_url}/models", timeout_s=5, api_key=engine.api_key).status == 401


@linux
def test_the_key_is_not_shown(engine: EmbeddedEngine) -> None:
    """The key is neither in the repr nor where other users could read it."""
    assert engine.api_key not in repr(engine)
    for listing in ("cmdline", "environ"):
        assert engine.api_key.encode() not in Path(f"/proc/{engine.pid}/{listing}").read_bytes()


@linux
def test_it_listens_on_loopback_only(engine: EmbeddedEngine) -> None:
    """No other address of this machine leads to the server."""
    port = int(engine.base_url.rpartition(":")[2].partition("/")[0])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    assert listening == {f"0100007F:{port:04X}"}


def test_stopping_with_an_open_stream_is_quick() -> None:
    """A client in the middle of a stream does not hold the server back."""
    openai = pytest.importorskip("openai")
    engine = started()
    with openai.OpenAI(base_url=engine.base_url, api_key=engine.api_key, max_retries=0) as client:
        stream = client.chat.completions.create(
            model="toy",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            max_tokens=100_000,
            extra_body={"ignore_eos": True},
        )
        next(iter(stream))
        began = time.perf_counter()
        engine.stop()
        assert time.perf_counter() - began < 1.0
        assert not engine.alive
        stream.close()


@linux
def test_the_child_dies_with_its_parent() -> None:
    """A parent that is killed outright leaves no server behind."""
    with python(f"{_START_AND_WAIT}sys.stdin.read()") as parent:
        pid = int(parent.stdout.readline())  # type: ignore[union-attr]
        parent.kill()
        assert gone(pid)


@linux
def test_the_child_dies_although_a_fork_lives_on() -> None:
    """A fork of the killed parent holds the pipe open, and the server leaves all the same."""
    with python(f"{_START_AND_WAIT}os.fork(); sys.stdin.read()") as parent:
        pid = int(parent.stdout.readline())  # type: ignore[union-attr]
        parent.kill()
        assert gone(pid)


_START_AND_WAIT = """
import os, sys
from pytest_llmharness.live.embedded import EmbeddedEngine
engine = EmbeddedEngine.start()
print(engine.pid, flush=True)
"""


@posix
def test_a_fork_cannot_stop_the_engine() -> None:
    """Only the process that started the engine ends it: a worker's clean-up leaves it alone."""
    code = f"""{_START_AND_WAIT}
if not (fork := os.fork()):
    engine.stop()
    os._exit(0)
os.waitpid(fork, 0)
print(engine.alive)
engine.stop()
print(engine.alive)
"""
    with python(code) as parent:
        assert parent.communicate()[0].split()[1:] == ["True", "False"]


def test_many_starts_share_one_model_file(engine: EmbeddedEngine, tmp_path: Path) -> None:
    """Processes that find an empty cache at the same moment all come up, and one whole file is left."""
    code = """
        import sys
        from pytest_llmharness.live.embedded import EmbeddedEngine
        sys.stdin.read()
        with EmbeddedEngine.start() as engine:
            print(engine.alive)
    """
    children = [python(code, LLMHARNESS_CACHE_DIR=str(tmp_path)) for _ in range(4)]
    for child in children:
        child.stdin.close()  # type: ignore[union-attr]
    assert [child.stdout.read().strip() for child in children] == ["True"] * 4  # type: ignore[union-attr]
    for child in children:
        child.stdout.close()  # type: ignore[union-attr]
        assert child.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"toy-{toy_model.fingerprint()}.gguf"]


def test_a_cache_that_cannot_be_written_is_no_obstacle(engine: EmbeddedEngine, tmp_path: Path) -> None:
    """The model goes to a private folder then, which is removed when the engine stops."""
    (tmp_path / "file").write_text("in the way")
    with started(environ={"LLMHARNESS_CACHE_DIR": str(tmp_path / "file" / "cache")}) as private:
        path = private._model_file.path
        assert path.is_file()
        assert private.alive
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LLMHARNESS_CACHE_DIR": "/here", "XDG_CACHE_HOME": "/there"}, Path("/here")),
        ({"XDG_CACHE_HOME": "/there"}, Path("/there/pytest-llmharness")),
        ({"XDG_CACHE_HOME": "not/absolute"}, Path.home() / ".cache/pytest-llmharness"),
        ({}, Path.home() / ".cache/pytest-llmharness"),
    ],
)
@linux
def test_the_cache_folder_is_the_users(environ: dict[str, str], expected: Path) -> None:
    """LLMHARNESS_CACHE_DIR, then the XDG folder, then ~/.cache."""
    assert model_cache.cache_dir(environ) == expected


def test_the_server_file_imports_nothing_of_ours() -> None:
    """The child runs by file path, so it must not need the package."""
    source = Path(embedded_server.__file__).read_text()
    assert "pytest_llmharness" not in source
    assert "from ." not in source
