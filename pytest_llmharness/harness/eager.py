"""A time limit that costs nothing for what does not wait."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ..ports.clock import Clock

Value = TypeVar("Value")


async def within(clock: Clock, limit_s: float | None, awaited: Coroutine[Any, Any, Value]) -> Value:
    """Return what a coroutine returns, or cancel it after `limit_s` seconds.

    Its first step runs before the limit is armed: what answers without waiting (a scripted model, a
    cached value, a tool that computes) needs no timer.

    Raises:
        TimeoutError: the time is over.
    """
    try:
        waits_for = awaited.send(None)
    except StopIteration as done:
        value: Value = done.value
        return value
    async with clock.timeout(limit_s):
        return await _rest(awaited, waits_for)


@coroutine
def _rest(awaited: Coroutine[Any, Any, Value], waits_for: Any) -> Generator[Any, Any, Value]:
    """Go on with a coroutine that has begun, from what it waits for now."""
    try:
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                awaited.close()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown in by the event loop, for the coroutine
                waits_for = awaited.throw(error)
            else:
                waits_for = awaited.send(sent)
    except StopIteration as done:
        value: Value = done.value
        return value
