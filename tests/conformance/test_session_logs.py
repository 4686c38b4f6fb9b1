"""Both session logs keep the contract; the durable one keeps it through a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness.adapters.stores.memory_session_log import MemorySessionLog
from pytest_llmharness.adapters.stores.sqlite_session_log import SqliteSessionLog
from pytest_llmharness.contracts import SessionLogContract
from pytest_llmharness.domain.event import Event, EventKind
from pytest_llmharness.errors import ConfigError, SessionConflict, SessionLogError

EVENT = Event(EventKind.TOOL_RESULT, {"n": 1})


class TestMemorySessionLog(SessionLogContract):
    @pytest.fixture
    def log(self) -> MemorySessionLog:
        return MemorySessionLog()


@pytest.fixture(params=["process", "power"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteSessionLog]:
    log = SqliteSessionLog(tmp_path / "log.db", durability=request.param)
    yield log
    asyncio.run(log.aclose())


class TestSqliteSessionLog(SessionLogContract):
    @pytest.fixture(params=["process", "power"])
    def log(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteSessionLog]:
        log = SqliteSessionLog(tmp_path / "log.db", durability=request.param)
        yield log
        asyncio.run(log.aclose())


async def seqs(log: SqliteSessionLog, session_id: str) -> list[int]:
    return [seq async for seq, _ in log.read(session_id)]


def test_another_process_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    """A second log on the same file sees everything, and fences the first off."""

    async def take_over() -> None:
        first, second = (SqliteSessionLog(tmp_path / "log.db") for _ in range(2))
        await first.append("s", 0, EVENT)
        assert await seqs(second, "s") == [0]
        await second.append("s", 1, EVENT)
        with pytest.raises(SessionConflict):
            await first.append("s", 1, EVENT)
        await first.aclose()
        await second.aclose()

    asyncio.run(take_over())


def test_a_locked_file_is_waited_for(log: SqliteSessionLog, tmp_path: Path) -> None:
    """A foreign transaction delays an append; it neither fails nor blocks the loop."""

    async def append() -> None:
        await log.append("s", 0, EVENT)
        with sqlite3.connect(tmp_path / "log.db", isolation_level=None) as other:
            other.execute("begin immediate")
            appending = asyncio.create_task(log.append("s", 1, EVENT))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not appending.done()
            other.execute("commit")
            await appending
        other.close()
        assert await seqs(log, "s") == [0, 1]

    asyncio.run(append())


def test_threads_with_loops_of_their_own_share_one_log(log: SqliteSessionLog) -> None:
    """Four loops at once, one object, every event there."""

    async def work(name: str) -> None:
        for seq in range(25):
            await log.append(name, seq, EVENT)

    threads = [threading.Thread(target=lambda name=f"t{n}": asyncio.run(work(name))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [asyncio.run(seqs(log, f"t{n}")) for n in range(4)] == [list(range(25))] * 4


def test_a_cancelled_append_takes_nobody_with_it(log: SqliteSessionLog) -> None:
    """Whoever waits for the same commit is served."""

    async def cancel_one() -> None:
        first = asyncio.create_task(log.append("a", 0, EVENT))
        second = asyncio.create_task(log.append("b", 0, EVENT))
        await asyncio.sleep(0)
        first.cancel()
        await second
        await asyncio.gather(first, return_exceptions=True)
        assert await seqs(log, "b") == [0]

    asyncio.run(cancel_one())


def test_a_writer_that_was_overtaken_is_told(tmp_path: Path) -> None:
    """Whoever wrote the last event it knows of finds the next number taken, for one event and for two."""

    async def overtake() -> None:
        first, second = (SqliteSessionLog(tmp_path / "log.db") for _ in range(2))
        for seq in range(3):
            await first.append("s", seq, EVENT)
        await second.append_all("s", 3, [EVENT, EVENT])
        with pytest.raises(SessionConflict, match="the next number is 5"):
            await first.append_all("s", 3, [EVENT, EVENT])
        with pytest.raises(SessionConflict, match="the next number is 5"):
            await first.append("s", 3, EVENT)
        await first.append("s", 5, EVENT)
        with pytest.raises(SessionConflict, match="the next number is 6"):
            await second.append("s", 5, EVENT)
        assert await seqs(second, "s") == list(range(6))
        await first.aclose()
        await second.aclose()

    asyncio.run(overtake())


def test_events_together_are_one_append(log: SqliteSessionLog) -> None:
    """Any number of events at once: in order and whole, or refused without a trace."""

    async def append() -> None:
        events = [Event(EventKind.TOOL_RESULT, {"n": number}) for number in range(5)]
        await log.append_all("s", 0, events)
        await log.append_all("s", 5, events[:2])
        assert [event.data["n"] async for _, event in log.read("s")] == [0, 1, 2, 3, 4, 0, 1]
        for seq in (6, 8, 0, -1):
            with pytest.raises(SessionConflict, match="the next number is 7"):
                await log.append_all("s", seq, events[:2])
        assert await seqs(log, "s") == list(range(7))

    asyncio.run(append())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_gets_a_connection_of_its_own(log: SqliteSessionLog) -> None:
    """A log that was made before a fork may be used on both sides of it."""
    asyncio.run(log.append("s", 0, EVENT))
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if log._open() is log._open() and len(log._left_behind) == 1 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    asyncio.run(log.append("s", 1, EVENT))
    assert asyncio.run(seqs(log, "s")) == [0, 1]


CRASH = """
import asyncio, sys
from pytest_llmharness.adapters.stores.sqlite_session_log import SqliteSessionLog
from pytest_llmharness.domain.event import Event, EventKind

