"""Article 001's three metrics, each with what it was divided by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.result import LLMResult
from ..harness.degrade import Change
from .checked import checks


@dataclass(frozen=True, slots=True)
class Metrics:
    """How often checks failed, how often repairs helped, how often a circuit opened.

    Args:
        outputs: answers that were checked, those of repairs included.
        failing: answers of these that failed.
        failing_runs: runs in which at least one check failed.
        repaired_runs: runs of these that ended with a valid answer.
        trips: how often a circuit opened, from closed or half-open.
    """

    outputs: int = 0
    failing: int = 0
    failing_runs: int = 0
    repaired_runs: int = 0
    trips: int = 0

    @property
    def failure_rate(self) -> float | None:
        """Failing answers of all that were checked; None where none was."""
        return self.failing / self.outputs if self.outputs else None

    @property
    def repair_success(self) -> float | None:
        """Of the runs that failed a check, the share that ended valid; None where none failed one."""
        return self.repaired_runs / self.failing_runs if self.failing_runs else None

    def __str__(self) -> str:
        failure = _share(self.failing, self.outputs, "answers")
        success = _share(self.repaired_runs, self.failing_runs, "failing runs")
        return f"validation failure rate {failure}, repair success rate {success}, breaker trips {self.trips}"


def metrics(results: Iterable[LLMResult], changes: Iterable[Change] = ()) -> Metrics:
    """Count the three metrics over results.

    ```python
    changes = []
    breaker = Breaker(states, clock, on_change=changes.append)
    ...
    assert metrics(results, changes).repair_success >= 0.9
    ```

    Args:
        results: read once, and not kept.
        changes: what a breaker told its `on_change`.
    """
    outputs = failing = failing_runs = repaired_runs = 0
    for result in results:
        passed = checks(result)
        failed = passed.count(False)
        outputs += len(passed)
        failing += failed
        failing_runs += failed > 0
        repaired_runs += failed > 0 and result.success
    trips = sum(change.trips for change in changes)
    return Metrics(outputs, failing, failing_runs, repaired_runs, trips)


def _share(part: int, whole: int, of: str) -> str:
    return f"{part / whole:.1%} ({part} of {whole} {of})" if whole else f"unknown (no {of})"
