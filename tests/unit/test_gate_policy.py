"""The policy engine: rules as data, the strictest that applies wins, nothing unreadable passes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import ToolCall
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.gate import STRICTNESS, Condition, Judgement, Policy, PolicyLimits, Rule
from pytest_llmharness.harness.gate.amounts import amounts_in, read_amount
from pytest_llmharness.harness.gate.conditions import Places
from pytest_llmharness.harness.gate.default_rules import DEFAULT_RULES


def judged(name: str, policy: Policy | None = None, /, **arguments: Any) -> Judgement:
    """Judge one call under the default rules."""
    return asyncio.run((policy or Policy()).judge(ToolCall(name, arguments)))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("-10,000", "-10000"), ("-$10,000", "-10000"), ("$-10,000", "-10000"), ("(10,000)", "-10000"), ("10000-", "-10000"),
        ("\u221210 000", "-10000"), ("USD -10000", "-10000"), ("1.234,50 EUR", "1234.50"), ("1,234.50", "1234.50"),
        ("1'234.50 CHF", "1234.50"), ("12,5", "12.5"), ("1,000", "1000"), ("1.000.000", "1000000"), ("1e3", "1000"),
        ("\uff11\uff12", "12"), (" 7 ", "7"), ("-0", "0"), ("1_000", "1000"),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text: str, amount: str) -> None:
    """Signs, currencies, thousands and decimals of several countries."""
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize("value", ["ten", "", "$", "12k", "0x10", True, None, [], "9" * 101, "1,2,3.4.5"])
def test_what_is_no_amount_is_none(value: Any) -> None:
    """Nothing is guessed."""
    assert read_amount(value) is None


@pytest.mark.parametrize(
    "value",
    [
        -10_000, -0.01, "-10,000", "(10,000)", "-$5", "\u22125", float("nan"), float("inf"), "NaN", "-Infinity", "ten", True,
        {"value": -10_000, "currency": "USD"}, [5, {"deep": ["-1"]}], {"currency": "USD"}, [],
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize(
    "place", ["amount", "Amount", "total_amount", "refundAmount", "order/lines/0/amount"]
)
def test_an_impossible_amount_is_denied(value: Any, place: str) -> None:
    """B18: negative, not finite, as text, nested, unreadable: denied though the schema may accept it."""
    arguments: Any = value
    for step in reversed(place.split("/")):
        arguments = [arguments] if step.isdecimal() else {step: arguments}
    judgement = judged("book_order", **arguments)
    assert (judgement.effect, judgement.rule) == ("deny", "impossible-amount")


@pytest.mark.parametrize("value", [0, 1, 9_999.99, "10,000", "$12.50", None, {"value": 5, "currency": "USD"}])
def test_an_ordinary_amount_passes(value: Any) -> None:
    """Low risk is the automated policy's: nobody is asked."""
    assert judged("book_order", amount=value).effect == "allow"


@pytest.mark.parametrize("value", [10_000.01, "10,001", "1e9", {"value": "20000"}])
def test_a_large_amount_needs_a_person(value: Any) -> None:
    """High risk is a person's."""
    assert judged("book_order", amount=value).effect == "approve"


@pytest.mark.parametrize(
    ("name", "arguments", "effect"),
    [
        ("file_delete", {"path": "a"}, "escalate"),
        ("deleteUser", {}, "escalate"),
        ("git_push", {}, "escalate"),
        ("git_operations", {"operation": "push"}, "escalate"),
        ("git_operations", {"operation": "commit"}, "allow"),
        ("bash_exec", {"command": "ls"}, "approve"),
        ("transfer", {"amount": 5}, "approve"),
        ("file_write", {"path": "a", "text": "delete"}, "allow"),
        ("transfer", {"amount": -5}, "deny"),
    ],
)
def test_the_default_rules(name: str, arguments: dict[str, Any], effect: str) -> None:
    """B21: irreversible goes up, high risk to a person, low risk through; the strictest rule wins."""
    assert judged(name, **arguments).effect == effect


@pytest.mark.parametrize(
    ("name", "arguments", "effect"),
    [
        ("run_sql", {"query": "DELETE FROM users"}, "deny"),
        ("database", {"statement": "DROP TABLE users"}, "deny"),
        ("anything", {"sql": "DELETE FROM users WHERE 1=1"}, "deny"),
        ("anything", {"steps": [{"sql": "SELECT 1"}, {"sql": "TRUNCATE t"}]}, "deny"),
        ("run_sql", {"queries": ["SELECT 1", "DELETE FROM users"]}, "deny"),
        ("run_sql", {"query": "DELETE FROM users WHERE id > 0"}, "approve"),
        ("run_sql", {"query": "DELETE FROM users WHERE id = 7"}, "allow"),
        ("kg_search", {"query": "how to DELETE FROM users"}, "allow"),
    ],
)
def test_sql_in_arguments_is_judged_as_sql(name: str, arguments: dict[str, Any], effect: str) -> None:
    """B18: wherever it lies; a search for the same words is no SQL."""
    assert judged(name, **arguments).effect == effect


def test_all_faults_are_told_at_once() -> None:
    """Every rule as strict as the verdict gives its reason."""
    judgement = judged("run_sql", query="DROP TABLE t", amount=-1)
    assert len(judgement.reasons) == 2
    assert "DROP" in judgement.reasons[0]


