"""Which model is asked: by name, by kind of task, by complexity, by confidence, by the money left."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmharness import HarnessConfig, Message, ScriptedProvider, VirtualClock
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.routing import (
    DEFAULT_TIERS,
    PRICES,
    TASK_TIERS,
    ComplexityRules,
    Cost,
    CostBudget,
    Escalation,
    ModelTier,
    Price,
    PriceTable,
    Router,
    RoutingRules,
    Signals,
    TaskRules,
    Tiers,
    asks,
    complexity,
    expected_cost,
    hybrid,
    route_task,
)

ROUTER = Router()


def tier_of(*args: CostBudget, **signals: object) -> str | None:
    plan = ROUTER.plan(Signals(**signals), *args)
    return plan.first.tier if plan.first else None


# --- tiers ---


def test_the_tier_table_is_article_000s() -> None:
    """A15: four tiers with these models, limits and prices, in this order."""
    table = [(name, tier.model, tier.max_tokens, tier.cost_per_call) for name, tier in DEFAULT_TIERS.items()]
    assert table == [
        ("fast", "qwen3:4b", 512, 0),
        ("balanced", "qwen2.5-coder:7b", 1024, 0),
        ("capable", "qwen2.5-coder:32b", 2048, 0),
        ("frontier", "claude-sonnet", 4096, 0.003),
    ]
    assert [tier.cloud for tier in DEFAULT_TIERS.values()] == [False, False, False, True]
    assert [field.name for field in dataclasses.fields(ModelTier)][:3] == [
        "model",
        "max_tokens",
        "cost_per_call",
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tiers({}),
        lambda: ModelTier("", 10),
        lambda: ModelTier("m", 0),
        lambda: ModelTier("m", 10, -1),
        lambda: ModelTier("m", 10, float("nan")),
        lambda: DEFAULT_TIERS.above("huge"),
        lambda: Router(rules=RoutingRules(default_tier="huge")),
        lambda: RoutingRules(complex_above=1.5),
        lambda: RoutingRules(confidence_below=float("nan")),
        lambda: ROUTER.plan(Signals(tier="huge")),
        lambda: Price("m", -1, 0, "x", "2026-01-01"),
        lambda: Price("m", 1, 0, "x", "January"),
        lambda: Price("m", 1, 0, "", "2026-01-01"),
        lambda: CostBudget(-1),
        lambda: CostBudget(float("nan")),
    ],
)
def test_a_setting_that_cannot_work_is_named(make) -> None:
    """It fails at the door, and says how to mend it."""
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.fix


def test_a_call_copies_the_settings() -> None:
    """A19: the config is not mutated; the call's model and limits are in the copy."""
    config, options = HarnessConfig(temperature=0.3), Options(temperature=0.3)
    call = dataclasses.replace(DEFAULT_TIERS.call("fast"), max_tokens=256, json_mode=True)
    applied, asked = call.applied_to(config), call.options(options)
    assert (applied.model, applied.max_tokens, applied.json_mode) == ("qwen3:4b", 256, True)
    assert (asked.model, asked.max_tokens, asked.json_mode) == ("qwen3:4b", 256, True)
    assert applied.temperature == asked.temperature == 0.3
    assert config == HarnessConfig(temperature=0.3)
    assert options == Options(temperature=0.3)
    plain = DEFAULT_TIERS.call("fast")
    assert plain.applied_to(HarnessConfig(json_mode=True)).json_mode


# --- tasks ---


@pytest.mark.parametrize(
    ("task", "tier"),
    [
        ("extraction", "fast"),
        ("classification", "fast"),
        ("routing", "fast"),
        ("summarization", "balanced"),
        ("format_conversion", "balanced"),
        ("code_review", "capable"),
        ("correlation", "capable"),
        ("refactoring", "capable"),
        ("architecture", "capable"),
        ("complex_reasoning", "capable"),
        ("anything else", "balanced"),
    ],
)
def test_a_task_goes_to_its_tier(task: str, tier: str) -> None:
    """A16: article 000's ten rows, and the rest to balanced."""
    assert route_task(task) == tier
    assert tier_of(task_type=task) == tier
    assert len(TASK_TIERS) == 10


