"""Conversations in one SQLite file: the next process goes on with them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
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
_LAST = "select message from turn where conversation = ? order by number desc limit ?"


class SqliteConversationStore:
    """Keeps turns in a SQLite file in WAL mode, in the order in which they were saved.

    Args:
        path: the file; it is made where it is missing. Several processes may use it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def save_turn(self, conversation_id: str, message: Message) -> None:
        """Append a turn; it is durable when this returns.

        Raises:
            SharedStateUnavailable: the file cannot be written.
        """
        row = conversation_id, json.dumps(message_to_json(message), ensure_ascii=False)
        await asyncio.to_thread(self._run, "insert into turn (conversation, message) values (?, ?)", row)

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

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[tuple[str]]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._opened()
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise SharedStateUnavailable(
                f"the conversations cannot be used: {error}",
                where=self._path,
                fix="check that it is a SQLite file in a folder you can write to, and that the disk has room",
            ) from error

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute(_TABLE)
            connection.execute(_INDEX)
        except BaseException:
            connection.close()
            raise
        return connection
