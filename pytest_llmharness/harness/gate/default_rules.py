"""What every gate refuses or asks about unless told otherwise. Data, to be read and replaced."""

from __future__ import annotations

from typing import Any

_AMOUNTS = [
    *("**/amount", "**/*amount", "**/amount_usd", "**/amount_eur", "**/amount_cents"),
    *("**/price", "**/*_price", "**/total", "**/*_total", "**/payment", "**/refund"),
]
_SQL = ["**/sql", "**/*_sql", "**/sql_*"]
_SQL_TOOLS = ["*sql*", "*database*", "db_*", "*_db", "*_db_*"]
_STATEMENTS = ["**/query", "**/queries", "**/statement", "**/statements", "**/command", "**/script"]

DEFAULT_RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "destructive-sql",
        "then": "deny",
        "when": {"at": _SQL, "test": "destructive_sql"},
        "reason": "the SQL is destructive",
    },
    {
        "name": "destructive-statement",
        "then": "deny",
        "tools": _SQL_TOOLS,
        "when": {"at": _STATEMENTS, "test": "destructive_sql"},
        "reason": "the SQL is destructive",
    },
    {
        "name": "unproven-sql",
        "then": "approve",
        "when": {"at": _SQL, "test": "unproven_sql"},
        "reason": "the SQL cannot be shown to be safe",
    },
    {
        "name": "unproven-statement",
        "then": "approve",
        "tools": _SQL_TOOLS,
        "when": {"at": _STATEMENTS, "test": "unproven_sql"},
        "reason": "the SQL cannot be shown to be safe",
    },
    {
        "name": "impossible-amount",
        "then": "deny",
        "when": {"at": _AMOUNTS, "test": "outside", "value": [0, None]},
        "reason": "an amount is negative, not finite or no number",
    },
    {
        "name": "large-amount",
        "then": "approve",
        "when": {"at": _AMOUNTS, "test": "gt", "value": 10000},
        "reason": "an amount is over 10,000",
    },
    {
        "name": "irreversible-tool",
        "then": "escalate",
        "tools": ["*delete*", "*remove*", "*purge*", "*destroy*", "*wipe*", "git_push"],
        "reason": "it cannot be undone",
    },
    {
        "name": "git-push",
        "then": "escalate",
        "tools": "git_*",
        "when": {"at": ["operation", "command", "action"], "test": "matches", "value": r"(?i)^\W*push\b"},
        "reason": "a push cannot be undone",
    },
    {
        "name": "high-risk-tool",
        "then": "approve",
        "tools": [
            *("bash_exec", "*deploy*", "*transfer*", "*refund*", "wire_*"),
            *("pay", "pay_*", "payment*", "*_payment", "*_pay", "charge", "charge_*", "*_charge", "bill_*"),
        ],
        "reason": "the tool is of high risk",
    },
)