def test_a_long_input_raises_the_tier() -> None:
    """A16: by one, above the bound, and never from a local model to a cloud one."""
    assert [route_task("extraction", length) for length in (0, 16_000, 16_001)] == [
        "fast",
        "fast",
        "balanced",
    ]
    assert route_task("architecture", 10**9) == "capable"
    assert route_task("extraction", 10**9, rules=TaskRules(long_input=None)) == "fast"
    clouds = Tiers({"a": ModelTier("a", 1, cloud=True), "b": ModelTier("b", 1, cloud=True)})
    assert route_task("x", 20_000, tiers=clouds, rules=TaskRules(other="a")) == "b"
    assert tier_of(task_type="extraction", text="x" * 16_001) == "balanced"
    assert tier_of(task_type="extraction", input_length=16_001) == "balanced"


# --- complexity ---


@pytest.mark.parametrize(
    ("text", "score", "tier"),
    [
        ("design", 0.706, "frontier"),
        ("refactor".ljust(100), 0.7, "balanced"),
        ("refactor".ljust(101), 0.701, "frontier"),
        ("optimize".ljust(400), 0.7, "balanced"),
        ("optimize".ljust(4000), 0.7, "balanced"),
        ("architecture".ljust(500), 1.0, "frontier"),
        ("bug", 0.303, "balanced"),
        ("implement", 0.709, "frontier"),
        ("x" * 5000, 0.2, "balanced"),
        ("", 0.0, "balanced"),
        ("Designer, redesign, prefactor, debugging", 0.04, "balanced"),
        ("DESIGN", 0.706, "frontier"),
        ("re_design.", 0.71, "frontier"),
        ("bug: implement", 0.714, "frontier"),
        ("refactor".ljust(60), 0.66, "balanced"),
    ],
)
def test_complexity_goldens(text: str, score: float, tier: str) -> None:
    """E13: the heaviest whole word and the length; above 0.7 the cloud, at 0.7 this machine."""
    assert complexity(text).score == score
    assert tier_of(text=text) == tier


def test_the_words_are_data() -> None:
    """E13: own weights replace the article's; none at all leaves the length."""
    rules = ComplexityRules({"Vertrag": 0.9})
    assert complexity("der vertrag", rules).words == ("vertrag",)
    assert complexity("design " * 10, ComplexityRules({})).score == 0.07


@given(st.text(max_size=300))
def test_complexity_is_a_share(text: str) -> None:
    """Any text has one, in 0..1; without a word of the table it is at most 0.2."""
    found = complexity(text)
    assert 0 <= found.score <= 1
    assert found.words or found.score <= 0.2


# --- signals ---


def test_each_signal_alone_changes_the_tier() -> None:
    """A17: complexity, confidence and the budget, one at a time."""
    assert tier_of() == "balanced"
    assert tier_of(text="design it") == "frontier"
    assert [tier_of(confidence=c) for c in (0.8, 0.79, float("nan"))] == ["balanced", "capable", "capable"]
    assert tier_of(CostBudget(0), text="design it") == "capable"


def test_explicit_goes_before_task_before_complexity() -> None:
    """E13: explicit tier > task_type > complexity; confidence does not touch what is explicit."""
    assert tier_of(tier="fast", task_type="architecture", text="design", confidence=0.1) == "fast"
    assert tier_of(task_type="extraction", text="design") == "fast"
    assert tier_of(task_type="extraction", confidence=0.1) == "balanced"
    assert [
        ROUTER.plan(Signals(**signals)).why
        for signals in (
            {"tier": "fast"},
            {"task_type": "extraction"},
            {"text": "design"},
            {"text": "hello"},
            {"confidence": 0.1},
        )
    ] == ["explicit", "task", "complexity", "default", "confidence"]


