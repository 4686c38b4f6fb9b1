"""Gate layer: every call with side effects passes rules, budgets and people before it runs.

Names load when they are first used: who needs a budget does not pay for the SQL rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import names_of

if TYPE_CHECKING:
    from .approval import action_hash as action_hash
    from .approval import ticket_of as ticket_of
    from .budgets import Account as Account
    from .budgets import Allowance as Allowance
    from .budgets import Charge as Charge
    from .budgets import charges as charges
    from .budgets import quotas as quotas
    from .conditions import Condition as Condition
    from .decision import Decision as Decision
    from .decision import Gate as Gate
    from .limits import PolicyLimits as PolicyLimits
    from .policy import Judgement as Judgement
    from .policy import Policy as Policy
    from .preview import Previewer as Previewer
    from .rules import RULES_SCHEMA as RULES_SCHEMA
    from .rules import STRICTNESS as STRICTNESS
    from .rules import Effect as Effect
    from .rules import Rule as Rule
    from .sql import inspect_sql as inspect_sql
    from .sql_rows import Finding as Finding
    from .sql_rows import RowCounter as RowCounter
    from .sql_rows import SqlReport as SqlReport

_HOMES = {
    "action_hash": "approval",
    "ticket_of": "approval",
    "Account": "budgets",
    "Allowance": "budgets",
    "Charge": "budgets",
    "charges": "budgets",
    "quotas": "budgets",
    "Condition": "conditions",
    "Decision": "decision",
    "Gate": "decision",
    "PolicyLimits": "limits",
    "Judgement": "policy",
    "Policy": "policy",
    "Previewer": "preview",
    "RULES_SCHEMA": "rules",
    "STRICTNESS": "rules",
    "Effect": "rules",
    "Rule": "rules",
    "inspect_sql": "sql",
    "Finding": "sql_rows",
    "RowCounter": "sql_rows",
    "SqlReport": "sql_rows",
}

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
    "quotas",
    "ticket_of",
]


__getattr__ = names_of(__name__, _HOMES)
