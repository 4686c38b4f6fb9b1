"""An answer on its way to a client again: in its chunks, at its pace, to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..errors import CassetteMiss, ConfigError
from ..ports.clock import Clock
from .take import CLIENT_CLOSED, CONNECT_ERROR, CUT, DONE, TIMEOUT, RecordedResponse
from .tape import Tape


class Pace:
    """How fast answers come: 0 is at once, 1 as they were recorded, 2 twice as fast.

    Args:
        speed: a factor; None means 1 where there is a clock, else 0.
        clock: whose time passes; None means the real one.

    Raises:
        ConfigError: the speed is negative or no number.
    """

    def __init__(self, speed: float | None = None, clock: Clock | None = None) -> None:
        self.speed = (1.0 if clock is not None else 0.0) if speed is None else speed
        if not isinstance(self.speed, int | float) or not 0 <= self.speed < float("inf"):
            raise ConfigError(
                f"the replay speed {speed!r} is not a number of at least 0",
                where="use_cassette(speed=...)",
                fix="use 0 for at once, 1.0 for the recorded pace",
            )
        self.clock = clock
        self.now: Callable[[], float] = time.perf_counter if clock is None else clock.now

    def wait(self, began: float, ms: float) -> None:
        """Block until so many recorded milliseconds have passed."""
        left_s = self._left_s(began, ms)
        if left_s > 0:
            self._sleep(left_s)

    async def wait_async(self, began: float, ms: float) -> None:
        """Wait until so many recorded milliseconds have passed."""
        left_s = self._left_s(began, ms)
        if left_s > 0:
            import asyncio

            await (asyncio.sleep(left_s) if self.clock is None else self.clock.sleep(left_s))

    def _left_s(self, began: float, ms: float) -> float:
        return began + ms / 1e3 / self.speed - self.now() if self.speed else 0.0

    def _sleep(self, seconds: float) -> None:
        if self.clock is None:
            time.sleep(seconds)
            return
        advance = getattr(self.clock, "advance", None)
        if advance is None:
            raise ConfigError(
                f"a {type(self.clock).__name__} cannot pass the time of a client that is not async",
                where="use_cassette(clock=...)",
                fix="use VirtualClock(), which has `advance(seconds)`, or no clock",
            )
        advance(seconds)


class Playback:
    """One response that is being played.

    Attributes:
        response: what is played.
        chunks: (ms, bytes) in order.
        beside: where a live answer is to be noted that is asked for beside this one, else None.
    """

    def __init__(
        self, response: RecordedResponse, pace: Pace, miss: Callable[[RecordedResponse], CassetteMiss]
    ) -> None:
        self.response = response
        self.beside: Tape | None = None
        self._pace, self._miss = pace, miss
        self._began = pace.now() if pace.speed else 0.0

    @cached_property
    def chunks(self) -> list[tuple[float, bytes]]:
        """(ms, bytes) of each chunk, in order."""
        return self.response.chunks

    @property
    def is_plain(self) -> bool:
        """Whether the whole body may be handed over at once."""
        return self.response.end == DONE and not self.response.cuts

    def wait(self, ms: float | None) -> None:
        """Block until this moment of the recording."""
        self._pace.wait(self._began, ms or 0.0)

    async def wait_async(self, ms: float | None) -> None:
        """Wait until this moment of the recording."""
        if self._pace.speed:
            await self._pace.wait_async(self._began, ms or 0.0)

    def failure(self, find: Callable[[str], Any], kinds: dict[str, Any]) -> BaseException | None:
        """Return what to raise at the end, None where it is a good one.

        Args:
            find: returns the client's error class of a name, or None.
            kinds: the class for each bad end, where the recorded one is not known.
        """
        end, (name, told, words) = self.response.end, self.response.error.partition(": ")
        if end == DONE:
            return None
        if end == CLIENT_CLOSED:
            return self._miss(self.response)
        error = (find(name) if name else None) or kinds[end]
        raised: BaseException = error(words if told else _WORDS[end])
        return raised


_WORDS = {
    CUT: "the server closed the connection (recorded)",
    TIMEOUT: "timed out (recorded)",
    CONNECT_ERROR: "connection refused (recorded)",
}
