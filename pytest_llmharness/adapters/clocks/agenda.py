"""The alarms of an event loop's virtual clocks, which ring when everyone on the loop waits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

# One more quiet turn than the first: it looks at the sockets, which may make someone runnable.
_QUIET_TURNS = 2
# Where the loop does not show its ready queue (uvloop), this many turns stand for "everyone waits".
_BLIND_TURNS = 100
_THREAD_PATIENCE_S = 1.0
_THREAD_LOOK_S = 0.001


class Alarm:
    """A deadline; `ring` is None once nobody waits for it, and time then does not jump to it."""

    __slots__ = ("ring",)

    def __init__(self, ring: Callable[[], object]) -> None:
        self.ring: Callable[[], object] | None = ring


class Agenda:
    """The alarms of one loop, by clock: one watch for all, or they would keep each other awake."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._alarms: dict[object, list[tuple[float, int, Alarm]]] = {}
        self._watching = False
        self._quiet = 0
        self._held_until: float | None = None
        self._not_waited_for: WeakSet[asyncio.Future[Any]] = WeakSet()

    def add(self, clock: object, deadline: float, ring: Callable[[], object]) -> Alarm:
        """Have `ring` called when everyone waits and this is the clock's earliest deadline."""
        alarm = Alarm(ring)
        alarms = self._alarms.setdefault(clock, [])
        while alarms and alarms[0][2].ring is None:
            heapq.heappop(alarms)
        heapq.heappush(alarms, (deadline, next(self._order), alarm))
        if not self._watching:
            self._watching = True
            self._quiet = 0
            asyncio.get_running_loop().call_soon(self._look)
        return alarm

    def _look(self) -> None:
        # A callback that calls itself again, not a task: a loop may close over it without a word.
        loop = asyncio.get_running_loop()
        ready = getattr(loop, "_ready", None)
        # Asked before the queue is looked at: a thread that is gone by now has put its result there.
        threads = self._quiet > 0 and _others_may_work()
        self._quiet = 0 if ready else self._quiet + 1
        held = False
        try:
            if self._quiet < (_BLIND_TURNS if ready is None else _QUIET_TURNS):
                self._held_until = None
            else:
                held = threads and self._held(loop)
                if not held:
                    self._ring_next()
        finally:
            if held:
                loop.call_later(_THREAD_LOOK_S, self._look)
            elif self._alarms:
                loop.call_soon(self._look)
            else:
                self._watching = False

    def _ring_next(self) -> None:
        """Ring what is due next on one clock; with the next jump it is another clock's turn."""
        self._quiet = 0
        self._held_until = None
        rang_at = None
        while self._alarms and rang_at is None:
            clock, alarms = next(iter(self._alarms.items()))
            del self._alarms[clock]
            while alarms and (rang_at is None or alarms[0][0] == rang_at):
                deadline, _, alarm = heapq.heappop(alarms)
                if alarm.ring is not None:
                    rang_at = deadline
                    alarm.ring()
            if alarms:
                self._alarms[clock] = alarms

    def _held(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether someone waits for a thread: that is work, but only for so long."""
        awaited = _threads_awaited(loop) - set(self._not_waited_for)
        if not awaited:
            return False
        if self._held_until is None:
            self._held_until = loop.time() + _THREAD_PATIENCE_S
        if loop.time() < self._held_until:
            return True
        self._not_waited_for.update(awaited)
        return False


def _others_may_work() -> bool:
    """Whether a thread lives that is neither this one nor the main one: looking at tasks costs."""
    bystanders = 1 if threading.current_thread() is threading.main_thread() else 2
    return threading.active_count() > bystanders


def _threads_awaited(loop: asyncio.AbstractEventLoop) -> set[asyncio.Future[Any]]:
    """Return what tasks wait for that another thread will give: `to_thread` and its like.

    asyncio has no word for it; such a future is chained to a `concurrent.futures` one.
    """
    waiters = [getattr(task, "_fut_waiter", None) for task in asyncio.all_tasks(loop)]
    return {
        waiter
        for waiter in waiters
        if waiter is not None
        for callback, _ in getattr(waiter, "_callbacks", None) or ()
        if getattr(callback, "__qualname__", "").startswith("_chain_future.")
    }


_lock = threading.Lock()
_agendas: WeakKeyDictionary[asyncio.AbstractEventLoop, Agenda] = WeakKeyDictionary()


def agenda() -> Agenda:
    """Return the running loop's agenda."""
    loop = asyncio.get_running_loop()
    with _lock:
        found = _agendas.get(loop)
        if found is None:
            for closed in [known for known in _agendas if known.is_closed()]:
                del _agendas[closed]  # its alarms hold it
            found = _agendas[loop] = Agenda()
    return found
