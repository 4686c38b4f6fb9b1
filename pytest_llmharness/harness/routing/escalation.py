"""Ask a cheap model first, and a better one only where the answer is not good enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeAlias

from ...domain.usage import Usage
from ...errors import ConfigError
from ...ports.clock import Clock
from .attempt import Answer, Attempt, Ending, Escalated, Try, Value
from .costs import Cost, CostBudget, Reservation
from .judging import EscalationRules, climbs_after
from .prices import PRICES, PriceTable
from .router import Plan, expected_cost
from .tiers import ModelCall

Listener: TypeAlias = Callable[[str, Mapping[str, Any]], None]
"""Told what happens, as (name, JSON values): "attempt", "escalate", "needs_review"."""


class Escalation:
    """Makes attempts up the tiers until one is good enough.

    Each attempt's expected cost is reserved before it is made, so that parallel runs on one budget do not
    overdraw it. A failed attempt leads to the next tier, unless the request itself was refused. Without
    an accepted answer the best one is kept and marked for review.

    ```python
    async def attempt(call: ModelCall) -> Answer[str]:
        completion = await provider.complete(replace(prompt, options=call.options(prompt.options)))
        return Answer(completion.text, score=quality(completion.text), usage=completion.usage)


    outcome = await Escalation(clock, budget=CostBudget(0.05)).run(attempt, router.plan(signals))
    ```

    Args:
        clock: times the attempts.
        rules: what is good enough, and which answer is kept where none is.
        budget: what may be spent; None only counts.
        prices: what tokens cost.
        listener: told what happens.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rules: EscalationRules | None = None,
        budget: CostBudget | None = None,
        prices: PriceTable = PRICES,
        listener: Listener | None = None,
    ) -> None:
        self._clock, self._prices, self._listener = clock, prices, listener
        self.rules = rules or EscalationRules()
        self.budget = budget or CostBudget()

    async def run(
        self,
        attempt: Attempt[Value],
        calls: Plan | Iterable[ModelCall],
        *,
        tokens_in: int = 0,
        deadline_s: float | None = None,
        may_call: Callable[[], bool] | None = None,
        rules: EscalationRules | None = None,
    ) -> Escalated[Value]:
        """Make attempts in the order of `calls` until one is accepted.

        Args:
            attempt: asks one model; it raises, or returns an answer without success, where it fails.
            calls: a plan, or the models to ask.
            tokens_in: tokens of the input, to know what a call may cost; a plan brings its own.
            deadline_s: time on the clock after which no further attempt is made.
            may_call: whether the request may make one more model call; None means always.
            rules: other rules for this run.

        Raises:
            ConfigError: an attempt found that a setting cannot work.
        """
        climb = Climb[Value](rules or self.rules)
        if isinstance(calls, Plan):
            climb.ending = "budget" if calls.dropped else None
            tokens_in, calls = calls.tokens_in, calls.calls
        for call in calls:
            if deadline_s is not None and self._clock.now() >= deadline_s:
                climb.ending = "deadline"
                break
            if may_call is not None and not may_call():
                climb.ending = "calls"
                break
            reservation = self.budget.reserve(expected_cost(call, tokens_in, self._prices), cloud=call.cloud)
            if reservation is None:
                climb.ending = "budget"
                continue
            if climb.tries:
                self._tell("escalate", to=call.tier, score=climb.tries[-1].score)
            self._note(climb.add(*await self._try(attempt, call, reservation)))
            if climb.over:
                break
        return self._outcome(climb)

    async def _try(
        self, attempt: Attempt[Value], call: ModelCall, reservation: Reservation
    ) -> tuple[Try, Answer[Value] | None]:
        """Make one attempt and book what it cost."""
        started = self._clock.now()
        answer: Answer[Value] | None = None
        error: BaseException | None = None
        # Kept where the attempt is cancelled: what was asked for may have to be paid.
        cost = reservation.expected
        try:
            answer = await attempt(call)
        except ConfigError:
            cost = Cost()
            raise
        except Exception as failure:  # noqa: BLE001 - any failure of one model may lead to the next
            error = failure
            cost = Cost() if getattr(failure, "status", None) is not None else cost
        else:
            error = answer.error
            cost = self._cost(call, answer, cost)
        finally:
            self.budget.settle(reservation, cost)
        took_ms = (self._clock.now() - started) * 1e3
        return Try(call, answer.score if answer else None, cost, took_ms, error=error), answer

    def _cost(self, call: ModelCall, answer: Answer[Any], expected: Cost | None) -> Cost | None:
        """Return what an attempt cost: as it says, by its tokens, or as expected where it counted none."""
        usage = answer.usage
        by_tokens = self._prices.cost(call.model, usage) if usage and usage != Usage() else None
        return answer.cost or by_tokens or (expected.times(answer.calls) if expected else None)

    def _note(self, made: Try) -> None:
        self._tell(
            "attempt",
            tier=made.call.tier,
            model=made.call.model,
            score=made.score,
            accepted=made.accepted,
            cost_usd=made.cost.total_usd if made.cost else None,
            duration_ms=made.duration_ms,
            error=type(made.error).__name__ if made.error else None,
        )

    def _outcome(self, climb: Climb[Value]) -> Escalated[Value]:
        outcome = climb.outcome()
        if outcome.needs_review:
            self._tell(
                "needs_review", ending=outcome.ending, tiers=[made.call.tier for made in outcome.tries]
            )
        return outcome

    def _tell(self, name: str, **facts: Any) -> None:
        if self._listener is not None:
            self._listener(name, facts)


class Climb(Generic[Value]):
    """The state of one run up the tiers; the escalation itself keeps none but the budget."""

    def __init__(self, rules: EscalationRules) -> None:
        self.rules = rules
        self.tries: list[Try] = []
        self.ending: Ending | None = None
        self._kept: tuple[Answer[Value], ModelCall] | None = None

    @property
    def over(self) -> bool:
        """Whether no further attempt helps."""
        return self.ending in ("accepted", "refused")

    def add(self, made: Try, answer: Answer[Value] | None) -> Try:
        """Judge an attempt and keep its answer where it is the one to keep."""
        if answer is not None and answer.success:
            accepted = self.rules.accepts(answer.score)
            made = replace(made, accepted=accepted)
            if accepted or self._kept is None or self.rules.prefers(answer.score, self._kept[0].score):
                self._kept = answer, made.call
            self.ending = "accepted" if accepted else self.ending
        elif made.error is not None and not climbs_after(made.error):
            self.ending = "refused"
        self.tries.append(made)
        return made

    def outcome(self) -> Escalated[Value]:
        """Return what came of it."""
        answer, call = self._kept or (None, None)
        ending: Ending = self.ending or ("failed" if answer is None else "quality")
        return Escalated(answer, call, ending, tuple(self.tries))
