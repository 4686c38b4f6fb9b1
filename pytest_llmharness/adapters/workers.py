"""Threads for functions that block: as many as there are calls, kept a while for the next one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from threading import Lock
from typing import Any, TypeVar

Value = TypeVar("Value")

_IDLE_S = 10.0
_BLINK_S = 100e-6


async def in_thread(function: Callable[..., Value], arguments: Mapping[str, Any]) -> Value:
    """Run a function in a thread, with the caller's context variables.

    Not in asyncio's own pool: that has few threads, so that a tool that waits for another tool
    may wait for ever, and the process cannot end while one of them hangs. When cancelled, the
    caller goes on and the function is left to itself.

    What returns within a blink is waited for here: to go through the event loop takes ten times as
    long as most tools do.
    """
    call = _Call(function, arguments)
    _hand_over(call)
    if not call.ended.acquire(True, _BLINK_S):
        await call.end()
    # The error travels as a value, because a future refuses StopIteration.
    value, error = call.outcome
    try:
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]
    finally:
        del error, call


class _Call:
    """A function on its way through a worker."""

    __slots__ = ("_arguments", "_context", "_function", "_lock", "_wake", "ended", "outcome")

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self._function, self._arguments, self._context = function, arguments, copy_context()
        self._lock = Lock()
        self._wake: Callable[[], None] | None = None
        self.ended = Lock()
        self.ended.acquire()
        self.outcome: tuple[Any, BaseException | None] = None, None

    def run(self, worker: _Worker) -> None:
        """Call the function, free the worker for the next call, and tell the caller."""
        try:
            self.outcome = self._context.run(self._function, **self._arguments), None
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            self.outcome = None, error
        _idle.append(worker)
        with self._lock:
            self.ended.release()
            wake = self._wake
        if wake is not None:
            wake()

    async def end(self) -> None:
        """Wait for the function without blocking the event loop."""
        ended: Future[None] = Future()
        ended.set_running_or_notify_cancel()  # what runs in a thread cannot be cancelled
        with self._lock:
            if self.ended.acquire(blocking=False):
                return
            self._wake = lambda: ended.set_result(None)
        # asyncio's own chaining: by it a virtual clock knows that a thread is waited for.
        await asyncio.wrap_future(ended)


class _Worker:
    """A thread that does one job after another, and ends when none comes for a while."""

    __slots__ = ("job", "start")

    def __init__(self) -> None:
        self.start = Lock()
        self.start.acquire()
        self.job: _Call | None = None
        threading.Thread(target=self._work, name="llmharness-tool", daemon=True).start()

    def _work(self) -> None:
        while True:
            if self.start.acquire(True, _IDLE_S):
                job, self.job = self.job, None
                assert job is not None
                job.run(self)
                del job
                continue
            try:
                _idle.remove(self)
            except ValueError:  # a job is on its way
                continue
            return


# Used without a lock: one append, pop or remove of a list is one step for all threads.
_idle: list[_Worker] = []


def _hand_over(job: _Call) -> None:
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    worker.job = job
    worker.start.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)
