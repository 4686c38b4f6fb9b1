"""Routing layer: which model is asked, and which next where the answer is not good enough.

Names load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import names_of

if TYPE_CHECKING:
    from .asking import asks as asks
    from .asking import hybrid as hybrid
    from .attempt import Answer as Answer
    from .attempt import Attempt as Attempt
    from .attempt import Escalated as Escalated
    from .attempt import Try as Try
    from .classification import Classification as Classification
    from .classification import ClassifyRules as ClassifyRules
    from .classification import classify as classify
    from .classification import read_classification as read_classification
    from .costs import Cost as Cost
    from .costs import CostBudget as CostBudget
    from .costs import Spending as Spending
    from .costs import months_to_pay_back as months_to_pay_back
    from .difficulty import Complexity as Complexity
    from .difficulty import ComplexityRules as ComplexityRules
    from .difficulty import complexity as complexity
    from .escalation import Escalation as Escalation
    from .judging import EscalationRules as EscalationRules
    from .judging import climbs_after as climbs_after
    from .judging import maybe_escalate as maybe_escalate
    from .prices import PRICES as PRICES
    from .prices import Price as Price
    from .prices import PriceTable as PriceTable
    from .router import Plan as Plan
    from .router import Router as Router
    from .router import RoutingRules as RoutingRules
    from .router import Signals as Signals
    from .router import expected_cost as expected_cost
    from .routing import Routes as Routes
    from .routing import Routing as Routing
    from .tasks import TASK_TIERS as TASK_TIERS
    from .tasks import TaskRules as TaskRules
    from .tasks import route_task as route_task
    from .tiers import DEFAULT_TIERS as DEFAULT_TIERS
    from .tiers import ModelCall as ModelCall
    from .tiers import ModelTier as ModelTier
    from .tiers import Tiers as Tiers

_NAMES = {
    "asking": ("asks", "hybrid"),
    "classification": ("Classification", "ClassifyRules", "classify", "read_classification"),
    "difficulty": ("Complexity", "ComplexityRules", "complexity"),
    "costs": ("Cost", "CostBudget", "Spending", "months_to_pay_back"),
    "attempt": ("Answer", "Attempt", "Escalated", "Try"),
    "escalation": ("Escalation",),
    "judging": ("EscalationRules", "climbs_after", "maybe_escalate"),
    "prices": ("PRICES", "Price", "PriceTable"),
    "router": ("Plan", "Router", "RoutingRules", "Signals", "expected_cost"),
    "routing": ("Routes", "Routing"),
    "tasks": ("TASK_TIERS", "TaskRules", "route_task"),
    "tiers": ("DEFAULT_TIERS", "ModelCall", "ModelTier", "Tiers"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "DEFAULT_TIERS",
    "PRICES",
    "TASK_TIERS",
    "Answer",
    "Attempt",
    "Classification",
    "ClassifyRules",
    "Complexity",
    "ComplexityRules",
    "Cost",
    "CostBudget",
    "Escalated",
    "Escalation",
    "EscalationRules",
    "ModelCall",
    "ModelTier",
    "Plan",
    "Price",
    "PriceTable",
    "Router",
    "Routes",
    "Routing",
    "RoutingRules",
    "Signals",
    "Spending",
    "TaskRules",
    "Tiers",
    "Try",
    "asks",
    "classify",
    "climbs_after",
    "complexity",
    "expected_cost",
    "hybrid",
    "maybe_escalate",
    "months_to_pay_back",
    "read_classification",
    "route_task",
]


__getattr__ = names_of(__name__, _HOMES)
