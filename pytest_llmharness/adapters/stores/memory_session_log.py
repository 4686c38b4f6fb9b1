"""A session log in memory: gone with the process, and as strict as a durable one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from ..._native.json_text import json_of, json_text
from ...domain.event import Event, EventKind
from ...errors import SessionConflict, SessionLogError


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
        self._keep(session_id, seq, (event,))

    async def append_all(self, session_id: str, seq: int, events: Sequence[Event]) -> None:
        """Append events as numbers `seq` and on; see `append`."""
        self._keep(session_id, seq, events)

    async def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        """Yield (seq, event) in order, from the event that follows `after`."""
        for seq, (kind, text) in enumerate(self._sessions.get(session_id, ())[after + 1 :], after + 1):
            yield seq, Event(kind, json.loads(text))

    def _keep(self, session_id: str, seq: int, events: Sequence[Event]) -> None:
        # As text, and not as it is: what a tool or a provider holds on to may change later.
        entries = [(event.kind, json_of(event.data) or _text(event)) for event in events]
        kept = self._sessions.setdefault(session_id, [])
        if seq != len(kept):
            raise SessionConflict.at(session_id, seq, len(kept), "memory")
        kept += entries

    async def aclose(self) -> None:
        """Nothing to release."""


def _text(event: Event) -> str:
    try:
        return json_text(event.data)
    except (TypeError, ValueError, RecursionError) as error:
        raise SessionLogError(
            f"the event {event.kind} cannot be written as JSON: {error}",
            where="MemorySessionLog",
            fix="let tools and validators return JSON values",
        ) from error
