"""How often a harness ends well: predicted from its model's odds, beside what was measured."""

from __future__ import annotations

from math import sqrt

from ..domain.frozen import dataclass

_Z = 2.5758  # of a two-sided interval that holds in 99 of 100 cases


@dataclass(frozen=True, slots=True)
class Odds:
    """What is known about a model on one kind of request (article 001's arithmetic, made honest).

    Args:
        invalid: share of first answers that are invalid, of the requests that can be answered.
        mended: chance that one repair mends an invalid answer.
        hopeless: share of requests that no number of repairs mends.
        repairs: the most repairs a run makes.

    Example:
        >>> round(Odds(invalid=0.15, mended=0.85, repairs=2).reliability, 4)
        0.9966
    """

    invalid: float
    mended: float
    hopeless: float = 0.0
    repairs: int = 2

    @property
    def reliability(self) -> float:
        """The share of runs that end with a valid answer: 1 - (h + (1 - h) q (1 - s)^r)."""
        lost = self.invalid * (1 - self.mended) ** self.repairs
        return 1 - (self.hopeless + (1 - self.hopeless) * lost)

    def report(self, succeeded: int, runs: int, *, target: float = 0.99) -> str:
        """Return the prediction beside the measurement, and what stands between it and the target.

        Args:
            succeeded: runs that ended with a valid answer.
            runs: all runs; at least one.
            target: the share that is wanted.
        """
        low, high = interval(succeeded, runs)
        measured = f"measured {succeeded / runs:.2%} ({low:.2%} to {high:.2%}, {runs:,} runs)"
        lines = [f"reliability: predicted {self.reliability:.2%}, {measured}"]
        if self.hopeless > 1 - target:
            lines.append(
                f"{target:.0%} is out of reach: {self.hopeless:.2%} of the requests cannot be mended by any "
                "repair; use a stronger model, or ask for less"
            )
        elif not low <= self.reliability <= high:
            lines.append("the prediction is off: the odds it was made from are not those of these runs")
        return "\n".join(lines)


def interval(successes: int, trials: int, z: float = _Z) -> tuple[float, float]:
    """Return the Wilson score interval of a share; 99 % by default."""
    share, square = successes / trials, z * z / trials
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)
