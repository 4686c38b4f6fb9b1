"""Coroutines that run on another thread's loop: each its own task, or in a lane one after another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Call(Generic[Value]):
    """A coroutine, its outcome, and the latch at which its caller waits.

    `run`, `cancel` and `discard` belong to the loop's thread, `wait` and `result` to the caller's.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Value]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[Any] | None = None
        self._value: Value | None = None
        self._error: BaseException | None = None
        self.done = False
        self._latch = threading.Lock()  # an Event costs 30 times as much
        self._latch.acquire()

    async def run(self) -> None:
        """Await the coroutine and keep its outcome, whatever it is."""
        if self.done:
            return
        self._task = asyncio.current_task()
        try:
            self._value = await self._coroutine
        except GeneratorExit:  # the loop is gone, and this frame is swept up
            self._error = asyncio.CancelledError()
            raise
        except BaseException as error:  # noqa: BLE001 - it is the caller's, who raises it
            self._error = error
        finally:
            self._task = None
            self._open()

    def cancel(self) -> None:
        """Cancel the coroutine where it is, or before it has begun."""
        if self._task is None:
            self.discard()
        else:
            self._task.cancel()

    def discard(self) -> None:
        """Give up a coroutine that has not begun; one that has ended stays as it is."""
        if not self.done:
            self._coroutine.close()
            self._error = asyncio.CancelledError()
            self._open()

    def wait(self, timeout_s: float = -1) -> bool:
        """Wait for the outcome, -1 without an end, and return whether it is there."""
        if not self.done and self._latch.acquire(timeout=timeout_s):
            self._latch.release()
        return self.done

    def result(self) -> Value:
        """Wait for the outcome; return the value or raise the error, once."""
        self.wait()
        # An error holds its traceback, which holds this object: keep no circle.
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._value  # type: ignore[return-value]
        finally:
            del error

    def _open(self) -> None:
        self.done = True
        self._latch.release()


class Lane:
    """Takes calls one after another in a single task, so that one can leave what another entered."""

    def __init__(self) -> None:
        self._calls: asyncio.Queue[Call[Any] | None] = asyncio.Queue()

    def put(self, call: Call[Any]) -> None:
        """Let a call be the next."""
        self._calls.put_nowait(call)

    def end(self) -> None:
        """Let no call come after those that wait."""
        self._calls.put_nowait(None)

    async def run(self, is_open: Callable[[], bool]) -> None:
        """Take calls until the end, or until `is_open` says no; then none is left waiting."""
        try:
            while is_open() and (call := await self._calls.get()) is not None:
                await call.run()
        finally:
            while not self._calls.empty():
                if (left := self._calls.get_nowait()) is not None:
                    left.discard()
