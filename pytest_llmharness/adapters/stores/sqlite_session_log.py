"""A session log in one SQLite file: any process can take a session over from it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Literal, TypeAlias

from ..._native.json_text import json_of, json_text
from ...domain.event import Event, EventKind
from ...errors import ConfigError, SessionConflict, SessionLogError

Durability: TypeAlias = Literal["process", "power"]

_SCHEMA = """
create table if not exists event (
    session text not null,
    seq integer not null,
    kind text not null,
    data text not null,
    primary key (session, seq)
) without rowid
"""
_SELECT = "select seq, kind, data from event where session = ? and seq > ? order by seq limit ?"
_NEXT = "select coalesce(max(seq) + 1, 0) from event where session = ?"
_PAGE = 256
_TOGETHER = 8  # events in one statement
_SESSIONS = 10_000  # whose next number is remembered
_BUSY_MS = 5000

Row: TypeAlias = list[Any]
"""The session, the number of its first event, then kind and data of each event."""


class SqliteSessionLog:
    """Keeps events in a SQLite file in WAL mode.

    Args:
        path: the file; it is made where it is missing.
        durability: "process" survives the death of the process at any instruction; "power"
            survives the loss of power too, at the price of a sync to disk. Appends that arrive
            while one sync is under way share the next (group commit).

    One object may be used from several event loops and threads; several processes may use one
    file. An append that finds the file locked waits up to five seconds in a thread.
    """

    def __init__(self, path: str | os.PathLike[str], *, durability: Durability = "process") -> None:
        if durability not in ("process", "power"):
            raise ConfigError(
                f"durability={durability!r} cannot work",
                where="SqliteSessionLog(durability=...)",
                fix='use "process" or "power"',
            )
        self._path = os.fspath(path)
        self._power = durability == "power"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[tuple[Row, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._committing = False
        self._next: dict[str, int] = {}
        self._process, self._left_behind = os.getpid(), list[sqlite3.Connection | None]()
        # Opened now, for it takes as long as many appends. What fails here fails again, and is told, there.
        with suppress(sqlite3.Error):
            self._open()

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        """Append `event` as number `seq`; it is durable when this returns.

        Raises:
            SessionConflict: `seq` is not the next number: another writer was faster.
            SessionLogError: the file cannot be written.
        """
        await self.append_all(session_id, seq, (event,))

    async def append_all(self, session_id: str, seq: int, events: Sequence[Event]) -> None:
        """Append events as numbers `seq` and on, up to eight in one transaction; see `append`."""
        self._check(session_id)
        for done in range(0, len(events), _TOGETHER):
            row: list[Any] = [session_id, seq + done]
            for event in events[done : done + _TOGETHER]:
                row += str(event.kind), json_of(event.data) or self._text(event)
            if self._power:
                await self._in_a_group(row)
            elif not self._inserted(row):
                await asyncio.to_thread(self._insert_patiently, row)

    async def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        """Yield (seq, event) in order, from the event that follows `after`.

        Raises:
            SessionLogError: the file cannot be read, or no session can have this name.
        """
        self._check(session_id)
        while True:
            rows = self._select(session_id, after)
            for seq, kind, data in rows:
                yield seq, self._event(kind, data)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    async def aclose(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
                self._next.clear()

    def _check(self, session_id: str) -> None:
        if session_id.isascii():
            return
        try:
            session_id.encode()
        except UnicodeEncodeError as error:
            raise SessionLogError(
                f"no session can have the name {session_id!r}: it is no text that can be written",
                where=self._path,
                fix="give session ids without lone surrogates, such as 16 hexadecimal digits",
            ) from error

    def _text(self, event: Event) -> str:
        try:
            return json_text(event.data)
        except (TypeError, ValueError, RecursionError) as error:
            raise SessionLogError(
                f"the event {event.kind} cannot be written as JSON: {error}",
                where=self._path,
                fix="let tools and validators return JSON values",
            ) from error

    def _event(self, kind: str, data: str) -> Event:
        try:
            return Event(EventKind(kind), json.loads(data))
        except ValueError as error:
            raise SessionLogError(
                f"an event of the kind {kind!r} cannot be read: {error}",
                where=self._path,
                fix="restore the file from a copy, or read it with the version that wrote it",
            ) from error

    def _inserted(self, row: Row) -> bool:
        """Insert without waiting; False where somebody else is at it, in this process or another."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._try_insert(row)
        finally:
            self._lock.release()

    def _try_insert(self, row: Row) -> bool:
        session_id, seq = row[0], row[1]
        known = self._next.get(session_id) == seq
        try:
            changed = self._open().execute(_statement(len(row), known=known), row).rowcount
        except sqlite3.IntegrityError:
            changed = 0
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                return False
            raise self._failed(error) from error
        except sqlite3.Error as error:
            raise self._failed(error) from error
        if not changed:
            self._next.pop(session_id, None)
            raise self._conflict(row)
        if len(self._next) >= _SESSIONS:
            self._next.clear()
        self._next[session_id] = seq + len(row) // 2 - 1
        return True

    def _insert_patiently(self, row: Row) -> None:
        with self._lock:
            try:
                connection = self._open()
                connection.execute(f"pragma busy_timeout = {_BUSY_MS}")
                try:
                    changed = connection.execute(_statement(len(row)), row).rowcount
                finally:
                    connection.execute("pragma busy_timeout = 0")
            except sqlite3.Error as error:
                raise self._failed(error) from error
            if not changed:
                raise self._conflict(row)

    # --- group commit ---

    async def _in_a_group(self, row: Row) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.append((row, loop, done))
            leads = not self._committing
            self._committing = True
        if leads:
            # Not awaited by anyone who may be cancelled: the group belongs to all of its members.
            loop.run_in_executor(None, self._commit_groups)
        await done

    def _commit_groups(self) -> None:
        while True:
            with self._lock:
                group, self._waiting = self._waiting, []
                if not group:
                    self._committing = False
                    return
                outcomes = self._commit([row for row, _, _ in group])
            told: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], Exception | None]]] = {}
            for (_, loop, done), error in zip(group, outcomes, strict=True):
                told.setdefault(loop, []).append((done, error))
            for loop, news in told.items():
                with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(_settle, news)

    def _commit(self, rows: list[Row]) -> list[Exception | None]:
        """Write a group in one transaction; a refused row leaves the others as they are."""
        outcomes: list[Exception | None]
        try:
            connection = self._open()
            connection.execute("begin immediate")
            try:
                outcomes = [self._outcome(row) for row in rows]
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise
        except sqlite3.Error as error:
            failure = self._failed(error)
            failure.__cause__ = error
            return [failure] * len(rows)
        return outcomes

    def _outcome(self, row: Row) -> SessionConflict | None:
        return None if self._open().execute(_statement(len(row)), row).rowcount else self._conflict(row)

    # --- the file ---

    def _open(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            # A connection must not be used, nor closed, on the other side of a fork.
            self._left_behind.append(self._connection)
            self._process, self._connection = os.getpid(), None
        if self._connection is None:
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("pragma journal_mode = wal")
                connection.execute(f"pragma synchronous = {'full' if self._power else 'normal'}")
                connection.execute(_SCHEMA)
                if not self._power:  # appends run on the event loop, which nobody may block
                    connection.execute("pragma busy_timeout = 0")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _select(self, session_id: str, after: int) -> list[tuple[int, str, str]]:
        with self._lock:
            try:
                return self._open().execute(_SELECT, (session_id, after, _PAGE)).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def _conflict(self, row: Row) -> SessionConflict:
        expected: Any = self._open().execute(_NEXT, row[:1]).fetchone()[0]
        return SessionConflict.at(row[0], row[1], expected, self._path)

    def _failed(self, error: sqlite3.Error) -> SessionLogError:
        return SessionLogError(
            f"the session log cannot be used: {error}",
            where=self._path,
            fix="check that it is a SQLite file in a folder you can write to, and that the disk has room",
        )


@cache
def _statement(values: int, *, known: bool = False) -> str:
    """Return the insertion of a row with so many values.

    Args:
        values: how many: two, and two more for each event.
        known: this object wrote the event before. Then there is no gap to look for, and the primary key
            tells the rest.
    """
    rows = [f"(?1, ?2 + {at // 2 - 1}, ?{at + 1}, ?{at + 2})" for at in range(2, values, 2)]
    head = "insert into event (session, seq, kind, data)"
    if known:
        return f"{head} values {', '.join(rows)}"
    next_one = "coalesce((select max(seq) + 1 from event where session = ?1), 0)"
    return f"{head} select * from (values {', '.join(rows)}) where ?2 = {next_one}"  # noqa: S608 - from numbers


def _settle(news: list[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for done, error in news:
        if done.done():  # cancelled
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