def test_rules_are_data() -> None:
    """A rule comes from JSON values, beside the default ones or instead of one of them."""
    row = {
        "name": "large-amount",
        "then": "deny",
        "when": {"at": "amount", "test": "gt", "value": 50},
        "reason": "over 50",
    }
    strict = Policy.from_data([row], extends_default=True)
    assert judged("book_order", strict, amount=51) == Judgement("deny", "large-amount", ("over 50",))
    assert len(strict.rules) == len(DEFAULT_RULES)
    assert judged("git_push", strict).effect == "escalate"
    assert judged("git_push", Policy.from_data([row])).effect == "allow"


def test_a_closed_policy_lets_only_the_listed_run() -> None:
    """`otherwise="deny"` with allow rules is a list of what may run."""
    policy = Policy.from_data(
        [{"name": "reads", "then": "allow", "tools": ["get_*", "list_*"]}], otherwise="deny"
    )
    assert [judged(name, policy).effect for name in ("get_x", "list_y", "set_z")] == [
        "allow",
        "allow",
        "deny",
    ]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"then": "deny"}, "name"),
        ({"name": "x", "then": "forbid"}, "then"),
        ({"name": "x", "then": "deny", "tool": "y"}, "tool"),
        ({"name": "x", "then": "deny", "when": {"at": "a", "test": "bigger"}}, "test"),
        ({"name": "x", "then": "deny", "when": {"test": "eq"}}, "at"),
        ({"name": "x", "then": "deny", "when": {"at": "a", "test": "outside", "value": 5}}, "value"),
        ({"name": "x", "then": "deny", "when": {"at": "a", "test": "in", "value": "ab"}}, "value"),
        ({"name": "x", "then": "deny", "when": {"at": "a", "test": "matches", "value": "("}}, "value"),
        (
            {
                "name": "x",
                "then": "deny",
                "when": {"at": "a", "test": "unproven_sql", "value": {"dialct": "x"}},
            },
            "dialct",
        ),
    ],
)
def test_a_rule_that_cannot_work_fails_at_the_door(row: dict[str, Any], fault: str) -> None:
    """The error names what is wrong with it."""
    with pytest.raises(ConfigError, match="rule 1 of the gate cannot work") as caught:
        Policy.from_data([row])
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("at", "test", "value", "arguments", "holds"),
    [
        ("path", "matches", r"\.\.", {"path": "../x"}, True),
        ("path", "matches", r"\.\.", {"path": "x"}, False),
        ("path", "present", None, {"path": None}, True),
        ("path", "absent", None, {}, True),
        ("path", "absent", None, {"path": 1}, False),
        ("a/*/b", "eq", 1, {"a": {"x": {"b": 2}, "y": {"b": 1}}}, True),
        ("**/b", "in", [1, 2], {"a": [{"c": {"b": 2}}]}, True),
        ("A/B", "ne", 1, {"a": {"b": 2}}, True),
        ("n", "not_in", [1, 2], {"n": 3}, True),
        ("n", "lt", 3, {"n": 3}, False),
        ("n", "le", 3, {"n": "3"}, True),
        ("n", "ge", 3, {"n": "NaN"}, True),
        ("n", "gt", 3, {"n": "many"}, True),
        ("n", "gt", 3, {"m": 9}, False),
        ("text", "longer_than", 3, {"text": "four"}, True),
        ("", "longer_than", 1, {"a": 1, "b": 2}, True),
    ],
)
def test_conditions(at: str, test: str, value: Any, arguments: dict[str, Any], holds: bool) -> None:
    """Paths, patterns and tests; a comparison with what cannot be read holds, so that it cannot pass a ban."""
    assert (Condition((at,), test, value).holds(Places(arguments)) is not None) is holds


def test_deep_arguments_are_walked_without_recursion() -> None:
    """Depth is no way around a rule."""
    deep: Any = {"amount": -1}
    for _ in range(900):
        deep = {"a": deep}
    assert judged("book_order", **deep).effect == "deny"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(STRICTNESS), min_size=1, max_size=6))
def test_the_strictest_rule_wins_in_any_order(effects: list[Any]) -> None:
    """The order of rules does not matter."""
    policy = Policy(tuple(Rule(f"r{number}", effect) for number, effect in enumerate(effects)))
    assert judged("x", policy).effect == max(effects, key=STRICTNESS.index)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["amount", "price", "text", "x"]), JSON, max_size=3),
    st.floats(max_value=-0.001),
)
def test_a_negative_amount_is_never_allowed(arguments: dict[str, Any], amount: float) -> None:
    """Whatever else is in the arguments, a negative amount is denied, as number and as text."""
    assert judged("book", **arguments, more={"amount": amount}).effect == "deny"
    assert judged("book", **arguments, more={"amount": str(amount)}).effect == "deny"


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_value_can_be_read_for_amounts(value: Any) -> None:
    """Reading amounts never fails, and never takes a truth value for a number."""
    assert all(amount is None or isinstance(amount, Decimal) for _, amount in amounts_in(value))


def test_limits_are_clamped_as_article_003_does() -> None:
    """D11: depth to 1-10 and iterations to 1-50, each with a warning that names both numbers."""
    limits, warnings = PolicyLimits(max_tool_depth=0, max_iterations=99).clamped()
    assert (limits.max_tool_depth, limits.max_iterations, limits.max_output_size) == (1, 50, 10_000)
    assert warnings == (
        "max_tool_depth=0 is outside 1 to 10: 1 is used",
        "max_iterations=99 is outside 1 to 50: 50 is used",
    )
    assert PolicyLimits().clamped() == (PolicyLimits(3, 10, 10_000), ())
