"""What is known about one endpoint's health."""

from __future__ import annotations

from typing import Literal

from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of one circuit breaker.

    Args:
        state: "closed" lets calls through, "open" none, "half_open" one probe.
        failures: failures in a row, while closed.
        since_s: when this state began, on the clock that all who share it see.
        probe: the id of the probe under way, while half open; "" where there is none.
    """

    state: Literal["closed", "open", "half_open"] = "closed"
    failures: int = 0
    since_s: float = 0.0
    probe: str = ""
