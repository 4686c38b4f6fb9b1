"""The port to chance."""

from __future__ import annotations

from typing import Protocol


class Random(Protocol):
    """A source of random numbers; `random.Random` is one."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...