@given(
    tier=st.sampled_from([None, *DEFAULT_TIERS]),
    task=st.sampled_from([None, *TASK_TIERS]),
    text=st.sampled_from(["", "design", "bug"]),
    confidence=st.none() | st.floats(),
)
def test_a_spent_budget_never_reaches_the_frontier(
    tier: str | None, task: str | None, text: str, confidence: float | None
) -> None:
    """A17: whatever asks for it, and with every tier above the first as well."""
    plan = ROUTER.plan(Signals(text, tier, task, confidence=confidence), CostBudget(0))
    assert plan.calls
    assert all(call.tier != "frontier" for call in plan.calls)
    assert "frontier" in plan.dropped


def test_a_plan_says_why() -> None:
    """The facts of an event: the tier, the model, the signal, the way up and what was dropped."""
    assert ROUTER.plan(Signals("design"), CostBudget(0.001)).facts == {
        "tier": "capable",
        "model": "qwen2.5-coder:32b",
        "why": "budget",
        "complexity": 0.706,
        "tiers": ["capable"],
        "dropped": ["frontier"],
    }
    none = Router(Tiers({"only": ModelTier("m", 1, 0.01)})).plan(Signals(), CostBudget(0))
    assert (none.first, none.facts["tier"]) == (None, None)


def test_other_tiers_need_no_rules() -> None:
    """With own names the default is the lowest tier, the complex one the top."""
    router = Router(Tiers({"s": ModelTier("s", 1), "l": ModelTier("l", 1)}))
    assert [router.plan(Signals(text)).first.tier for text in ("hello", "design")] == ["s", "l"]
    task = Router(DEFAULT_TIERS, rules=RoutingRules(complex_above=0.3, complex_tier="capable"))
    assert task.plan(Signals("bug")).first.tier == "capable"


def test_the_local_route_makes_no_cloud_call() -> None:
    """E13: a simple request reaches the local model only, a complex one the cloud model only."""
    clock = VirtualClock()
    local, cloud = (ScriptedProvider(["ok"] * 2, clock=clock) for _ in range(2))
    for text in ("what is the time", "refactor".ljust(100), "design it"):
        prompt = Prompt((Message.user(text),))
        attempt = asks(prompt, hybrid(local, cloud))
        outcome = asyncio.run(Escalation(clock).run(attempt, ROUTER.plan(Signals(text))))
        assert outcome.answer is not None
    assert [prompt.options.model for prompt in local.prompts] == ["qwen2.5-coder:7b"] * 2
    assert [prompt.options.model for prompt in cloud.prompts] == ["claude-sonnet"]
    assert cloud.prompts[0].options.max_tokens == 4096


# --- money ---


def test_prices_are_data_with_a_source_and_a_date() -> None:
    """Every row says where and when it was read."""
    for model, price in PRICES.items():
        assert model == price.model
        assert price.source.startswith("https://")
        assert price.as_of == "2026-11-21"


def test_an_unknown_model_has_no_price() -> None:
    """None, never 0; a dated snapshot costs what its model costs; own prices win."""
    million = Usage(1_000_000, 1_000_000)
    assert PRICES.cost("nobody-knows-me", million) is None
    assert PRICES.cost("claude-sonnet-4-5-20250929", million) == Cost(0, 3.0, 15.0)
    assert PRICES.cost("claude-sonnet-4-5", million).total_usd == 18.0
    own = PRICES.with_prices(Price("claude-sonnet-4-5", 1, 2, "contract", "2026-01-02"))
    assert own.cost("claude-sonnet-4-5", Usage(500_000, 250_000)) == Cost(0, 0.5, 0.5)
    assert len(PriceTable()) == 0


