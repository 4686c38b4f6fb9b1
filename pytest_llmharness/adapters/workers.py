"""Threads for functions that block: as many as there are calls, kept a while for the next one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

Value = TypeVar("Value")
_Job = Callable[[], None]

_IDLE_S = 10.0
_BLINK_S = 100e-6


async def in_thread(function: Callable[[], Value]) -> Value:
    """Run a function in a thread, with the caller's context variables.

    Not in asyncio's own pool: that has few threads, so that a tool that waits for another tool
    may wait for ever, and the process cannot end while one of them hangs. When cancelled, the
    caller goes on and the function is left to itself.

    What returns within a blink is waited for here: to go through the event loop takes ten times as
    long as most tools do.
    """
    call = _Call(function)
    _hand_over(call.run)
    if not call.ended.acquire(timeout=_BLINK_S):
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

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function, self._context = function, copy_context()
        self._lock = threading.Lock()
        self._wake: Callable[[], None] | None = None
        self.ended = threading.Lock()
        self.ended.acquire()
        self.outcome: tuple[Any, BaseException | None] = None, None

    def run(self) -> None:
        try:
            self.outcome = self._context.run(self._function), None
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            self.outcome = None, error
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

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._work, name="llmharness-tool", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=_IDLE_S)
            except Empty:
                with _lock:
                    if self in _idle:
                        _idle.remove(self)
                        return
                continue  # a job is on its way
            job()
            del job
            with _lock:
                _idle.append(self)


_lock = threading.Lock()
_idle: list[_Worker] = []


def _hand_over(job: _Job) -> None:
    with _lock:
        worker = _idle.pop() if _idle else None
    (worker or _Worker()).jobs.put(job)


def _after_fork_in_child() -> None:
    global _lock, _idle
    _lock, _idle = threading.Lock(), []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
