"""What comes from a client, and how much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take of the server.

    How long the model takes is not limited: a client that goes away, or `close()`, ends its call.

    Args:
        head_bytes: the longest request line with its header fields; more is 431.
        body_bytes: the longest body; more is 413.
        request_s: seconds from the first byte of a request to its last; more is 408.
        idle_s: seconds that an open connection may wait for its next request.
        send_s: seconds in which the client must take what is sent to it.
    """

    head_bytes: int = 32 << 10
    body_bytes: int = 16 << 20
    request_s: float = 30.0
    idle_s: float = 60.0
    send_s: float = 30.0


class Inbound(asyncio.StreamReader):
    """The bytes of a client; tells at once that it has gone, also while nobody reads.

    A client that only ends its sending side counts as gone: the two cannot be told apart.
    """

    _gone = False
    _watcher: Callable[[], object] | None = None

    @contextmanager
    def watched(self, watcher: Callable[[], object]) -> Iterator[None]:
        """Call `watcher` when the client goes away, or now if it has gone."""
        self._watcher = watcher
        if self._gone:
            self._tell()
        try:
            yield
        finally:
            self._watcher = None

    def feed_eof(self) -> None:
        """Take the end of the client's bytes."""
        super().feed_eof()
        self._tell()

    def set_exception(self, exc: Exception) -> None:
        """Take the failure of the connection."""
        super().set_exception(exc)
        self._tell()

    def _tell(self) -> None:
        self._gone = True
        watcher, self._watcher = self._watcher, None  # told once: a second cancel would cut a clean-up
        if watcher is not None:
            watcher()
