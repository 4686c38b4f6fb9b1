"""An end in time for something that takes many steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ports.clock import Clock


async def until(clock: Clock, deadline_s: float, step: Callable[[], Awaitable[bool]]) -> None:
    """Take step after step while they return True; at the deadline, cancel whatever is waited for.

    A TimeoutError of the steps' own is raised.
    """
    own: TimeoutError | None = None
    with suppress(TimeoutError):  # the deadline's
        async with clock.timeout(deadline_s - clock.now()):
            try:
                while clock.now() < deadline_s and await step():
                    pass
            except TimeoutError as error:
                own = error
    if own is not None:
        raise own
