"""Circuits of this process."""

from __future__ import annotations

import threading

from ...domain.circuit import Circuit
from ...ports.clock import Clock


class MemoryBreakerStates:
    """One circuit an endpoint, shared by all harnesses that are given this object.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}
        self._lock = threading.Lock()

    async def read(self, endpoint: str) -> tuple[Circuit, float]:
        """Return the circuit and the time now."""
        return self._circuits.get(endpoint, Circuit()), self._clock.now()

    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        """Replace the circuit if it still equals `old`."""
        with self._lock:
            if self._circuits.get(endpoint, Circuit()) != old:
                return False
            self._circuits[endpoint] = new
            return True
