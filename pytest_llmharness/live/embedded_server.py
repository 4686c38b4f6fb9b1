"""The child process of the embedded engine: the real llama.cpp server around a model file.

Run by file path, so it imports nothing of this package. The parent writes one line of JSON to
stdin, `{"model_path": str, "alias": str, "api_key": str}`, and reads one line of JSON from stdout:
`{"url": str}` once the server listens, or `{"error": "import" | "start", "detail": str}`. From
then on stdin stays open and silent: when it closes, the parent has stopped us or has died, and
this process leaves at once, streams or not. SIGTERM is left as it is: it kills without asking.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any

CONTEXT_TOKENS = 8192
SLOTS = 4
"""Requests served at once; each has its share of the context, 2048 tokens."""

_PARENT_CHECK_S = 1.0


def main() -> None:
    """Serve until the parent lets go of stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then stops us
    parent = os.getppid()
    answers = _claim_stdout()
    order = json.loads(sys.stdin.readline())
    try:
        import xllamacpp
    except ImportError as error:
        _leave(answers, {"error": "import", "detail": str(error)})
    try:
        server = xllamacpp.Server(_params(xllamacpp.CommonParams(), order))
        answers.write(json.dumps({"url": server.listening_address}) + "\n")
    except Exception as error:  # noqa: BLE001  # every failure is told to the parent
        _leave(answers, {"error": "start", "detail": str(error)})
    answers.close()
    _wait_for_parent(parent)
    os._exit(0)


def _claim_stdout() -> Any:
    """Keep the pipe for our one line, and give native code that prints the null device."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return answers


def _leave(answers: Any, report: dict[str, str]) -> None:
    answers.write(json.dumps(report) + "\n")
    answers.flush()
    os._exit(1)


def _params(params: Any, order: dict[str, str]) -> Any:
    params.model.path = order["model_path"]
    params.api_keys = [order["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS, SLOTS
    for name, value in (
        ("model_alias", {order["alias"]}),
        ("cpuparams.n_threads", 1),
        ("cpuparams_batch.n_threads", 1),
        ("n_gpu_layers", 0),
        ("warmup", False),
        ("ui", False),
        ("offline", True),
        ("cache_ram_mib", 0),
        ("sse_ping_interval", 1),
        ("endpoint_metrics", True),
        ("endpoint_props", True),
        ("fit_params", False),
        ("verbosity", 1),
    ):
        _set(params, name, value)
    return params


def _set(params: Any, path: str, value: Any) -> None:
    """Set what this release of xllamacpp knows: its settings come and go with llama.cpp's."""
    *parents, name = path.split(".")
    with suppress(AttributeError, TypeError):
        for parent in parents:
            params = getattr(params, parent)
        if hasattr(params, name):
            setattr(params, name, value)


def _wait_for_parent(parent: int) -> None:
    """Return when stdin ends, or when the parent is gone though a fork of it holds the pipe."""
    if sys.platform == "win32":
        sys.stdin.read()
        return
    while os.getppid() == parent:
        if select.select([0], [], [], _PARENT_CHECK_S)[0] and not os.read(0, 1024):
            return


if __name__ == "__main__":
    main()
