"""Recording a stream beside letting it through, and its gaps when it is replayed at its pace."""

from __future__ import annotations

import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import vcr

from pytest_llmharness.cassette import Cassette, use_cassette

from .row import Row

FIRST_S, GAP_S, CHUNKS, RUNS = 0.05, 0.005, 30, 7
WORDS = [f"data: word {number}\n\n".encode() for number in range(CHUNKS)]
BODY = b'{"stream":true}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def rows() -> Iterator[Row]:
    """Yield the first token while recording, beside live and beside vcrpy, then the gaps."""
    with closing(_listen()) as server, tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1/chat"
        paths = iter(Path(folder, str(number)) for number in range(4 * RUNS))
        kinds: list[Callable[[], AbstractContextManager[Any]]] = [
            nullcontext,
            lambda: use_cassette(next(paths), record_mode="all"),
            lambda: vcr.VCR(record_mode="all").use_cassette(str(next(paths))),
        ]
        runs: list[list[list[float]]] = [[], [], []]
        for _ in range(RUNS):  # they take turns, so noise hits all
            for kind, reads in zip(kinds, runs, strict=True):
                with kind():
                    reads.append(_read(url))
        live, ours, theirs = (statistics.median(read[0] for read in reads) for reads in runs)
        yield Row("first token while recording", "no recorder", ours, live, slower=1.1)
        yield Row("first token while recording", "vcrpy", ours, theirs, faster=3)
        live, ours = (statistics.median(gap for read in reads for gap in _gaps(read)) for reads in runs[:2])
        yield Row("a gap while recording (p50)", "no recorder", ours, live, slower=1.1)
        yield _replayed_gap(Path(folder, "gaps"), url)


def _replayed_gap(path: Path, url: str) -> Row:
    with use_cassette(path, record_mode="once"):
        _read(url)
    recorded = _gaps([ms / 1e3 for ms, _ in Cassette.load(path).interactions[0].response.chunks])
    with use_cassette(path, speed=1.0):
        replayed = _gaps(_read(url))
    errors = (abs(ours - theirs) for ours, theirs in zip(replayed, recorded, strict=True))
    gap_s, error_s = statistics.median(recorded), statistics.median(errors)
    return Row("a gap at speed 1, with its p50 error", "the recorded gap", gap_s + error_s, gap_s, slower=1.1)


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _read(url: str) -> list[float]:
    """Return when each chunk came, in seconds after the request."""
    times, chunks = [], []
    with httpx2.Client(verify=False) as client:
        began = time.perf_counter()
        with client.stream("POST", url, content=BODY) as response:
            for chunk in response.iter_raw():
                times.append(time.perf_counter() - began)
                chunks.append(chunk)
    assert b"".join(chunks) == b"".join(WORDS)
    return times


def _listen() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(server,), daemon=True).start()
    return server


def _accept(server: socket.socket) -> None:
    with suppress(OSError):  # closed
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        while not received.endswith(BODY):
            received += connection.recv(65536)
        due = time.perf_counter() + FIRST_S
        connection.sendall(HEAD)
        for word in WORDS:
            time.sleep(max(due - time.perf_counter(), 0))
            connection.sendall(b"%x\r\n%b\r\n" % (len(word), word))
            due += GAP_S
        connection.sendall(b"0\r\n\r\n")
        connection.recv(1)  # until the client closes
