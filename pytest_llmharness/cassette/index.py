"""Which take answers a request next: equal requests get their takes in order, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .fingerprint import request_key
from .take import Take


class TakeIndex:
    """Takes by the key of their request; one dictionary look-up a claim, however many there are.

    Args:
        takes: the takes.
        keys: the key of each, as far as it is known without reading the take.
    """

    def __init__(self, takes: Sequence[Take], keys: Sequence[bytes | None] = ()) -> None:
        self.takes = takes
        self._waiting: dict[bytes, deque[int]] = {}
        for place in range(len(takes)):
            known = keys[place] if keys else None
            key = known or request_key(takes[place].request)
            self._waiting.setdefault(key, deque()).append(place)

    def claim(self, key: bytes) -> int | None:
        """Return the place of the next unplayed take of a key and mark it played, or None."""
        waiting = self._waiting.get(key)
        return waiting.popleft() if waiting else None
