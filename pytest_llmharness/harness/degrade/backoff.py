"""How long to wait before a call is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...domain.frozen import dataclass
from ...errors import ConfigError, ProviderError
from ..config import HarnessConfig

if TYPE_CHECKING:
    from ...ports.random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter: base * factor^n + U(0, jitter), after article 004.

    Args:
        base_s: the wait before the first retry, without jitter.
        factor: how much longer each wait is than the one before.
        jitter_s: the most that chance adds, so that callers do not come back together.
        longest_s: no wait of our own is longer; a server's Retry-After may be.
    """

    base_s: float = 1.0
    factor: float = 2.0
    jitter_s: float = 1.0
    longest_s: float = 60.0

    def __post_init__(self) -> None:
        for name, lowest in (("base_s", 0), ("factor", 1), ("jitter_s", 0), ("longest_s", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not value >= lowest:
                raise ConfigError(
                    f"{name}={value!r} cannot work",
                    where=f"Backoff.{name}",
                    fix=f"give it a number of at least {lowest}",
                )

    def delay_s(self, retry: int, random: Random, retry_after_s: float | None = None) -> float:
        """Return the seconds to wait before retry number `retry`, from 0.

        What the server asked for (`retry_after_s`) is waited for in full where it is longer.
        """
        # Beyond this power the wait is the longest anyway, and a float would overflow.
        grown = self.base_s * self.factor ** min(retry, 64)
        own = min(grown + random.random() * self.jitter_s, self.longest_s)
        return max(own, retry_after_s or 0.0)


def delay_s(error: ProviderError | None, config: HarnessConfig) -> float:
    """Return the fixed wait before the next attempt: the server's wish where it is longer."""
    asked = error.retry_after_s if error is not None else None
    return max(config.retry_delay_seconds, asked or 0.0)
