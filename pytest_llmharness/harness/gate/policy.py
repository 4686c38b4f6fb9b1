"""The policy engine: rules as data, the strictest one that applies wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from ...domain.frozen import dataclass
from ...domain.tool import ToolCall
from ...errors import ConfigError
from ...schema import Schema
from .conditions import SQL_TESTS, Condition, Places, matcher
from .default_rules import DEFAULT_RULES
from .rules import RULES_SCHEMA, STRICTNESS, Effect, Rule, rules_of
from .sql import inspect_sql
from .sql_rows import RowCounter, SqlReport


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say about one call.

    Args:
        effect: the strictest effect of the rules that apply.
        rule: the rule that has it; "" where none applied.
        reasons: the reason of every rule as strict as that, so that all faults are told at once.
        notes: what a dry run found, such as "DELETE touches 3 of 10 rows".
    """

    effect: Effect
    rule: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules about calls with side effects.

    ```python
    policy = Policy.from_data(
        [
            {
                "name": "small-refunds",
                "then": "deny",
                "tools": "refund",
                "when": {"at": "**/amount", "test": "outside", "value": [0, 50]},
            },
        ],
        extends_default=True,
    )
    ```

    Args:
        rules: in any order; the strictest that applies wins.
        otherwise: the effect where no rule applies.
    """

    rules: tuple[Rule, ...] = field(default_factory=lambda: rules_of(DEFAULT_RULES))
    otherwise: Effect = "allow"

    @classmethod
    def from_data(
        cls, rows: Sequence[Mapping[str, Any]], *, otherwise: Effect = "allow", extends_default: bool = False
    ) -> Policy:
        """Make a policy of JSON values, as a file or a database holds them.

        Args:
            rows: rules after `RULES_SCHEMA`; a single path, tool or condition needs no list.
            otherwise: the effect where no rule applies.
            extends_default: keep the default rules too; a rule of the same name replaces one.

        Raises:
            ConfigError: a rule that cannot work, with every fault in the first such rule.
        """
        schema = Schema(RULES_SCHEMA["items"])
        for number, row in enumerate(rows, 1):
            verdict = schema.check_value(row)
            if not verdict.valid:
                raise ConfigError(
                    f"rule {number} of the gate cannot work: {verdict.hint()}",
                    where=f"Policy.from_data, rule {number}: {str(row)[:80]}",
                    fix="mend it; gate.RULES_SCHEMA says what a rule is",
                )
        names = {row["name"] for row in rows}
        kept = [row for row in DEFAULT_RULES if row["name"] not in names] if extends_default else []
        return cls(rules_of([*kept, *rows]), otherwise)

    async def judge(self, call: ToolCall, *, count: RowCounter | None = None) -> Judgement:
        """Return what the rules say about a call.

        Args:
            call: the proposed call.
            count: counts database rows in a dry run (see `inspect_sql`).

        Raises:
            MissingExtra: a rule about SQL applies, and sqlglot is not installed.
        """
        case = _Case(call, count)
        matches: list[tuple[Rule, str]] = []
        for rule in self.rules:
            if matcher(rule.tools)(call.name):
                reason = await case.reason(rule)
                if reason is not None:
                    matches.append((rule, reason))
        if not matches:
            return Judgement(self.otherwise, notes=case.notes)
        effect = max((rule.then for rule, _ in matches), key=STRICTNESS.index)
        strict = [(rule, reason) for rule, reason in matches if rule.then == effect]
        return Judgement(effect, strict[0][0].name, tuple(reason for _, reason in strict), case.notes)


class _Case:
    """One call under judgement; a statement is inspected once, however many rules ask."""

    def __init__(self, call: ToolCall, count: RowCounter | None) -> None:
        self._places = Places(call.arguments)
        self._count = count
        self._reports: dict[tuple[Any, ...], SqlReport] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(report.note for report in self._reports.values() if report.note)

    async def reason(self, rule: Rule) -> str | None:
        """Return why a rule applies, or None where it does not."""
        said = [rule.reason] if rule.reason else []
        for condition in rule.when:
            place = await self._holds(condition)
            if place is None:
                return None
            if condition.test in SQL_TESTS or not rule.reason:
                said.append(place)
        return ": ".join(said) or f"the rule {rule.name!r} applies"

    async def _holds(self, condition: Condition) -> str | None:
        if condition.test in SQL_TESTS:
            return await self._sql(condition)
        at = condition.holds(self._places)
        return None if at is None else f"{at} {condition.test} {condition.value!r}"

    async def _sql(self, condition: Condition) -> str | None:
        settings = condition.value or {}
        level = condition.test.removesuffix("_sql")
        for _, found in condition.found(self._places):
            for text in _texts(found):
                key = (text, settings.get("dialect"), settings.get("max_rows"))
                if key not in self._reports:
                    self._reports[key] = await inspect_sql(
                        text, dialect=key[1], max_rows=key[2], count=self._count
                    )
                reasons = [one.reason for one in self._reports[key].findings if one.level == level]
                if reasons:
                    return "; ".join(reasons)
        return None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, str))
