"""The port to the append-only log of a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from ..domain.event import Event


class SessionLog(Protocol):
    """Keeps the events of sessions in order, without gaps.

    A log may also have `async append_all(session_id, seq, events)`, which appends several events at
    once for the price of one; what comes first is kept where not all are.
    """

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        """Append `event` as number `seq` (from 0); accepted events are durable when this returns.

        Raises:
            HarnessError: another writer has appended `seq` already.
        """

    def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        """Yield (seq, event) in order, from the event that follows `after`."""
        ...