def test_an_unknown_cost_fits_into_no_limited_budget() -> None:
    """Where nobody knows the price, a limit cannot be kept; without a limit it is counted apart."""
    dark = ModelTier("dark", 10, None, cloud=True)
    assert expected_cost(dark, 100) is None
    assert CostBudget(1000).reserve(None) is None
    free = CostBudget()
    reservation = free.reserve(None, cloud=True)
    free.settle(reservation, None)
    assert (free.spending.unpriced_calls, free.spending.calls) == (1, 1)
    router = Router(Tiers({"local": ModelTier("l", 1), "dark": dark}))
    assert router.plan(Signals("design"), CostBudget(5)).first.tier == "local"
    assert router.plan(Signals("design")).first.tier == "dark"


def test_expected_costs_are_by_token_where_a_price_is_known() -> None:
    """The input as estimated and the longest answer; else the tier's cost a call."""
    sonnet = ModelTier("claude-sonnet-4-5", 1000, 0.5)
    assert expected_cost(sonnet, 2000) == Cost(0, 0.006, 0.015)
    assert expected_cost(DEFAULT_TIERS["frontier"], 2000) == Cost(0.003)


def test_cost_is_counted_even_where_it_is_zero() -> None:
    """A15: calls that cost nothing are calls; by the call and by the token, input and output apart."""
    budget = CostBudget()
    for cost, cloud in ((Cost(), False), (Cost(0.003), True), (Cost(0, 0.01, 0.02), True)):
        budget.settle(budget.reserve(cost, cloud=cloud), cost)
    spending = budget.spending
    assert (spending.calls, spending.cloud_calls, spending.cost) == (3, 2, Cost(0.003, 0.01, 0.02))
    assert spending.cost.total_usd == 0.033
    assert spending.cloud_share == 2 / 3
    assert CostBudget().spending.cloud_share is None


def test_a_budget_is_exact_to_the_billionth() -> None:
    """Three times 0.003 fits into 0.009, although the floats add up to more."""
    assert 0.003 + 0.003 + 0.003 > 0.009
    budget = CostBudget(0.009)
    for _ in range(3):
        budget.settle(budget.reserve(Cost(0.003)), None)
    assert budget.left_usd == 0
    assert budget.reserve(Cost(0.000001)) is None
    assert budget.reserve(Cost()) is not None


def test_a_dearer_call_leaves_room_for_free_ones() -> None:
    """A call that cost more than expected overdraws by the difference; what is free still runs."""
    budget = CostBudget(0.01)
    budget.settle(budget.reserve(Cost(0.01)), Cost(0.05))
    assert (budget.left_usd, budget.spending.cost.total_usd) == (0, 0.05)
    assert budget.affords(Cost())
    assert not budget.affords(Cost(0.000001))


def test_settling_twice_books_once() -> None:
    """And a lower cost gives the difference back."""
    budget = CostBudget(0.01)
    reservation = budget.reserve(Cost(0.01))
    assert budget.left_usd == 0
    budget.settle(reservation, Cost(0.004))
    budget.settle(reservation, Cost(0.004))
    assert (budget.left_usd, budget.spending.calls) == (0.006, 1)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans()), max_size=40))
def test_no_order_of_calls_overdraws_a_budget(steps: list[tuple[int, int, bool]]) -> None:
    """Reserved and settled in any order, no call dearer than expected: the limit holds."""
    budget, open_ = CostBudget(0.1), []
    for expected, share, settle_first in steps:
        if settle_first and open_:
            reservation, cost = open_.pop()
            budget.settle(reservation, cost)
        reservation = budget.reserve(Cost(expected / 1000))
        if reservation is not None:
            open_.append((reservation, Cost(min(share, expected) / 1000)))
    for reservation, cost in open_:
        budget.settle(reservation, cost)
    assert budget.spending.cost.total_usd <= 0.1
    assert budget.left_usd == pytest.approx(0.1 - budget.spending.cost.total_usd)
