"""Keeps questions and answers in an SQLite file: they outlive the process that asked."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...domain.tool import ToolCall
from ...errors import SharedStateUnavailable
from ...harness.gate.approval import ticket_of

_TABLE = """
CREATE TABLE IF NOT EXISTS approvals (
    ticket TEXT PRIMARY KEY, session_id TEXT NOT NULL, tool TEXT NOT NULL, arguments TEXT NOT NULL,
    reason TEXT NOT NULL, asked_s REAL NOT NULL, ends_s REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'used', 'expired')),
    answered_by TEXT NOT NULL DEFAULT ''
)
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that waits for an answer. Times are seconds since the epoch."""

    ticket: str
    session_id: str
    tool: str
    arguments: dict[str, Any]
    reason: str
    asked_s: float
    ends_s: float


class StoredApprover:
    """Writes questions down; a person answers whenever, from any process.

    The first answer counts. A yes is used once, by whichever process asks first; a question that is
    not answered and used before its end is a no. A crash between the use of a yes and the effect
    costs a new question, never a second effect.

    ```python
    approver = StoredApprover(Path("approvals.db"))
    for question in approver.pending():
        approver.answer(question.ticket, approved=True, by="maria")
    ```

    Args:
        path: the SQLite file; made where it is missing. Arguments are stored in it as they are.
        ttl_s: seconds from the question to its end.
        now: seconds since the epoch; the system's clock unless a test says otherwise.
    """

    def __init__(
        self, path: Path | str, *, ttl_s: float = 86_400.0, now: Callable[[], float] = time.time
    ) -> None:
        self._path = Path(path)
        self._ttl_s = ttl_s
        self._now = now
        with self._transaction() as rows:
            rows.execute(_TABLE)

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool | None:
        """Put the question if it is new; return its answer, None while it has none.

        Raises:
            SharedStateUnavailable: the file cannot be read or written.
        """
        return await asyncio.to_thread(self._approve, session_id, call, reason)

    def pending(self) -> list[Question]:
        """Return the questions without an answer, oldest first.

        Raises:
            SharedStateUnavailable: the file cannot be read.
        """
        with self._transaction() as rows:
            found = rows.execute(
                "SELECT ticket, session_id, tool, arguments, reason, asked_s, ends_s FROM approvals"
                " WHERE state = 'pending' AND ends_s > ? ORDER BY asked_s, rowid",
                (self._now(),),
            ).fetchall()
        return [
            Question(ticket, session_id, tool, json.loads(arguments), reason, asked_s, ends_s)
            for ticket, session_id, tool, arguments, reason, asked_s, ends_s in found
        ]

    def answer(self, ticket: str, *, approved: bool, by: str = "") -> bool:
        """Answer a question and return whether the answer counts: only the first in time does.

        Args:
            ticket: the question's.
            approved: yes or no.
            by: who answers, for the record.

        Raises:
            SharedStateUnavailable: the file cannot be written.
        """
        with self._transaction() as rows:
            changed = rows.execute(
                "UPDATE approvals SET state = ?, answered_by = ?"
                " WHERE ticket = ? AND state = 'pending' AND ends_s > ?",
                ("approved" if approved else "rejected", by, ticket, self._now()),
            )
            return changed.rowcount == 1

    def _approve(self, session_id: str, call: ToolCall, reason: str) -> bool | None:
        ticket, now = ticket_of(session_id, call), self._now()
        arguments = json.dumps(call.arguments, default=str)
        with self._transaction() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO approvals (ticket, session_id, tool, arguments, reason, asked_s,"
                " ends_s, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
                (ticket, session_id, call.name, arguments, reason, now, now + self._ttl_s),
            )
            rows.execute(
                "UPDATE approvals SET state = 'expired'"
                " WHERE ticket = ? AND state IN ('pending', 'approved') AND ends_s <= ?",
                (ticket, now),
            )
            used = rows.execute(
                "UPDATE approvals SET state = 'used' WHERE ticket = ? AND state = 'approved'", (ticket,)
            )
            if used.rowcount == 1:
                return True
            state = rows.execute("SELECT state FROM approvals WHERE ticket = ?", (ticket,)).fetchone()
        return None if state == ("pending",) else False

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one step that happens whole or not at all, whoever else writes."""
        try:
            rows = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            try:
                rows.execute("BEGIN IMMEDIATE")
                yield rows
                rows.execute("COMMIT")
            finally:
                rows.close()
        except sqlite3.Error as error:
            raise SharedStateUnavailable(
                f"the approvals cannot be kept: {error}",
                where=str(self._path),
                fix="give a path in a folder that can be written to; the file is SQLite's",
            ) from error
