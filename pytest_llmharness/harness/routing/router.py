"""From what is known about a request to the models to ask, in order."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from ...domain.frozen import dataclass
from ...domain.usage import Usage
from ...errors import ConfigError
from .costs import Cost, CostBudget
from .difficulty import Complexity, ComplexityRules, complexity
from .prices import PRICES, PriceTable
from .tasks import TaskRules, route_task
from .tiers import DEFAULT_TIERS, ModelCall, ModelTier, Tiers

Why: TypeAlias = Literal["explicit", "task", "complexity", "default", "confidence", "budget"]


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about a request before a model is asked.

    Args:
        text: what the user asks.
        tier: the tier the caller wants; it goes before all the rest.
        task_type: the kind of task; it goes before the complexity of the text.
        input_length: characters of the whole input; None means the length of `text`.
        confidence: how sure a cheaper judgement was, in 0..1; None where there was none.
    """

    text: str = ""
    tier: str | None = None
    task_type: str | None = None
    input_length: int | None = None
    confidence: float | None = None

    @property
    def length(self) -> int:
        """Characters of the input."""
        return len(self.text) if self.input_length is None else self.input_length


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """How signals become a tier.

    Args:
        complex_above: complexity above which a request goes to `complex_tier` (article 004).
        complex_tier: the tier of complex requests; None means the top one.
        default_tier: the tier where nothing speaks for another; None means "balanced", or the lowest
            where no tier is called so.
        confidence_below: confidence below which the tier is raised by one (article 000).
        tasks: which kind of task goes where.
        complexity: what makes a text complex.
    """

    complex_above: float = 0.7
    complex_tier: str | None = None
    default_tier: str | None = None
    confidence_below: float = 0.8
    tasks: TaskRules = TaskRules()
    complexity: ComplexityRules = ComplexityRules()

    def __post_init__(self) -> None:
        for name in ("complex_above", "confidence_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"{name}={getattr(self, name)!r} cannot work",
                    where=f"RoutingRules.{name}",
                    fix="give it a number from 0 to 1",
                )


@dataclass(frozen=True, slots=True)
class Plan:
    """The models to ask: the first, and those to escalate to.

    Args:
        calls: the calls in the order to make them; empty where the budget allows none at all.
        why: the signal that decided.
        complexity: the estimate, where one was made.
        dropped: tiers that the budget does not allow.
        tokens_in: the estimate of the input's tokens that expected costs are made of.
    """

    calls: tuple[ModelCall, ...]
    why: Why
    complexity: Complexity | None = None
    dropped: tuple[str, ...] = ()
    tokens_in: int = 0

    @property
    def first(self) -> ModelCall | None:
        """The model to ask first."""
        return next(iter(self.calls), None)

    @property
    def facts(self) -> dict[str, Any]:
        """The plan as JSON values for an event."""
        return {
            "tier": self.first.tier if self.first else None,
            "model": self.first.model if self.first else None,
            "why": self.why,
            "complexity": self.complexity.score if self.complexity else None,
            "tiers": [call.tier for call in self.calls],
            "dropped": list(self.dropped),
        }


class Router:
    """Decides which models are asked, without asking any.

    An explicit tier goes before the kind of task, and that before the complexity of the text. Low
    confidence raises what was not explicit by one tier. What the budget cannot pay is left out last,
    so a spent budget never reaches a model that costs money.

    ```python
    router = Router()
    assert router.plan(Signals(task_type="extraction")).first.tier == "fast"
    assert router.plan(Signals("design a schema")).first.tier == "frontier"
    assert router.plan(Signals("design a schema"), CostBudget(0)).first.tier == "capable"
    ```

    Args:
        tiers: the models there are, cheapest first; None means article 000's.
        rules: how signals become a tier.
        prices: what tokens cost.

    Raises:
        ConfigError: a rule names a tier that is not there.
    """

    def __init__(
        self,
        tiers: Tiers | None = None,
        *,
        rules: RoutingRules | None = None,
        prices: PriceTable = PRICES,
    ) -> None:
        self.tiers = tiers or DEFAULT_TIERS
        self.prices = prices
        self._rules = rules or RoutingRules()
        self._complex = self._rules.complex_tier or self.tiers.names[-1]
        self._default = self._rules.default_tier or (
            "balanced" if "balanced" in self.tiers else self.tiers.names[0]
        )
        for name in (self._complex, self._default):
            self.tiers.place(name)

    def plan(self, signals: Signals, budget: CostBudget | None = None) -> Plan:
        """Return the models to ask for a request.

        Args:
            signals: what is known about it.
            budget: what may still be spent; None means anything.

        Raises:
            ConfigError: the explicit tier, or the one a rule names, is not there.
        """
        name, why, estimate = self._wanted(signals)
        place = self.tiers.place(name)
        names = self.tiers.names
        tokens_in = _tokens(signals)
        payable = {
            tier for tier in names if budget is None or budget.affords(self._expected(tier, tokens_in))
        }
        chosen = [tier for tier in names[place:] if tier in payable]
        if name not in payable:
            # Rather a lesser model now than a dearer one: go down before going up.
            chosen = [tier for tier in names[:place] if tier in payable][-1:] + chosen
            why = "budget"
        dropped = tuple(tier for tier in names[place:] if tier not in payable)
        return Plan(tuple(map(self.tiers.call, chosen)), why, estimate, dropped, tokens_in)

    def _expected(self, tier: str, tokens_in: int) -> Cost | None:
        return expected_cost(self.tiers[tier], tokens_in, self.prices)

    def _wanted(self, signals: Signals) -> tuple[str, Why, Complexity | None]:
        """Return the tier that the signals ask for, before money is looked at."""
        if signals.tier is not None:
            return signals.tier, "explicit", None
        estimate = None
        why: Why = "task"
        if signals.task_type is not None:
            name = route_task(signals.task_type, signals.length, tiers=self.tiers, rules=self._rules.tasks)
        else:
            estimate = complexity(signals.text, self._rules.complexity)
            is_complex = estimate.score > self._rules.complex_above
            name, why = (self._complex, "complexity") if is_complex else (self._default, "default")
        # Written so that NaN counts as unsure.
        unsure = signals.confidence is not None and not signals.confidence >= self._rules.confidence_below
        above = self.tiers.above(name)
        return (above, "confidence", estimate) if unsure and above else (name, why, estimate)


def expected_cost(tier: ModelTier | ModelCall, tokens_in: int, prices: PriceTable = PRICES) -> Cost | None:
    """Return the most one call can cost by its price, or None where nobody knows."""
    return prices.cost(tier.model, Usage(tokens_in, tier.max_tokens)) or _per_call(tier)


def _tokens(signals: Signals) -> int:
    """Estimate the input at four bytes a token."""
    size = max(signals.length, len(signals.text.encode("utf-8", "surrogatepass")))
    return (size + 3) // 4


def _per_call(tier: ModelTier | ModelCall) -> Cost | None:
    cost = tier.cost_per_call
    return None if cost is None else Cost(call_usd=cost)
