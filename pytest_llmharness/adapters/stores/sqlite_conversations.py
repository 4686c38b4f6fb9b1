"""Conversations in one SQLite file: the next process goes on with them."""

from __future__ import annotations

import os
import sqlite3

from .turns import TurnTable


class SqliteConversationStore(TurnTable):
    """Keeps turns in a SQLite file in WAL mode, in the order in which they were saved.

    Args:
        path: the file; it is made where it is missing. Several processes may use it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(os.fspath(path))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)

    def _failed(self, error: Exception) -> bool:
        return isinstance(error, sqlite3.Error | UnicodeEncodeError)
