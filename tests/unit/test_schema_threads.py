"""The core under threads, and in interpreters that are not the first."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pytest_llmharness import Schema

RECORDS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"id": {"type": "integer", "minimum": 0}, "tag": {"enum": ["a", "b"]}},
        "required": ["id"],
        "additionalProperties": False,
    },
}
# What only the crate reads.
LEFT_OVER: dict[str, Any] = {"type": "object", "properties": {"a": True}, "unevaluatedProperties": False}


def _records(count: int) -> str:
    return json.dumps([{"id": number, "tag": "ab"[number % 2]} for number in range(count)])


@pytest.fixture
def nobody_waits_for_a_turn() -> Iterator[None]:
    """Let a thread run only where another one gives the interpreter away by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    yield
    sys.setswitchinterval(before)


def _check(text: str) -> Callable[[], object]:
    schema = Schema(RECORDS)
    return lambda: schema.check(text)


def _accepts(text: str) -> Callable[[], object]:
    schema = Schema(RECORDS)
    return lambda: schema.accepts(text)


def _accepts_bytes(text: str) -> Callable[[], object]:
    schema, data = Schema(RECORDS), text.encode()
    return lambda: schema.accepts(data)


def _stream(text: str) -> Callable[[], object]:
    schema = Schema(RECORDS)
    return lambda: schema.stream().feed(text)


@pytest.mark.usefixtures("nobody_waits_for_a_turn")
@pytest.mark.parametrize("work_on", [_accepts, _accepts_bytes, _check, _stream])
def test_another_thread_runs_while_a_large_text_is_checked(
    work_on: Callable[[str], Callable[[], object]],
) -> None:
    """The interpreter is given away for the time of the check."""
    work = work_on(_records(100_000))
    seen: list[str] = []
    # The other thread may wake late on a busy machine; a core that keeps the interpreter is
    # never seen at work.
    for _ in range(50):
        seen = []
        at_work = threading.Event()

        def check(seen: list[str] = seen, at_work: threading.Event = at_work) -> None:
            at_work.set()
            work()
            seen.append("done")

        thread = threading.Thread(target=check)
        thread.start()
        at_work.wait()
        seen.append("meanwhile")
        thread.join()
        if seen == ["meanwhile", "done"]:
            break
    assert seen == ["meanwhile", "done"]


@pytest.mark.usefixtures("nobody_waits_for_a_turn")
def test_a_small_text_is_checked_without_giving_the_interpreter_away() -> None:
    """Below a few KB a hand-over takes longer than the check."""
    schema, small = Schema(RECORDS), _records(10)
    seen = []
    at_work = threading.Event()

    def check() -> None:
        at_work.set()
        for _ in range(1000):
            schema.accepts(small)
        seen.append("done")

    thread = threading.Thread(target=check)
    thread.start()
    at_work.wait()
    seen.append("after")
    thread.join()
    assert seen == ["done", "after"]


def test_threads_that_share_schemas_and_streams_get_the_verdicts_of_one() -> None:
    """Twelve threads, all faces of three schemas at once, texts below and above a few KB."""
    schemas = [Schema(RECORDS), Schema(LEFT_OVER), Schema({"anyOf": [RECORDS, {"type": "string"}]})]
    assert [schema.engine for schema in schemas] == ["rust", "rust+fallback", "rust"]
    texts = [
        _records(3),
        _records(300),
        '[{"id": -1}]',
        '{"a": 1}',
        '{"b": 1}',
        '"x"',
        "[",
        '[{"id": 1e400}]',
    ]

    def facts(schema: Schema, text: str) -> tuple[Any, ...]:
        stream = schema.stream()
        progress = [stream.feed(text[at : at + 7]) for at in range(0, min(len(text), 700), 7)]
        verdict = schema.check(text)
        value = schema.accepts_value(json.loads(text)) if text.startswith(("{", '"')) else None
        return schema.accepts(text), verdict.violations, verdict.hint(), progress, value

    expected = [facts(schema, text) for schema in schemas for text in texts]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(12) as pool:
            rounds = list(
                pool.map(lambda _: [facts(schema, text) for schema in schemas for text in texts], range(24))
            )
    finally:
        sys.setswitchinterval(before)
    assert all(found == expected for found in rounds)


def test_a_stream_takes_the_chunks_of_several_threads_one_at_a_time() -> None:
    """What threads feed arrives whole, in some order."""
    stream = Schema({"type": "array", "items": {"const": 7}}).stream()
    stream.feed("[7")
    with ThreadPoolExecutor(8) as pool:
        progress = set(pool.map(stream.feed, [",7" * 50] * 80))
    assert progress == {"viable"}
    assert stream.feed("]") == "complete"


INSIDE = """
from pytest_llmharness import HarnessError, Schema
try:
    schema = Schema({"type": "object", "required": ["a"]})
except HarnessError as error:
    print("refused:", error.what, flush=True)
else:
    verdicts = schema.accepts("{}"), schema.accepts('{"a": 1}'), schema.check("{}").hint()
    print(schema.engine, *verdicts, flush=True)
"""
AROUND = f"""
import importlib
for name in ("_xxsubinterpreters", "_interpreters"):
    try:
        interpreters = importlib.import_module(name)
        break
    except ImportError:
        pass
for _ in range(2):
    inner = interpreters.create()
    interpreters.run_string(inner, {INSIDE!r})
    interpreters.destroy(inner)
exec({INSIDE!r})
"""


def test_sub_interpreters_get_an_engine_or_hear_why_not() -> None:
    """Where the core may not be loaded the fallback serves; where that may not, an error says so."""
    run = subprocess.run(
        [sys.executable, "-c", AROUND], capture_output=True, text=True, timeout=100, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 3, run.stdout
    told = "False True add the missing field 'a'"
    for line in lines[:2]:
        served = line in (f"rust {told}", f"python {told}")
        assert served or line.startswith("refused: this interpreter can load neither"), line
    assert lines[2] in (f"rust {told}", f"python {told}")
