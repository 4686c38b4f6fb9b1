"""What became of the items of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from ...domain.frozen import dataclass
from ...domain.result import FailureReason, LLMResult
from ...errors import ConfigError, InvalidAnswer, InvalidRequest, MaxRetriesExceeded
from ..config import HarnessConfig
from ..degrade.failure import named, reason

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class ItemOutcome(Generic[Outcome]):
    """What one item came to: a value, or the error of this item alone.

    Args:
        index: the item's place in the input, from 0.
        value: what the job returned; None where it failed.
        error: what the job raised; None where it did not.
    """

    index: int
    value: Outcome | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the job returned."""
        return self.error is None

    def unwrap(self) -> Outcome:
        """Return the value, or raise the item's error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is.

    Args:
        done: items that ended, failed ones included.
        failed: items whose job raised.
        total: items in all; None where the input does not say.
        index: the item that ended just now.
    """

    done: int
    failed: int
    total: int | None
    index: int


def results(outcomes: Iterable[ItemOutcome[LLMResult]]) -> list[LLMResult]:
    """Return a result for each item; one that raised is a failed result, so that no slot is empty."""
    return [outcome.unwrap() if outcome.ok else failed_result(outcome.error) for outcome in outcomes]


def failed_result(error: Exception | None, *, model: str = "") -> LLMResult:
    """Return an error as the result of a run that failed with it."""
    error = error or RuntimeError("no outcome was recorded")
    if isinstance(error, MaxRetriesExceeded):
        why = FailureReason.VALIDATION
    elif isinstance(error, InvalidAnswer):
        why = FailureReason.FAIL_FAST
    elif isinstance(error, InvalidRequest | ConfigError):
        why = FailureReason.INVALID_REQUEST
    else:
        error = named(error, "batch", HarnessConfig())
        why = reason(error)
    return LLMResult(
        content=str(error),
        model=model,
        tokens_in=0,
        tokens_out=0,
        duration_ms=0.0,
        ttft_ms=0.0,
        success=False,
        metadata={"failure_reason": why.value, "layer": why.layer, "error": error},
    )
