"""The embedded engine: a real llama.cpp server with the toy model, in a child process.

No GPU, no download. It tests plumbing, not answers: the wire, the streams, the tool calls and the
JSON are real, the words mean nothing.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import EngineUnavailable
from . import embedded_server, probe, toy_model
from .model_cache import ModelFile

_CPUINFO = Path("/proc/cpuinfo")
_EXTRA = "pip install 'pytest-llmharness[embedded]'"
_ILLEGAL_INSTRUCTION = {-4, 0xC000001D}
_STDERR_CHARS = 300
_STOP_S = 5.0


class EmbeddedEngine:
    """A running llama.cpp server that answers as `toy` on loopback, with a random key.

    Attributes:
        base_url: `http://127.0.0.1:PORT/v1`, where OpenAI clients point.
        api_key: the key the server wants, made anew at every start.
        model: the model's name, `toy`.
        pid: the child's process id.

    Use it as a context manager, or call `stop`. The child also leaves when this process dies.
    """

    model = toy_model.MODEL

    def __init__(self, base_url: str, api_key: str, child: _Child, model_file: ModelFile) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.pid = child.pid
        self._child = child
        self._model_file = model_file

    def __repr__(self) -> str:
        return f"<EmbeddedEngine {self.base_url} pid={self.pid} {'alive' if self.alive else 'stopped'}>"

    @classmethod
    def start(cls, *, timeout_s: float = 30.0, environ: Mapping[str, str] = os.environ) -> EmbeddedEngine:
        """Start the server and wait until it answers an authenticated request.

        Args:
            timeout_s: seconds until it must answer; making the model the first time counts.
            environ: where the cache folder is looked up.

        Raises:
            EngineUnavailable: an extra, a system library or an instruction of the CPU is missing,
                or the server did not come up; `what` is one line that can be a skip reason.
        """
        deadline = time.monotonic() + timeout_s
        _require_avx2()
        key = secrets.token_urlsafe(24)
        with ExitStack() as undo:
            model_file = _model_file(environ)
            undo.callback(model_file.release)
            child = _Child(key)
            undo.callback(child.stop)
            url = child.serve(model_file.path, deadline)
            _require_health(url, key, deadline)
            undo.pop_all()
        return cls(f"{url}/v1", key, child, model_file)

    @property
    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._child.alive

    def stop(self) -> None:
        """Stop the server, open streams included; may be called again."""
        self._child.stop()
        self._model_file.release()

    def __enter__(self) -> EmbeddedEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class _Child:
    """The server's process: its pipes, its last words and its end."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._owner = os.getpid()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the child
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no shell
                # By path and with -P: it finds no module of ours, whatever the caller's sys.path is.
                [sys.executable, "-P", embedded_server.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
            )
        except OSError as error:
            self._stderr.close()
            raise EngineUnavailable(
                f"the embedded engine's process cannot be started: {error.strerror or error}",
                where=f"{sys.executable or 'sys.executable is empty'}",
                fix="run pytest with a Python interpreter that can start itself",
            ) from error
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def serve(self, model_path: Path, deadline: float) -> str:
        """Hand over the model and the key, and return the URL the server listens on."""
        order = {"model_path": str(model_path), "alias": toy_model.MODEL, "api_key": self._key}
        with suppress(OSError):  # it died before it could read: its exit says why
            _stream(self._process.stdin).write(json.dumps(order).encode() + b"\n")
            _stream(self._process.stdin).flush()
        report = self._report(deadline)
        if "url" in report:
            return str(report["url"])
        detail = " ".join(str(report.get("detail", "")).split())
        if report.get("error") == "import":
            raise _not_importable(detail)
        raise EngineUnavailable(
            f"the embedded engine's server could not start ({self._last_words() or detail})",
            where=str(model_path),
            fix=f"delete {model_path} (it is made again), or upgrade: pip install -U xllamacpp",
        )

    def _report(self, deadline: float) -> dict[str, Any]:
        lines: list[bytes] = []
        reader = threading.Thread(
            target=lambda: lines.append(_stream(self._process.stdout).readline()), daemon=True
        )
        reader.start()
        reader.join(max(deadline - time.monotonic(), 0.0))
        if not lines:
            raise _too_slow(self._last_words())
        with suppress(ValueError):
            report = json.loads(lines[0])
            if isinstance(report, dict):
                return report
        raise self._died()

    def _died(self) -> EngineUnavailable:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        code = self._process.poll()
        if code in _ILLEGAL_INSTRUCTION:
            return _no_avx2("the server was stopped by an illegal instruction")
        return EngineUnavailable(
            f"the embedded engine's server died at its start with exit status {code}"
            f" ({self._last_words() or 'it said nothing'})",
            where=f"{sys.executable} {embedded_server.__file__}",
            fix="pip install -U xllamacpp",
        )

    def _last_words(self) -> str:
        """Return the end of stderr as one line, clipped, without the key."""
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(self._stderr.tell() - 4096, 0))
        lines = self._stderr.read().decode(errors="replace").replace(self._key, "***").split("\n")
        text = "; ".join(line.strip() for line in lines[-4:] if line.strip())
        return text if len(text) <= _STDERR_CHARS else "..." + text[-_STDERR_CHARS:]

    def stop(self) -> None:
        """End the process at once. Its stdout is closed last: a thread may still be reading from it."""
        if os.getpid() != self._owner:  # a fork of the owner has no say in it
            return
        with suppress(OSError):
            _stream(self._process.stdin).close()
        if self.alive:
            self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _stream(self._process.stdout).close()
        self._stderr.close()


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # both were asked for
    return pipe


