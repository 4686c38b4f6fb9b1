"""What a call cost in tokens and in time."""

from __future__ import annotations

from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server reported them; 0 where it reported none."""

    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds on the clock port from the start of the call.

    Args:
        ttft_ms: to the first token; None where it cannot be known (an unstreamed call whose
            server reports no prompt time).
        total_ms: to the end of the answer.
    """

    ttft_ms: float | None = None
    total_ms: float = 0.0
