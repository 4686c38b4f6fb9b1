"""Which take answers a request next: equal requests get their takes in order, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .fingerprint import request_key
from .take import Take


class TakeIndex:
    """Takes by the key of their request; one dictionary look-up a claim, however many there are."""

    def __init__(self, takes: Sequence[Take]) -> None:
        self.takes = takes
        self._waiting: dict[bytes, deque[int]] = {}
        for position, take in enumerate(takes):
            self._waiting.setdefault(request_key(take.request), deque()).append(position)

    def claim(self, key: bytes) -> Take | None:
        """Return the next unplayed take of a key and mark it played, or None."""
        waiting = self._waiting.get(key)
        return self.takes[waiting.popleft()] if waiting else None
