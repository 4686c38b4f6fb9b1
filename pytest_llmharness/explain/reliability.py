"""How often a harness ends well: predicted from its model's odds, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import sqrt

from ..domain.result import LLMResult
from .checked import checks

_MOST_REPAIRS = 1_000
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

    @classmethod
    def seen_in(cls, results: Iterable[LLMResult], *, repairs: int = 2) -> Odds | None:
        """Return the odds that these runs show, or None where no answer was checked.

        A repair is taken to be as likely to help as any other. Where that is not so, because some requests
        are hopeless, what is measured falls short of the prediction, and the report says it.
        """
        runs = invalid = asked = mended = 0
        for result in results:
            passed = checks(result)
            runs += bool(passed)
            invalid += bool(passed) and not passed[0]
            asked += len(passed[1:])
            mended += passed[1:].count(True)
        return cls(invalid / runs, mended / asked if asked else 0.0, repairs=repairs) if runs else None

    @property
    def reliability(self) -> float:
        """The share of runs that end with a valid answer: 1 - (h + (1 - h) q (1 - s)^r)."""
        lost = self.invalid * (1 - self.mended) ** self.repairs
        return 1 - (self.hopeless + (1 - self.hopeless) * lost)

    def over(self, steps: int) -> float:
        """Return the share of runs of so many steps in which every step ends well."""
        return self.reliability**steps

    def failures(self, runs: float) -> float:
        """Return how many of so many runs end badly."""
        return runs * (1 - self.reliability)

    def repairs_for(self, target: float) -> int | None:
        """Return the fewest repairs with which the target is met; None where no number of them does."""
        tries = (replace(self, repairs=repairs) for repairs in range(_MOST_REPAIRS + 1))
        return next((odds.repairs for odds in tries if odds.reliability >= target), None)

    def mended_for(self, target: float) -> float | None:
        """Return how often a repair must help for the target to be met with these repairs; None: never."""
        lost = (1 - target - self.hopeless) / (1 - self.hopeless) if self.hopeless < 1 else -1.0
        if lost < 0 or (self.repairs == 0 and self.invalid > lost):
            return None
        return 0.0 if self.invalid <= lost else 1 - (lost / self.invalid) ** (1 / self.repairs)

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
        elif self.reliability < target:
            lines.append(self._way_to(target))
        if self.hopeless <= 1 - target and not low <= self.reliability <= high:
            lines.append("the prediction is off: the odds it was made from are not those of these runs")
        return "\n".join(lines)

    def _way_to(self, target: float) -> str:
        repairs, mended = self.repairs_for(target), self.mended_for(target)
        ways = [] if repairs is None else [f"max_retries={repairs}"]
        ways += [] if mended is None else [f"repairs that help in {mended:.1%} of the cases"]
        return f"for {target:.0%}: {' or '.join(ways) or 'a model that is invalid less often'}"


def interval(successes: int, trials: int, z: float = _Z) -> tuple[float, float]:
    """Return the Wilson score interval of a share; 99 % by default."""
    share, square = successes / trials, z * z / trials
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)
