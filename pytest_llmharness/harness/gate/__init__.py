"""Gate layer: every call with side effects passes rules, budgets and people before it runs."""

from __future__ import annotations

from .approval import action_hash, ticket_of
from .budgets import Account, Allowance, Charge, charges, quotas
from .conditions import Condition
from .decision import Decision, Gate
from .limits import PolicyLimits
from .policy import Judgement, Policy
from .preview import Previewer, preview
from .rules import RULES_SCHEMA, STRICTNESS, Effect, Rule
from .sql import inspect_sql
from .sql_rows import Finding, RowCounter, SqlReport

__all__ = [
    "RULES_SCHEMA",
    "STRICTNESS",
    "Account",
    "Allowance",
    "Charge",
    "Condition",
    "Decision",
    "Effect",
    "Finding",
    "Gate",
    "Judgement",
    "Policy",
    "PolicyLimits",
    "Previewer",
    "RowCounter",
    "Rule",
    "SqlReport",
    "action_hash",
    "charges",
    "inspect_sql",
    "preview",
    "quotas",
    "ticket_of",
]
