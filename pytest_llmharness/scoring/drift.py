"""Two runs of a suite side by side: what got worse, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError, HarnessError
from .records import Record
from .suite import SuiteRun


@dataclass(frozen=True, slots=True)
class DriftBounds:
    """How much worse a run may be than the one before.

    Args:
        avg_score: how far the mean score may fall.
        case_score: how far the score of one case may fall; None means any distance.
        new_failures: how many cases may fail that did not fail before, or have lost their score.
    """

    avg_score: float = 0.02
    case_score: float | None = None
    new_failures: int = 0

    def __post_init__(self) -> None:
        for name in ("avg_score", "case_score", "new_failures"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(
                    f"{name}={value!r} cannot work",
                    where=f"DriftBounds.{name}",
                    fix="give it a number of at least 0",
                )


@dataclass(frozen=True, slots=True)
class Drift:
    """How a run differs from the one before.

    Args:
        before, after: the mean scores over the cases that both runs scored.
        fell: (name, before, after) of each case whose score fell, the largest fall first.
        new_failures: cases that have failed, or lost their score, since.
        gone, added: cases that only one of the runs has.
        complaints: one sentence for each bound that was passed.
    """

    before: float
    after: float
    fell: tuple[tuple[str, float, float], ...] = ()
    new_failures: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the run is within the bounds."""
        return not self.complaints

    def check(self) -> None:
        """Raise where the run is worse than the bounds allow.

        Raises:
            HarnessError: it names every bound that was passed.
        """
        if self.complaints:
            raise HarnessError(
                "; ".join(self.complaints),
                where="the run compared with the one before",
                fix="mend the prompt or the model, or keep the new run as the one to compare with",
            )


def compare(before: SuiteRun, after: SuiteRun, bounds: DriftBounds | None = None) -> Drift:
    """Compare two runs case by case.

    Means are taken over the cases that both runs scored, so a case that fails, or that was added, does
    not move them; it is counted by itself. A case that is gone is a complaint: what is not asked any
    more cannot show a drop.

    ```python
    compare(SuiteRun.from_json(Path("before.json").read_text()), run, DriftBounds(avg_score=0.01)).check()
    ```
    """
    bounds = bounds or DriftBounds()
    old = {record.name: record for record in before.records}
    new = {record.name: record for record in after.records}
    both = [
        (name, was.score, now.score)
        for name, was in old.items()
        if (now := new.get(name)) and was.score is not None and now.score is not None
    ]
    fell = sorted((one for one in both if one[2] < one[1]), key=lambda one: (one[2] - one[1], one[0]))
    lost = tuple(name for name in old if name in new and _is_worse(old[name], new[name]))
    gone, added = (
        tuple(name for name in one if name not in other) for one, other in ((old, new), (new, old))
    )
    mean_was, mean_now = (_mean([scores[place] for _, *scores in both]) for place in (0, 1))
    complaints = _falls(mean_was, mean_now, fell, bounds)
    if len(lost) > bounds.new_failures:
        complaints.append(f"{len(lost)} case(s) fail now: {', '.join(lost)}")
    if gone:
        complaints.append(f"{len(gone)} case(s) are gone: {', '.join(gone)}")
    return Drift(mean_was, mean_now, tuple(fell), lost, gone, added, tuple(complaints))


def _is_worse(was: Record, now: Record) -> bool:
    """Return whether a case fails, or has no score, and did not before."""
    return (was.success and not now.success) or (was.score is not None and now.score is None)


def _falls(was: float, now: float, fell: list[tuple[str, float, float]], bounds: DriftBounds) -> list[str]:
    """Say which scores fell further than they may."""
    complaints = []
    if was - now > bounds.avg_score + 1e-9:
        complaints.append(
            f"the mean score fell from {was:.3f} to {now:.3f}, by more than {bounds.avg_score:g}"
        )
    if bounds.case_score is not None:
        complaints += [
            f"case {name!r} fell from {before:.3f} to {after:.3f}, by more than {bounds.case_score:g}"
            for name, before, after in fell
            if before - after > bounds.case_score + 1e-9
        ]
    return complaints


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
