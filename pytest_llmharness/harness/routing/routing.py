"""Routing as a layer of the harness: which tier a request starts at, and when it climbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ...domain.frozen import dataclass
from ..degrade.ladder import Endpoint
from .costs import CostBudget
from .judging import EscalationRules
from .prices import PRICES, PriceTable
from .router import Router, RoutingRules
from .tiers import Tiers


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


class Routes:
    """The tiers of one harness, each with the endpoint that serves it.

    Args:
        tiers: the tiers, cheapest first.
        endpoints: who answers, by tier.
        routing: what the harness goes by.

    Raises:
        ConfigError: a rule names a tier that is not there.
    """

    def __init__(self, tiers: Tiers, endpoints: Mapping[str, Endpoint], routing: Routing) -> None:
        self.tiers, self.endpoints, self.routing = tiers, endpoints, routing
        self.router = Router(tiers, rules=routing.rules, prices=routing.prices)
