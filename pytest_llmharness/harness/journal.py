"""What happens in a run is written down before it has an effect, and told to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ..domain.event import Event, EventKind
from ..errors import HarnessError, SessionLogError
from .foreign import said
from .observations import told
from .state import RunState
from .written import written

if TYPE_CHECKING:
    from ..ports.session_log import SessionLog
    from ..ports.tracer import Tracer

_MEND = "make the log writable again, then resume the session"

Listener: TypeAlias = Callable[[Event], Awaitable[None]]
AppendAll: TypeAlias = Callable[[str, int, Sequence[Event]], Awaitable[None]]
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
    """

    def __init__(
        self,
        state: RunState,
        *,
        log: SessionLog | None,
        tracer: Tracer | None,
        listener: Listener | None,
        direct: bool = False,
    ) -> None:
        self.state = state
        self.traced = tracer is not None
        """Whether spans are of any use."""
        self.listened = listener is not None
        """Whether somebody takes the events as they come."""
        self.observed = self.traced or self.listened
        """Whether anybody is told of what happens."""
        self._log, self._tracer, self._listener = log, tracer, listener
        self._append_all = _append_all_of(log) if direct and not self.observed else None
        self._held: list[Event] = []
        self._turn: asyncio.Lock | None = None

    async def record(self, kind: EventKind, **data: Any) -> None:
        """Write an event down, then let it count.

        Raises:
            SessionLogError: it could not be written; nothing has changed.
            SessionConflict: another instance has taken the session over.
        """
        turn = self._turn
        if turn is not None:
            await turn.acquire()
        try:
            if self._log is not None:
                event = written(kind, data, self.state.messages)
                held, events = self._held, self.state.events
                session_id = self.state.session_id or data["session_id"]
                try:
                    if held and self._append_all is not None:
                        self._held = []
                        await self._append_all(session_id, events - len(held), [*held, event])
                    else:
                        await self._log.append(session_id, events, event)
                except SessionLogError:
                    raise
                except Exception as error:
                    raise _unwritten(kind, error) from error
            self.state.apply(kind, data)
        finally:
            if turn is not None:
                turn.release()
        if self.observed:
            await self.tell(kind, **data)

    async def note(self, kind: EventKind, **data: Any) -> None:
        """Let an event count that has no effect by itself; it may be written down with the next one."""
        if self._append_all is None:
            await self.record(kind, **data)
        else:
            self._held.append(written(kind, data, self.state.messages))
            self.state.apply(kind, data)

    async def tell(self, kind: EventKind, **data: Any) -> None:
        """Say what happened, where nothing depends on it."""
        if self._tracer is not None and kind is not EventKind.TEXT_DELTA:
            self._tracer.event(kind.value, told(data))
        if self._listener is not None:
            await self._listener(Event(kind, data))

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


class SteadyJournal(Journal):
    """Ends a record that has begun before a cancellation counts, for a run that goes on to its end."""

    async def record(self, kind: EventKind, **data: Any) -> None:
        """Write an event down, then let it count; see `Journal.record`."""
        await ended(super().record(kind, **data))


async def ended(work: Coroutine[Any, Any, None]) -> None:
    """Await something that must not be left half done: a cancellation counts when it has ended."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


_NO_SPAN: AbstractContextManager[None] = nullcontext()


def _append_all_of(log: SessionLog | None) -> AppendAll | None:
    """Return the log's own `append_all`; a log that has changed `append` alone has none."""
    found: AppendAll | None = getattr(log, "append_all", None)
    if found is None or "append" in getattr(log, "__dict__", ()):
        return found if "append_all" in getattr(log, "__dict__", ()) else None
    for kind in type(log).__mro__:
        if "append_all" in vars(kind):
            return found
        if "append" in vars(kind):
            return None
    return found


def _unwritten(kind: EventKind, error: Exception) -> SessionLogError:
    if isinstance(error, HarnessError):
        return SessionLogError(error.what, where=error.where, fix=error.fix)
    return SessionLogError(f"the event {kind} was not written: {said(error)}", where="session log", fix=_MEND)
