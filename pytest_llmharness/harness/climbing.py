"""The way of one run up the tiers: which model is asked first, and which next where it is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..domain.event import EventKind
from ..domain.request import Request
from ..domain.usage import Usage
from ..errors import HarnessError, InvalidRequest
from .degrade.ladder import Endpoint
from .journal import Journal
from .parts import Parts
from .routing.judging import climbs_after
from .routing.router import Signals, expected_cost

if TYPE_CHECKING:
    from .routing.costs import Cost, Reservation
    from .routing.routing import Routes
    from .routing.tiers import ModelCall


class Climbing:
    """Decides for one run; all it knows is in the run's state, but for the money set aside.

    Args:
        parts: what the harness is made of.
        routes: the tiers with their endpoints, and the rules.
        journal: where each decision is written down.
    """

    def __init__(self, parts: Parts, routes: Routes, journal: Journal) -> None:
        self._parts, self._routes, self._journal = parts, routes, journal
        self._reserved: Reservation | None = None

    @property
    def call(self) -> ModelCall:
        """What the tier in use is asked with."""
        state = self._journal.state
        return self._routes.tiers.call(state.plan[state.rung])

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The tier's model, then the fallbacks."""
        return self._routes.endpoints[self.call.tier], *self._parts.endpoints[1:]

    async def begin(self, request: Request, task: str | None) -> HarnessError | None:
        """Choose the tier to start at; return why none can be asked, or None.

        Args:
            request: its metadata may name a "tier", a "task" and a "confidence".
            task: the kind of task that the text itself speaks of.
        """
        wanted = request.metadata.get("task", task)
        table = self._routes.routing.rules.tasks.table
        signals = Signals(
            request.text,
            tier=request.metadata.get("tier"),
            task_type=wanted if wanted in table else task,
            input_length=len(request.text) + sum(len(message.text) for message in request.history),
            confidence=request.metadata.get("confidence"),
        )
        plan = self._routes.router.plan(signals, self._routes.routing.budget)
        names = [call.tier for call in plan.calls]
        first = self._reserve(names, 0, plan.tokens_in)
        if first is None:
            return InvalidRequest(
                "the budget for models is spent, and no tier is free",
                where="Routing.budget",
                fix="raise CostBudget(limit_usd=...), or add a local tier with cost_per_call=0.0",
            )
        facts = {**plan.facts, "tier": names[first], "tiers": names[first:]}
        await self._journal.record(EventKind.ROUTED, **facts, tokens_in=plan.tokens_in)
        return None

    def enter(self) -> None:
        """Set the cost of the tier in use aside, where that was not done in this process."""
        state = self._journal.state
        if state.plan and self._reserved is None:
            self._reserve(list(state.plan), state.rung, state.tokens_expected)

    async def climbs(
        self,
        score: float | None,
        error: HarnessError | None = None,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> bool:
        """Leave an answer that is not enough; return whether the run goes on, with another one.

        It goes on at the next tier that the budget can pay. Where there is none, and an answer of a lower
        tier was better, it ends with that one.

        Args:
            score: how good the answer is; None where nothing scored it.
            error: why there is no answer that could be used.
            facts: what else the score says.
        """
        state, rules = self._journal.state, self._routes.routing.escalation
        if state.settled or (rules.accepts(score) if error is None else not climbs_after(error)):
            return False
        best = error is None and (state.kept is None or rules.prefers(score, state.kept_score))
        made = self._try(score, error)
        place = self._reserve(list(state.plan), state.rung + 1, state.tokens_expected)
        if place is None and (best or state.kept is None):
            return False
        to = None if place is None else state.plan[place]
        await self._journal.record(
            EventKind.ESCALATED, **made, to=to, rung=place, keep=best, facts=dict(facts)
        )
        return True

    def ending(self, score: float | None, error: HarnessError | None = None) -> dict[str, Any]:
        """Return what the result's metadata says about the way, and book what the last tier cost."""
        state, rules = self._journal.state, self._routes.routing.escalation
        if not state.plan:
            return {}
        tries = state.tries if state.settled else [*state.tries, self._try(score, error)]
        accepted = error is None and rules.accepts(score)
        paid = state.rung + 1 == len(state.plan) and not state.dropped
        ending = "quality" if error is None else "failed"
        cloud = [made["cost_usd"] for made in tries if self._routes.tiers[made["tier"]].cloud]
        return {
            "tier": state.settled or self.call.tier,
            "tiers_tried": tries,
            "cost_usd": sum(made["cost_usd"] or 0.0 for made in tries),
            "unpriced_tiers": sum(made["cost_usd"] is None for made in tries),
            "cloud_calls": len(cloud),
            "cloud_cost_usd": sum(cost or 0.0 for cost in cloud),
            "unpriced_cloud_calls": cloud.count(None),
            "needs_review": not accepted,
            "escalation": "accepted" if accepted else ending if paid else "budget",
        }

    def close(self) -> None:
        """Give back what is still set aside; a run that was cut off may have to be paid."""
        if self._reserved is not None:
            self._settle(self._reserved.expected)

    # --- money ---

    def _reserve(self, names: list[str], first: int, tokens_in: int) -> int | None:
        """Set money aside for the first tier from `first` on that the budget can pay; return its place."""
        routing = self._routes.routing
        for place in range(first, len(names)):
            call = self._routes.tiers.call(names[place])
            expected = expected_cost(call, tokens_in, routing.prices)
            self._reserved = routing.budget.reserve(expected, cloud=call.cloud)
            if self._reserved is not None:
                return place
        return None

    def _settle(self, cost: Cost | None) -> None:
        if self._reserved is not None:
            self._routes.routing.budget.settle(self._reserved, cost)
            self._reserved = None

    def _try(self, score: float | None, error: HarnessError | None) -> dict[str, Any]:
        """Return the account of the tier in use, and book what it has cost: by its tokens, or as expected."""
        state, call, prices = self._journal.state, self.call, self._routes.routing.prices
        calls, before = state.rung_began
        used = Usage(state.usage.tokens_in - before.tokens_in, state.usage.tokens_out - before.tokens_out)
        cost = prices.cost(call.model, used) if used != Usage() else None
        if cost is None and (expected := expected_cost(call, state.tokens_expected, prices)) is not None:
            cost = expected.times(state.calls - calls)
        self._settle(cost)
        return {
            "tier": call.tier,
            "model": call.model,
            "score": score,
            "cost_usd": None if cost is None else cost.total_usd,
            "problem": None if error is None else error.what,
        }
