"""Runs the items of a batch side by side on the running event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import HarnessError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class AsyncioExecutor:
    """A fixed number of workers, each with one item at a time, each item in a task of its own.

    A slow reader holds the workers back: no more than `max_workers` outcomes wait for it.

    ```python
    async for index, outcome in AsyncioExecutor().map(ask, prompts, max_workers=3):
        ...
    ```
    """

    async def map(
        self,
        job: Callable[[Item], Awaitable[Outcome]],
        items: AsyncIterable[Item],
        *,
        max_workers: int,
    ) -> AsyncGenerator[tuple[int, Outcome | Exception], None]:
        """Yield (index, outcome) as items end; closing it cancels what still runs."""
        crew = _Crew(job, aiter(items))
        workers = [asyncio.create_task(crew.work()) for _ in range(max_workers)]
        at_work = len(workers)
        try:
            while at_work:
                got = await crew.next_report()
                if not isinstance(got, _Leaves):
                    yield got
                    continue
                at_work -= 1
                if got.error is not None:
                    raise got.error
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """A worker goes home: nothing is left to do, or this error ends the batch."""

    error: BaseException | None = None


class _Crew:
    def __init__(
        self,
        job: Callable[[Any], Awaitable[Any]],
        items: AsyncIterator[Any],
    ) -> None:
        self._job, self._items = job, items
        self._reports: deque[tuple[tuple[int, Any] | _Leaves, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()
        self._turn, self._taken = asyncio.Lock(), 0

    async def work(self) -> None:
        """Take items until there are no more."""
        try:
            while True:
                async with self._turn:
                    item = await anext(self._items, _END)
                    index, self._taken = self._taken, self._taken + 1
                if item is _END:
                    await self._report(_Leaves())
                    return
                await self._report((index, await self._outcome(item)))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - told to the reader, who raises it
            await self._report(_Leaves(error))

    async def next_report(self) -> tuple[int, Any] | _Leaves:
        """Wait for a worker's report, first come, first served, and send it on to its next item."""
        while not self._reports:
            self._arrived.clear()
            await self._arrived.wait()
        report, taken = self._reports.popleft()
        if not taken.done():
            taken.set_result(None)
        return report

    async def _report(self, report: tuple[int, Any] | _Leaves) -> None:
        """Hand a report over; not before it is taken does the worker take another item."""
        taken = asyncio.get_running_loop().create_future()
        self._reports.append((report, taken))
        self._arrived.set()
        await taken

    async def _outcome(self, item: Any) -> Any:
        """Run the job in its own task: context variables and cancel counts end with the item."""
        try:
            return await asyncio.create_task(_called(self._job, item))
        except asyncio.CancelledError as cancelled:
            worker = asyncio.current_task()
            if worker is None or worker.cancelling():
                raise
            error = HarnessError(
                "the item's job was cancelled from within",
                where="the job of a batch",
                fix="let the job raise a TimeoutError, or another Exception, instead",
            )
            error.__cause__ = cancelled
            return error
        except Exception as error:  # noqa: BLE001 - one bad item is its own outcome
            return error


_END = object()


async def _called(job: Callable[[Any], Awaitable[Any]], item: Any) -> Any:
    return await job(item)
