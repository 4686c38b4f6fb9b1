"""Routing as a layer of the harness: which tier a request starts at, and when it climbs."""

from __future__ import annotations

from dataclasses import field

from ...domain.frozen import dataclass
from .costs import CostBudget
from .judging import EscalationRules
from .prices import PRICES, PriceTable
from .router import RoutingRules


@dataclass(frozen=True, slots=True)
class Routing:
    """What a harness with tiers goes by.

    Args:
        rules: how a request's signals become a tier.
        escalation: which answers are good enough, and which is kept where none is.
        budget: what may be spent on all runs together; the default only counts.
        prices: what tokens cost.
    """

    rules: RoutingRules = RoutingRules()
    escalation: EscalationRules = EscalationRules()
    budget: CostBudget = field(default_factory=CostBudget)
    prices: PriceTable = field(default_factory=lambda: PRICES)
