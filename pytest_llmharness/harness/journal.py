"""What happens in a run is written down before it has an effect, and told to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias, TypeVar

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
Value = TypeVar("Value")


class Journal:
    """The events of one session, in order.

    Args:
        state: the session so far; every event recorded here changes it.
        log: keeps what is recorded; None keeps it in the state alone.
        tracer: told of every event; None means nobody is.
        listener: handed every event, and waited for.
        direct: nobody outside is asked between an answer and what is done with it, so that both can
            be written down at once where the log can (`append_all`).
        to_the_end: a record that has begun is ended before a cancellation counts, so that somebody can go
            on with the state afterwards.
    """

    def __init__(
        self,
        state: RunState,
        *,
        log: SessionLog | None,
        tracer: Tracer | None,
        listener: Listener | None,
        direct: bool = False,
        to_the_end: bool = False,
    ) -> None:
        self.state = state
        self._log, self._tracer, self._listener = log, tracer, listener
        self._observed = tracer is not None or listener is not None
        self._append_all = getattr(log, "append_all", None) if direct and not self._observed else None
        self._to_the_end = to_the_end and log is not None
        self._held: list[Event] = []
        self._turn: asyncio.Lock | None = None

    @property
    def observed(self) -> bool:
        """Whether anybody is told of what happens."""
        return self._observed

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
        if self._to_the_end:
            await ended(self._record(kind, data))
        else:
            await self._record(kind, data)

    async def _record(self, kind: EventKind, data: dict[str, Any]) -> None:
        turn, log, state = self._turn, self._log, self.state
        if turn is not None:
            await turn.acquire()
        try:
            if self._held:
                await self._writing(kind, self._write_together(written(kind, data)))
            elif log is not None:
                session_id = state.session_id or data["session_id"]
                await self._writing(kind, log.append(session_id, state.events, written(kind, data)))
            state.apply(kind, data)
        finally:
            if turn is not None:
                turn.release()
        if self._observed:
            await self.tell(kind, **data)

    async def note(self, kind: EventKind, **data: Any) -> None:
        """Let an event count that has no effect by itself; it may be written down with the next one."""
        if self._append_all is None:
            await self.record(kind, **data)
            return
        self._held.append(written(kind, data))
        self.state.apply(kind, data)

    async def _writing(self, kind: EventKind, append: Awaitable[None]) -> None:
        try:
            await append
        except SessionLogError:
            raise
        except Exception as error:
            what, where, fix = f"the event {kind} was not written: {said(error)}", "session log", _MEND
            if isinstance(error, HarnessError):
                what, where, fix = error.what, error.where, error.fix
            raise SessionLogError(what, where=where, fix=fix) from error

    async def tell(self, kind: EventKind, **data: Any) -> None:
        """Say what happened, where nothing depends on it."""
        if self._tracer is not None and kind is not EventKind.TEXT_DELTA:
            self._tracer.event(kind.value, told(data))
        if self._listener is not None:
            await self._listener(Event(kind, data))

    async def _write_together(self, event: Event) -> None:
        assert self._append_all is not None
        first = self.state.events - len(self._held)
        events, self._held = [*self._held, event], []
        await self._append_all(self.state.session_id, first, events)

    @property
    def traced(self) -> bool:
        """Whether spans are of any use."""
        return self._tracer is not None

    async def inside(self, name: str, awaited: Awaitable[Value], **attributes: Any) -> Value:
        """Return what something returns, awaited inside a span."""
        with self.span(name, **attributes):
            return await awaited

    def take_turns(self) -> None:
        """Prepare for writers side by side: numbers have no gaps, so one writes at a time."""
        if self._turn is None and self._log is not None:
            self._turn = asyncio.Lock()

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[None]:
        """Open a span of the tracer, where there is one."""
        return _NO_SPAN if self._tracer is None else self._tracer.start_span(name, attributes)


_NO_SPAN: AbstractContextManager[None] = nullcontext()


async def ended(work: Coroutine[Any, Any, None]) -> None:
    """Await something that must not be left half done: a cancellation counts when it has ended."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
