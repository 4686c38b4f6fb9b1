"""A session log in memory: gone with the process, and as strict as a durable one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator

from ...domain.event import Event
from ...errors import SessionConflict


class MemorySessionLog:
    """Keeps events in a list per session. For tests, and for runs nobody needs to resume."""

    def __init__(self) -> None:
        self._sessions: defaultdict[str, list[Event]] = defaultdict(list)

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        """Append `event` as number `seq`.

        Raises:
            SessionConflict: `seq` is not the next number.
        """
        events = self._sessions[session_id]
        if seq != len(events):
            raise SessionConflict.at(session_id, seq, len(events), "memory")
        events.append(event)

    async def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        """Yield (seq, event) in order, from the event that follows `after`."""
        for seq, event in enumerate(self._sessions.get(session_id, ())[after + 1 :], after + 1):
            yield seq, event

    async def aclose(self) -> None:
        """Nothing to release."""
