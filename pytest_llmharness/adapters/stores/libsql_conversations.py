"""Conversations in libSQL, the fork of SQLite that can follow a server."""

from __future__ import annotations

import os
from typing import Any

from ...errors import MissingExtra
from .turns import TurnTable


class LibsqlConversationStore(TurnTable):
    """Keeps turns in a libSQL database, in the order in which they were saved.

    A file that the SQLite store wrote can be read by this one, and the other way round.

    Args:
        path: the file; it is made where it is missing.
        options: what else `libsql.connect` takes: `sync_url` and `auth_token` make the file a replica
            of a server's. Our tests run it on files.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Any) -> None:
        super().__init__(os.fspath(path))
        self._options = options

    def _connect(self) -> Any:
        try:
            import libsql
        except ImportError as error:
            raise MissingExtra(
                "conversations in libSQL need the package libsql",
                where="LibsqlConversationStore",
                fix="pip install 'pytest-llmharness[libsql]'",
            ) from error
        return libsql.connect(self._path, timeout=5.0, isolation_level=None, **self._options)

    def _failed(self, error: Exception) -> bool:
        return isinstance(error, ValueError) or type(error).__module__.startswith("libsql")
