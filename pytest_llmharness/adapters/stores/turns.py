"""Conversations as rows of one table: the SQL and the rows that the SQLite family of databases shares."""

from __future__ import annotations

import asyncio
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from ...domain.message import Message
from ...domain.message_json import message_from_json, message_to_json
from ...errors import SharedStateUnavailable

_TABLE = """
create table if not exists turn (
    number integer primary key autoincrement,
    conversation text not null,
    message text not null
)
"""
_INDEX = "create index if not exists turn_of_conversation on turn (conversation, number)"
_INSERT = "insert into turn (conversation, message) values (?, ?)"
_LAST = "select message from turn where conversation = ? order by number desc limit ?"


class TurnTable(ABC):
    """A conversation store over a connection in the manner of the standard library's sqlite3.

    Turns are numbered in the order in which they are saved, so that no two are of one moment. One
    object may be used from several event loops and threads.

    Args:
        path: the file, for errors.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: Any = None

    async def save_turn(self, conversation_id: str, message: Message) -> None:
        """Append a turn; it is durable when this returns.

        Raises:
            SharedStateUnavailable: the file cannot be written.
        """
        await asyncio.to_thread(self._run, _INSERT, (conversation_id, _text(message)))

    async def load_context(self, conversation_id: str, k: int) -> Sequence[Message]:
        """Return the last `k` turns, oldest first.

        Raises:
            SharedStateUnavailable: the file cannot be read.
        """
        rows = await asyncio.to_thread(self._run, _LAST, (conversation_id, max(k, 0)))
        return [message_from_json(json.loads(text)) for (text,) in reversed(rows)]

    async def aclose(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @abstractmethod
    def _connect(self) -> Any:
        """Open the file; every statement is a transaction of its own."""

    @abstractmethod
    def _failed(self, error: Exception) -> bool:
        """Whether the database has raised this."""

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[tuple[str]]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._opened()
                rows: list[tuple[str]] = self._connection.execute(statement, values).fetchall()
                return rows
        except Exception as error:
            if not self._failed(error):
                raise
            raise SharedStateUnavailable(
                f"the conversations cannot be used: {error}",
                where=self._path,
                fix="check that it is a SQLite file in a folder you can write to, and that the disk has room",
            ) from error

    def _opened(self) -> Any:
        connection = self._connect()
        try:
            for statement in ("pragma journal_mode = wal", _TABLE, _INDEX):
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection


def _text(message: Message) -> str:
    """Return a turn as JSON; half of a surrogate pair is no text to a database, its escape is."""
    text = json.dumps(message_to_json(message), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(message_to_json(message))
    return text
