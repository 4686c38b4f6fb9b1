"""An engine that cannot start says in one line why, and how to mend it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_llmharness.errors import EngineUnavailable
from pytest_llmharness.live import embedded, toy_model
from pytest_llmharness.live.embedded import EmbeddedEngine

PIP = "pip install 'pytest-llmharness[embedded]'"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A cache folder that holds a file under the toy model's name."""
    path = tmp_path / f"toy-{toy_model.fingerprint()}.gguf"
    path.write_bytes(b"GGUF, or so it says")
    return path


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of an xllamacpp that the child imports instead of the real one."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "xllamacpp.py"


def refused(model: Path, timeout_s: float = 30.0) -> EngineUnavailable:
    with pytest.raises(EngineUnavailable) as caught:
        EmbeddedEngine.start(timeout_s=timeout_s, environ={"LLMHARNESS_CACHE_DIR": str(model.parent)})
    assert "\n" not in caught.value.what
    assert caught.value.what[0].islower()
    return caught.value


def test_a_missing_server_package(model: Path, broken: Path) -> None:
    """Without xllamacpp: the extra to install."""
    broken.write_text("raise ModuleNotFoundError(\"No module named 'xllamacpp'\", name='xllamacpp')")
    error = refused(model)
    assert "not installed (No module named 'xllamacpp')" in error.what
    assert error.fix == PIP


@pytest.mark.parametrize("package", ["gguf", "numpy"])
def test_a_missing_model_writer(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gguf or numpy, and no model in the cache: the extra to install."""
    monkeypatch.setitem(sys.modules, package, None)
    error = refused(tmp_path / "none" / "toy.gguf")
    assert package in error.what
    assert error.fix == PIP


def test_a_missing_system_library(model: Path, broken: Path) -> None:
    """Without libgomp: the system's package to install."""
    broken.write_text("raise ImportError('libgomp.so.1: cannot open shared object file: No such file')")
    error = refused(model)
    assert "libgomp.so.1" in error.what
    assert error.fix == "apt-get install libgomp1"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_cpu_that_lacks_the_instructions(model: Path, broken: Path) -> None:
    """A child that dies of an illegal instruction is a CPU without AVX2."""
    broken.write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert "AVX2" in refused(model).what


@pytest.mark.parametrize(
    ("cpuinfo", "fine"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 avx avx2 fma\n", True),
        ("processor\t: 0\nflags\t\t: fpu sse2 avx\n", False),
        ("processor\t: 0\nvmx flags\t: avx2x\n", True),
    ],
)
def test_the_cpus_flags_are_read(cpuinfo: str, fine: bool) -> None:
    """AVX2 is looked up in the flags; a system that lists none is tried."""
    assert embedded._has_avx2(iter(cpuinfo.splitlines(keepends=True))) is fine


def test_a_child_that_dies_tells_its_last_words(model: Path, broken: Path) -> None:
    """The exit status and the end of stderr are in the text, clipped, and the key is not."""
    broken.write_text(
        "import os, sys\n"
        "key = sys._getframe(1)\n"
        "while 'order' not in key.f_locals: key = key.f_back\n"
        "os.write(2, b'x' * 9000 + b'\\nthe key is ' + key.f_locals['order']['api_key'].encode())\n"
        "os._exit(3)\n"
    )
    error = refused(model)
    assert "exit status 3" in error.what
    assert "the key is ***" in error.what
    assert len(error.what) < 600


def test_a_broken_model_file_is_named(model: Path) -> None:
    """A file the server cannot read is the one to delete."""
    pytest.importorskip("xllamacpp", reason="the embedded extra is not installed", exc_type=ImportError)
    error = refused(model)
    assert "could not start" in error.what
    assert error.where == str(model)
    assert f"delete {model}" in error.fix


def test_a_child_that_never_answers_is_given_up(model: Path, broken: Path) -> None:
    """The time limit holds, and the child is not left behind."""
    broken.write_text("import sys; sys.stdin.read()")
    assert "in time" in refused(model, timeout_s=0.3).what


def test_an_interpreter_that_cannot_run(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedded in a program that is no Python interpreter, there is nothing to start."""
    monkeypatch.setattr(sys, "executable", str(model))
    error = refused(model)
    assert "cannot be started" in error.what
    assert error.where == str(model)
