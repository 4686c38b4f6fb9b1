"""The memory of a server: the latest requests, within bounds."""

from __future__ import annotations

import threading
from collections import deque

from .wire import ReceivedRequest

_MOST_REQUESTS = 10_000
_MOST_BYTES = 64 << 20


class RequestLog:
    """Keeps the latest requests and forgets the oldest ones past its bounds.

    Bodies are kept as bytes, because parsed they may take fifty times as much.

    Args:
        most_requests: how many are kept.
        most_bytes: how many bytes of bodies are kept; the latest request always is.
    """

    def __init__(self, most_requests: int = _MOST_REQUESTS, most_bytes: int = _MOST_BYTES) -> None:
        self._lock = threading.Lock()
        self._kept: deque[ReceivedRequest] = deque()
        self._most_requests, self._most_bytes = most_requests, most_bytes
        self._bytes = 0
        self.forgotten = 0

    def add(self, request: ReceivedRequest) -> None:
        """Keep a request."""
        with self._lock:
            self._kept.append(request)
            self._bytes += len(request.content)
            while len(self._kept) > 1 and self._full():
                self._bytes -= len(self._kept.popleft().content)
                self.forgotten += 1

    def latest(self) -> list[ReceivedRequest]:
        """Return what is kept, oldest first, as a list of its own."""
        with self._lock:
            return list(self._kept)

    def _full(self) -> bool:
        return len(self._kept) > self._most_requests or self._bytes > self._most_bytes
