"""A session log in memory: gone with the process, and as strict as a durable one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from ...domain.event import Event, EventKind
from ...errors import SessionConflict, SessionLogError

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class MemorySessionLog:
    """Keeps events in a list per session. For tests, and for runs nobody needs to resume."""

    def __init__(self) -> None:
        self._sessions: dict[str, list[tuple[EventKind, str]]] = {}

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        """Append `event` as number `seq`.

        Raises:
            SessionConflict: `seq` is not the next number.
            SessionLogError: the event cannot be written as JSON.
        """
        try:
            text = _encode(event.data)
        except (TypeError, ValueError, RecursionError) as error:
            raise SessionLogError(
                f"the event {event.kind} cannot be written as JSON: {error}",
                where="MemorySessionLog",
                fix="let tools and validators return JSON values",
            ) from error
        events = self._sessions.setdefault(session_id, [])
        if seq != len(events):
            raise SessionConflict.at(session_id, seq, len(events), "memory")
        events.append((event.kind, text))

    async def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        """Yield (seq, event) in order, from the event that follows `after`."""
        for seq, (kind, text) in enumerate(self._sessions.get(session_id, ())[after + 1 :], after + 1):
            yield seq, Event(kind, json.loads(text))

    async def aclose(self) -> None:
        """Nothing to release."""
