"""A turn of a ten-turn tool loop and what surrounds it, beside the same work written by hand."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from pytest_llmharness.adapters.tools.workers import in_thread

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SessionLog,
    SqliteSessionLog,
    ToolCall,
    tool,
)

from .row import Row, child_cpu_s, together

TURNS, WIDE, RUNS = 10, 21, 100
LOOPS = 20
"""How often a work is done at a time, so that to enter the event loop counts for nothing."""
ALL_TURNS = TURNS * LOOPS
CONFIG = HarnessConfig(max_iterations=20, max_tool_depth=20, tool_concurrency=5)
CALL = ToolCall("add", {"a": 1, "b": 2})


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(name="add")
async def add_async(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def rows() -> Iterator[Row]:
    """Yield the rows of a turn, of a parallel call, of the import and of runs side by side."""
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        yield from _turns(runner, Path(folder))
        yield _parallel(runner)
        yield _concurrent(runner)
    yield _imported()


# --- a turn ---


def _turns(runner: asyncio.Runner, folder: Path) -> Iterator[Row]:
    memory, sqlite = MemorySessionLog(), SqliteSessionLog(folder / "sessions.db")
    by_hand = sqlite3.connect(folder / "by_hand.db", isolation_level=None)
    by_hand.execute("pragma journal_mode = wal")
    by_hand.execute("pragma synchronous = normal")
    by_hand.execute("create table event (seq integer primary key, body text)")
    unwritten, in_async, in_thread, bare = together(
        lambda: runner.run(ten_turns(add_async, None)),
        lambda: runner.run(ten_turns(add_async, memory)),
        lambda: runner.run(ten_turns(add, memory)),
        lambda: runner.run(_bares(None)),
    )
    yield Row("a turn, async tool, no log", "a bare asyncio loop", unwritten / ALL_TURNS, bare / ALL_TURNS)
    yield Row("a turn, async tool", "a bare asyncio loop", in_async / ALL_TURNS, bare / ALL_TURNS, slower=8)
    # A function that is no coroutine crosses to a thread and back, so that it cannot block the loop.
    yield Row("a turn, sync tool", "a bare asyncio loop", in_thread / ALL_TURNS, bare / ALL_TURNS, slower=8)
    ours, bare = together(
        lambda: runner.run(ten_turns(add_async, sqlite)), lambda: runner.run(_bares(by_hand)), seconds=1
    )
    yield Row(
        "a turn, async tool, SQLite log", "bare + SQLite WAL", ours / ALL_TURNS, bare / ALL_TURNS, slower=1.4
    )
    runner.run(sqlite.aclose())
    by_hand.close()
    yield _crossing(runner)


def _crossing(runner: asyncio.Runner) -> Row:
    """Return what a tool that is no coroutine costs more, beside two locks that wake a thread and us."""
    there, back = Lock(), Lock()
    there.acquire()
    back.acquire()
    over = False

    def answer() -> None:
        while not over:
            there.acquire()
            back.release()

    def by_hand() -> None:
        for _ in range(100):
            there.release()
            back.acquire()

    async def crossed() -> None:
        for _ in range(100):
            assert await in_thread(add, {"a": 1, "b": 2}) == 3

    thread = Thread(target=answer, daemon=True)
    thread.start()
    ours, bare = together(lambda: runner.run(crossed()), by_hand)
    over = True
    there.release()
    thread.join()
    return Row("to a thread and back", "two locks", ours / 100, bare / 100)


async def ten_turns(function: Any, log: SessionLog | None) -> None:
    """Run the loop `LOOPS` times, each in a session of its own, and check what came of it."""
    script = ScriptedProvider(([CALL] * (TURNS - 1) + ["done"]) * LOOPS)
    harness = Harness(script, tools=[function], config=CONFIG, session_log=log)
    for _ in range(LOOPS):
        result = await harness.arun("go")
        assert result.content == "done"
        assert len(result.metadata["attempts"]) == TURNS


async def _bares(database: sqlite3.Connection | None) -> None:
    for _ in range(LOOPS):
        await _bare(database)


async def _bare(database: sqlite3.Connection | None) -> None:
    async def model(messages: list[Any]) -> dict[str, Any]:
        return {"text": "done"} if len(messages) >= 2 * TURNS - 1 else {"call": {"a": 1, "b": 2}}

    async def call(arguments: dict[str, int]) -> int:
        return arguments["a"] + arguments["b"]

    def log(kind: str, body: Any) -> None:
        if database is not None:
            database.execute("insert into event (body) values (?)", (json.dumps([kind, body]),))

    messages: list[Any] = [{"role": "user", "content": "go"}]
    while True:
        log("request", len(messages))
        answer = await model(messages)
        log("answer", answer)
        if "text" in answer:
            break
        log("call", answer)
        result = await call(answer["call"])
        log("result", result)
        messages += [answer, {"role": "tool", "content": result}]
    assert len(messages) == 2 * TURNS - 1


# --- an extra parallel call ---


def _parallel(runner: asyncio.Runner) -> Row:
    ours, our_one, bare, bare_one = together(
        lambda: runner.run(_our_calls(WIDE)),
        lambda: runner.run(_our_calls(2)),
        lambda: runner.run(_bare_calls(WIDE)),
        lambda: runner.run(_bare_calls(2)),
    )
    more = (WIDE - 2) * LOOPS
    name = "an extra parallel tool call"
    return Row(name, "semaphore + timeout", (ours - our_one) / more, (bare - bare_one) / more, slower=1.5)


async def _our_calls(number: int) -> None:
    script = ScriptedProvider([[CALL] * number, "done"] * LOOPS)
    harness = Harness(script, tools=[add_async], config=CONFIG, session_log=MemorySessionLog())
    for turn in range(LOOPS):
        assert (await harness.arun("go")).content == "done"
        told = script.prompts[2 * turn + 1].messages[2:]
        assert [message.text for message in told] == ["3"] * number


async def _bare_calls(number: int) -> None:
    slots = asyncio.Semaphore(CONFIG.tool_concurrency)

    async def call(a: int, b: int) -> int:
        async with slots, asyncio.timeout(30):  # noqa: ASYNC100 - what a harness has to do, by hand
            return a + b

    for _ in range(LOOPS):
        assert await asyncio.gather(*(call(1, 2) for _ in range(number))) == [3] * number


# --- runs side by side ---


def _concurrent(runner: asyncio.Runner) -> Row:
    async def serial() -> None:
        harness = _many()
        for number in range(RUNS):
            assert (await harness.arun(Request(f"request {number}"))).content == "done"

    async def side_by_side() -> None:
        harness = _many()
        results = await asyncio.gather(*(harness.arun(Request(f"request {n}")) for n in range(RUNS)))
        assert [result.content for result in results] == ["done"] * RUNS

    together_s, one_by_one_s = together(
        lambda: runner.run(side_by_side()), lambda: runner.run(serial()), seconds=1
    )
    return Row("100 runs side by side", "the same, one by one", together_s, one_by_one_s, slower=1.2)


def _many() -> Harness:
    script = [lambda prompt: CALL if len(prompt.messages) == 1 else "done"]
    return Harness(ScriptedProvider(script * (2 * RUNS)), tools=[add_async], config=CONFIG)


# --- the import ---


def _imported() -> Row:
    both = "import asyncio; from pytest_llmharness import Harness"
    ours, bare = (child_cpu_s([sys.executable, "-c", code], cwd=".") for code in (both, "import asyncio"))
    return Row("import of the harness", "import asyncio, CPU time", ours, bare, extra_s=0.060)
