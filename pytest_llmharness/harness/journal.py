"""What happens in a run is written down before it has an effect, and told to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

from ..domain.event import Event, EventKind
from ..errors import HarnessError, SessionLogError
from ..ports.session_log import SessionLog
from ..ports.tracer import Tracer
from .foreign import said
from .observations import told
from .state import RunState
from .written import written

_MEND = "make the log writable again, then resume the session"

Listener: TypeAlias = Callable[[Event], Awaitable[None]]


class Journal:
    """The events of one session, in order.

    Args:
        state: the session so far; every event recorded here changes it.
        log: keeps what is recorded; None keeps it in the state alone.
        tracer: told of every event; None means nobody is.
        listener: handed every event, and waited for.
    """

    def __init__(
        self, state: RunState, *, log: SessionLog | None, tracer: Tracer | None, listener: Listener | None
    ) -> None:
        self.state = state
        self._log, self._tracer, self._listener = log, tracer, listener
        # Numbers have no gaps, so of the tools that run side by side one writes at a time.
        self._turn = None if log is None else asyncio.Lock()

    @property
    def listened(self) -> bool:
        """Whether somebody takes the events as they come."""
        return self._listener is not None

    async def record(self, kind: EventKind, **data: Any) -> None:
        """Write an event down, then let it count.

        Raises:
            SessionLogError: it could not be written; nothing has changed.
            SessionConflict: another instance has taken the session over.
        """
        if self._log is not None and self._turn is not None:
            async with self._turn:
                await self._append(self._log, Event(kind, data))
                self.state.apply(kind, data)
        else:
            self.state.apply(kind, data)
        if self._tracer is not None or self._listener is not None:
            await self.tell(kind, **data)

    async def _append(self, log: SessionLog, event: Event) -> None:
        session_id = event.data.get("session_id", self.state.session_id)
        try:
            await log.append(session_id, self.state.events, written(event))
        except SessionLogError:
            raise
        except Exception as error:
            what, where, fix = f"the event {event.kind} was not written: {said(error)}", "session log", _MEND
            if isinstance(error, HarnessError):
                what, where, fix = error.what, error.where, error.fix
            raise SessionLogError(what, where=where, fix=fix) from error

    async def tell(self, kind: EventKind, **data: Any) -> None:
        """Say what happened, where nothing depends on it."""
        if self._tracer is not None and kind is not EventKind.TEXT_DELTA:
            self._tracer.event(kind.value, told(data))
        if self._listener is not None:
            await self._listener(Event(kind, data))

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[None]:
        """Open a span of the tracer, where there is one."""
        return _NO_SPAN if self._tracer is None else self._tracer.start_span(name, attributes)


_NO_SPAN: AbstractContextManager[None] = nullcontext()