def _model_file(environ: Mapping[str, str]) -> ModelFile:
    try:
        return ModelFile.ready(environ)
    except ImportError as error:
        raise _not_importable(str(error)) from error
    except OSError as error:
        raise EngineUnavailable(
            f"the toy model cannot be written: {error.strerror or error}",
            where=f"LLMHARNESS_CACHE_DIR, or {tempfile.gettempdir()}",
            fix="export LLMHARNESS_CACHE_DIR=/a/folder/that/can/be/written",
        ) from error


def _require_health(url: str, key: str, deadline: float) -> None:
    timeout_s = max(deadline - time.monotonic(), 0.001)
    try:
        answer = probe.get(f"{url}/v1/models", timeout_s=timeout_s, api_key=key)
    except (OSError, ValueError) as error:
        raise _too_slow(str(error)) from error
    if answer.status != 200:
        raise EngineUnavailable(
            f"the embedded engine's server answers its health check with HTTP {answer.status}",
            where=f"{url}/v1/models",
            fix="pip install -U xllamacpp",
        )


def _require_avx2() -> None:
    """Refuse a CPU that lacks what the wheel was built for, where the system says so."""
    if platform.machine() in {"x86_64", "AMD64"} and _CPUINFO.is_file():
        with _CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            if not _has_avx2(lines):
                raise _no_avx2(str(_CPUINFO))


def _has_avx2(lines: Iterator[str]) -> bool:
    """Read the first line of flags; a system that shows none is given the benefit of the doubt."""
    flags = next((line for line in lines if line.startswith("flags")), "avx2")
    return "avx2" in flags.split()


def _no_avx2(where: str) -> EngineUnavailable:
    return EngineUnavailable(
        "the embedded engine needs a CPU with AVX2, which this one lacks",
        where=where,
        fix="pytest --llm-engine=ollama, or another engine that runs elsewhere (--llm-base-url)",
    )


def _not_importable(detail: str) -> EngineUnavailable:
    if "libgomp" in detail:
        return EngineUnavailable(
            "the embedded engine needs the system library libgomp.so.1, which is not installed",
            where=detail,
            fix="apt-get install libgomp1",
        )
    return EngineUnavailable(
        f"the embedded engine is not installed ({detail})", where=sys.executable, fix=_EXTRA
    )


def _too_slow(detail: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"the embedded engine's server did not answer in time{f' ({detail})' if detail else ''}",
        where="EmbeddedEngine.start(timeout_s=...)",
        fix="give it more seconds, or fewer workers: pytest -n 2",
    )
