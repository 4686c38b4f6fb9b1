"""What is good enough, and what to do where it is not."""

from __future__ import annotations

import math
from typing import Literal

from ...domain.frozen import dataclass
from ...errors import AuthenticationFailed, BadRequest, ConfigError, ContextOverflow
from .tiers import DEFAULT_TIERS, Tiers


@dataclass(frozen=True, slots=True)
class EscalationRules:
    """When an answer is accepted.

    Args:
        threshold: the lowest score that is accepted.
        accept_unscored: whether an answer without a score is accepted.
        keep: which answer stays where none is accepted: the "best" by score (the later one of equals), or
            the "last", where scores of different models cannot be compared.
    """

    threshold: float = 0.7
    accept_unscored: bool = True
    keep: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(
                f"threshold={self.threshold!r} cannot work",
                where="EscalationRules.threshold",
                fix="give it a number from 0 to 1 (default 0.7)",
            )

    def accepts(self, score: float | None) -> bool:
        """Return whether a score is good enough; NaN is not."""
        return self.accept_unscored if score is None else score >= self.threshold

    def prefers(self, score: float | None, kept: float | None) -> bool:
        """Return whether a later answer of this score replaces the one that was kept."""
        return self.keep == "last" or _rank(score) >= _rank(kept)


def maybe_escalate(
    score: float | None, tier: str, *, threshold: float = 0.7, tiers: Tiers = DEFAULT_TIERS
) -> str | None:
    """Return the tier to ask next, or None to leave it at that (article 000).

    ```python
    assert maybe_escalate(0.69, "fast") == "balanced"
    assert maybe_escalate(0.70, "fast") is None
    assert maybe_escalate(0.0, "frontier") is None
    ```

    Args:
        score: the quality of this tier's answer; None was not scored and does not escalate.
        tier: the tier that answered.
        threshold: the lowest score that is good enough.
        tiers: the tiers there are.
    """
    return None if EscalationRules(threshold).accepts(score) else tiers.above(tier)


def climbs_after(error: BaseException) -> bool:
    """Return whether another model may answer after this failure.

    A wrong key or a request that the server refuses is not hidden by asking elsewhere. A model that is
    not there (404), or one whose context is too small, is its own reason to ask the next.
    """
    if isinstance(error, ContextOverflow):
        return True
    return not isinstance(error, AuthenticationFailed | BadRequest) or error.status == 404


def _rank(score: float | None) -> float:
    """Return a number that orders scores; none and NaN come last."""
    return -1.0 if score is None or math.isnan(score) else score
