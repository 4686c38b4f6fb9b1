"""A text that arrives in 500 chunks, with a verdict after each."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jiter
import json_repair
import orjson

from pytest_llmharness import Schema

from .cases import RECORDS, records, size
from .row import Row, together

CHUNKS = 500
# A whole run of json_repair takes ten seconds and more: this many chunks stand for all.
SAMPLE = 20


def rows() -> Iterator[Row]:
    """Yield a row for each peer, and one for twice the text."""
    text = records(1030)
    ours, partial = together(lambda: _ours(text), lambda: _partial(text))
    work = f"stream {size(text)} in {CHUNKS} chunks"
    yield Row(work, "jiter, partial, each chunk", ours, partial, faster=30)
    yield Row(work, "json_repair, each chunk (1 in 25)", ours, _repaired_s(text), faster=2000)
    twice = records(2060)
    longer, shorter = together(lambda: _ours(twice), lambda: _ours(text))
    yield Row(
        f"stream {size(twice)} in {CHUNKS} chunks",
        f"{size(text)}: twice as long",
        longer,
        shorter,
        slower=2.2,
    )


def _chunks(text: bytes) -> list[bytes]:
    length = -(-len(text) // CHUNKS)
    return [text[start : start + length] for start in range(0, len(text), length)]


def _ours(text: bytes) -> None:
    stream = Schema(RECORDS).stream()
    progress = [stream.feed(chunk) for chunk in _chunks(text)]
    assert stream.exact
    assert progress[-1] == "complete"
    assert set(progress[:-1]) == {"viable"}


def _partial(text: bytes) -> None:
    arrived = b""
    for chunk in _chunks(text):
        arrived += chunk
        value = jiter.from_json(arrived, partial_mode=True)
    assert value == orjson.loads(text)


def _repaired_s(text: bytes) -> float:
    chunks = _chunks(text)
    took = 0.0
    step = len(chunks) // SAMPLE
    for count in range(step, len(chunks) + 1, step):
        arrived = b"".join(chunks[:count]).decode()
        began = time.perf_counter()
        value = json_repair.loads(arrived, skip_json_loads=True)
        took += time.perf_counter() - began
        assert isinstance(value, list)
    return took * len(chunks) / SAMPLE
