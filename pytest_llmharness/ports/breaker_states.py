"""The port to the health of endpoints, which instances may share."""

from __future__ import annotations

from typing import Protocol

from ..domain.circuit import Circuit


class BreakerStates(Protocol):
    """Keeps one circuit an endpoint, and the time that goes with it."""

    async def read(self, endpoint: str) -> tuple[Circuit, float]:
        """Return the circuit (a closed one where nothing is known) and the time now, in seconds.

        The time is of one clock for all who share these states.
        """
        ...

    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        """Replace the circuit by `new` if it still equals `old`; return whether it did."""
        ...
