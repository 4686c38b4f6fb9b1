"""One event loop in one background thread per process: how sync code runs the async core."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from ...errors import HarnessError

Value = TypeVar("Value")

_END = object()


class Portal:
    """Runs coroutines on a loop of its own, from any thread, also inside a running loop."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llmharness-portal", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the loop thread runs in this very process (a fork leaves it behind)."""
        return self._pid == os.getpid() and self._thread.is_alive()

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """Run to the end and return the value; an interrupt of the caller cancels the coroutine.

        Raises:
            HarnessError: the caller is itself a coroutine on the portal's loop.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise HarnessError(
                "a sync call from the thread that runs the async core would wait for itself",
                where=threading.current_thread().name,
                fix="await the async method of the same name (run -> arun)",
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                self._settle()
            raise

    def iterate(self, items: AsyncIterator[Value]) -> Iterator[Value]:
        """Yield what an async iterator yields; leaving early closes it on the loop."""
        try:
            while (item := self.run(_next(items))) is not _END:
                yield item
        finally:
            close = getattr(items, "aclose", None)
            if close is not None and self.alive:
                self.run(close())

    def close(self) -> None:
        """Cancel what still runs and stop the thread."""
        if self.alive:
            self.run(_cancel_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
        if not self._loop.is_running():
            self._loop.close()

    def _settle(self) -> None:
        """Give a cancelled coroutine its turn to clean up before the caller goes on."""
        try:
            asyncio.run_coroutine_threadsafe(_turns(), self._loop).result(timeout=5)
        except (TimeoutError, CancelledError):
            return


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


_lock = threading.Lock()
_portal: Portal | None = None


def portal() -> Portal:
    """Return this process's portal, started at first use and stopped at exit."""
    global _portal  # noqa: PLW0603 - one loop thread per process is the point
    with _lock:
        if _portal is None or not _portal.alive:
            _portal = Portal()
            atexit.register(_portal.close)
        return _portal


def close_portal() -> None:
    """Stop this process's portal, if there is one; the next call starts another."""
    global _portal  # noqa: PLW0603 - one loop thread per process is the point
    with _lock:
        if _portal is not None:
            atexit.unregister(_portal.close)
            _portal.close()
            _portal = None
