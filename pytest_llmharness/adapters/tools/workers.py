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


async def in_thread(function: Callable[[], Value]) -> Value:
    """Run a function in a thread, with the caller's context variables.

    Not in asyncio's own pool: that has few threads, so that a tool that waits for another tool
    may wait for ever, and the process cannot end while one of them hangs. When cancelled, the
    caller goes on and the function is left to itself.
    """
    context = copy_context()
    done: Future[tuple[Any, BaseException | None]] = Future()
    done.set_running_or_notify_cancel()  # what runs in a thread cannot be cancelled

    def job() -> None:
        try:
            outcome = context.run(function), None
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            done.set_result((None, error))
        else:
            done.set_result(outcome)

    _hand_over(job)
    # The error travels as a value, because a future refuses StopIteration.
    value, error = await asyncio.wrap_future(done)
    try:
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]
    finally:
        del error


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