async def main():
    log = SqliteSessionLog(sys.argv[1], durability=sys.argv[2])
    for seq in range(100_000):
        await log.append("s", seq, Event(EventKind.TOOL_RESULT, {"n": seq}))
        print(seq, flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_kill_loses_no_accepted_event(tmp_path: Path, durability: str) -> None:
    """What the writer was told is there is there, without a gap, and the file can be written on."""
    path = tmp_path / "log.db"
    command = [sys.executable, "-c", CRASH, str(path), durability]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        accepted = [int(writer.stdout.readline()) for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        accepted += [int(line) for line in writer.stdout.read().split("\n")[:-1]]

    async def check() -> None:
        log = SqliteSessionLog(path)
        found = await seqs(log, "s")
        assert found[: len(accepted)] == accepted
        assert found == list(range(len(found)))
        await log.append("s", len(found), EVENT)
        await log.aclose()

    asyncio.run(check())


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_name_that_is_no_text_is_named(tmp_path: Path, durability: Any) -> None:
    """Half of a surrogate pair: refused on the way in and on the way out, with what to do."""
    log = SqliteSessionLog(tmp_path / "log.db", durability=durability)
    for step in (log.append("half \ud800", 0, EVENT), seqs(log, "half \ud800")):
        with pytest.raises(SessionLogError, match="no session can have the name") as caught:
            asyncio.run(step)
        assert "lone surrogates" in caught.value.fix
    asyncio.run(log.append("s", 0, EVENT))
    assert asyncio.run(seqs(log, "s")) == [0]


def test_what_is_no_log_is_named(tmp_path: Path) -> None:
    """A file of something else, a folder, a value that is no JSON, a wrong setting."""
    (tmp_path / "text").write_text("this is no database, but it is long enough to be looked at" * 20)
    for path in (tmp_path / "text", tmp_path, tmp_path / "missing" / "log.db"):
        with pytest.raises(SessionLogError) as caught:
            asyncio.run(SqliteSessionLog(path).append("s", 0, EVENT))
        assert caught.value.where == str(path)
    with pytest.raises(SessionLogError, match="cannot be written as JSON"):
        asyncio.run(SqliteSessionLog(tmp_path / "log.db").append("s", 0, Event(EventKind.REPAIR, {"x": {1}})))
    with pytest.raises(ConfigError, match="durability"):
        SqliteSessionLog(tmp_path / "log.db", durability="hope")  # type: ignore[arg-type]
