"""An event loop in a thread of its own, and what may run on it from outside."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from ...errors import HarnessError
from .call import Call, Lane

Value = TypeVar("Value")

_END: Any = object()
_PATIENCE_S = 5.0


class Portal:
    """Runs coroutines on a loop of its own, from any thread, also inside a running loop.

    A coroutine sees the caller's context variables; what it sets stays with it, as under
    `asyncio.run`. Whatever it raises reaches the caller, KeyboardInterrupt and SystemExit included.

    Args:
        patience_s: how many seconds cancelled coroutines have to clean up, before their caller or
            the end of the process waits for them no longer.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._pid = os.getpid()
        self._gate = threading.Lock()
        self._open, self._stopped, self._at_exit = True, False, False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name="llmharness-portal", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is ending, and starts no threads any more
            self._open = False
            self._loop.close()

    @property
    def alive(self) -> bool:
        """Whether it takes calls in this very process (a fork leaves the loop thread behind)."""
        return self._open and self._pid == os.getpid()

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """Run to the end and return the value.

        An interrupt of the waiting caller (Ctrl-C, a timeout by signal) cancels the coroutine,
        and is raised when that has cleaned up.

        Raises:
            HarnessError: the caller is itself on the portal's thread, or the portal is closed.
        """
        if self._thread.ident is None:
            return asyncio.run(coroutine)
        return self._run(Call(coroutine), self._start)

    def iterate(self, items: AsyncIterator[Value]) -> Iterator[Value]:
        """Yield what an async iterator yields; leaving early closes it on the loop.

        One task takes all the steps, whichever threads ask for them: what the iterator enters in
        one step (a timeout, a task group, a context variable) it can leave in a later one.
        """
        lane = Lane()
        self._submit(Call(lane.run(lambda: self._open)), self._start)
        step: Call[Value] | None = None
        try:
            while True:
                step = Call(_next(items))
                item = self._run(step, lane.put)
                if item is _END:
                    return
                yield item
        finally:
            if self.alive:
                self._leave(items, lane, stuck=step is not None and not step.done)

    def close(self, *, at_exit: bool = False) -> None:
        """Cancel what still runs, give it time to clean up, and stop the thread.

        Whoever waits for a call gets a HarnessError. At exit these can only be daemon threads:
        they are left asleep, because the interpreter ends under them.
        """
        if self.alive:
            self._at_exit = at_exit
            self._submit(Call(self._wind_down()), self._start, last=True)
            self._thread.join(2 * self._patience_s)

    def leave_behind(self) -> None:
        """In a forked child: let the copies of the parent's tasks go without a word."""
        for task in asyncio.all_tasks(self._loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001

    def _submit(self, call: Call[Any], begin: Callable[[Call[Any]], None], *, last: bool = False) -> None:
        """Hand a call to the loop; its context variables are this thread's."""
        if threading.current_thread() is self._thread:
            call.discard()
            raise _own_thread()
        with self._gate:
            if self.alive:
                self._open = not last
                self._loop.call_soon_threadsafe(begin, call)
                return
        call.discard()
        raise _closed()

    def _start(self, call: Call[Any]) -> None:
        task = self._loop.create_task(call.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run(self, call: Call[Value], begin: Callable[[Call[Any]], None]) -> Value:
        try:
            self._submit(call, begin)
            return call.result()
        except BaseException as error:
            if not call.done:
                self._interrupt(call)
            elif isinstance(error, asyncio.CancelledError) and not self._open:
                if self._at_exit:
                    threading.Event().wait()
                raise _closed() from error
            raise

    def _interrupt(self, call: Call[Any]) -> None:
        with suppress(RuntimeError):  # closed in the meantime, which cancels as well
            self._loop.call_soon_threadsafe(call.cancel)
        if call.wait(self._patience_s):
            with suppress(BaseException):  # the interrupt is what the caller gets
                call.result()

    def _leave(self, items: AsyncIterator[Any], lane: Lane, *, stuck: bool) -> None:
        """Close the iterator in the task that took its steps, and end that task."""
        closing = Call(_close(items))
        with suppress(RuntimeError):  # closed in the meantime, which closes iterators as well
            if stuck or threading.current_thread() is self._thread:
                self._loop.call_soon_threadsafe(lane.put, closing)
                self._loop.call_soon_threadsafe(lane.end)
                return
        try:
            self._run(closing, lane.put)
        finally:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(lane.end)

    def _turn(self) -> None:
        # A task that raises KeyboardInterrupt or SystemExit throws it out of run_forever as well;
        # whoever awaits that task gets it, and the loop goes on for all others.
        while not self._stopped:
            with suppress(KeyboardInterrupt, SystemExit):
                self._loop.run_forever()
        self._loop.close()

    async def _wind_down(self) -> None:
        try:
            deadline = self._loop.time() + self._patience_s
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=deadline - self._loop.time())
                if self._loop.time() >= deadline:
                    break
            streams = self._loop.create_task(self._loop.shutdown_asyncgens())
            await asyncio.wait([streams], timeout=self._patience_s)
        finally:
            self._stopped = True
            self._loop.stop()


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


def _own_thread() -> HarnessError:
    return HarnessError(
        "a sync call from the thread that runs the async core would wait for itself",
        where=threading.current_thread().name,
        fix="await the async method of the same name (run -> arun)",
    )


def _closed() -> HarnessError:
    return HarnessError(
        "the thread that runs the async core was stopped before this call had ended",
        where="close_portal(), the end of the process, or a fork in the middle of a stream",
        fix="make the call again: it starts a new thread",
    )
