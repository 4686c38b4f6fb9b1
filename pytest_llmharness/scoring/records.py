"""What a scored case leaves behind, and what a set of them adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field
from typing import Any

from ..domain.frozen import dataclass

FEW = 21
"""Samples below which int(n * 0.95) is the last place: the 95th percentile is then the maximum."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a suite.

    Args:
        name: its name, once in a suite.
        input: what the model is asked.
        schema: what the answer must satisfy; None means nothing.
        expected: the fields there should be; None means that nothing is scored.
    """

    name: str
    input: str
    schema: Any = None
    expected: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What one case came to.

    Args:
        name: the case's name.
        score: its score in 0..1; None where it failed or nothing was expected.
        success: whether the run succeeded.
        duration_ms: how long it took.
        tokens_out: tokens of the answers.
        reason: why it failed; "" where it did not.
        field_scores: the score of each field.
    """

    name: str
    score: float | None
    success: bool
    duration_ms: float
    tokens_out: int
    reason: str = ""
    field_scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A suite's figures (article 000's eight, and what they leave open).

    Args:
        model: the model that was asked.
        total_cases, successful, failed: how many.
        avg_score: over the cases that have a score; failed ones have none.
        avg_duration_ms, p95_duration_ms: over all cases, failed ones included.
        below_80pct: scores below 0.8.
        unscored: cases that succeeded without a score.
        avg_score_failures_as_0: the same mean where each failed case counts 0.
        p95_is_maximum: whether there are too few samples for a 95th percentile.
        failures: name and reason of each failed case.
    """

    model: str
    total_cases: int = 0
    successful: int = 0
    failed: int = 0
    avg_score: float = 0.0
    avg_duration_ms: float = 0.0
    p95_duration_ms: float = 0.0
    below_80pct: int = 0
    unscored: int = 0
    avg_score_failures_as_0: float = 0.0
    p95_is_maximum: bool = False
    failures: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {**asdict(self), "failures": [list(failure) for failure in self.failures]}


def aggregate(model: str, records: Iterable[Record]) -> Aggregate:
    """Add up the records of one run; an empty set gives zeros.

    ```python
    figures = aggregate(
        "m", [Record("a", 0.9, True, 100.0, 12), Record("b", None, False, 50.0, 0, "timeout")]
    )
    assert (figures.avg_score, figures.avg_score_failures_as_0, figures.failed) == (0.9, 0.45, 1)
    ```
    """
    records = list(records)
    succeeded = [record for record in records if record.success]
    scores = [record.score for record in succeeded if record.score is not None]
    failures = tuple((record.name, record.reason) for record in records if not record.success)
    durations = sorted(record.duration_ms for record in records)
    return Aggregate(
        model=model,
        total_cases=len(records),
        successful=len(succeeded),
        failed=len(failures),
        avg_score=_mean(scores),
        avg_duration_ms=_mean(durations),
        p95_duration_ms=durations[len(durations) * 95 // 100] if durations else 0.0,
        below_80pct=sum(score < 0.8 for score in scores),
        unscored=len(succeeded) - len(scores),
        avg_score_failures_as_0=_mean([*scores, *[0.0] * len(failures)]),
        p95_is_maximum=0 < len(durations) < FEW,
        failures=failures,
    )


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 9) if values else 0.0
