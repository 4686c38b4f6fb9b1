"""A cheap model first, a better one only where the answer is not good enough, and never silently."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import HarnessConfig, LLMResult, Message, ScriptedProvider, VirtualClock, fault
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import (
    AuthenticationFailed,
    BadRequest,
    ConfigError,
    ContextOverflow,
    MaxRetriesExceeded,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from pytest_llmharness.harness.routing import (
    DEFAULT_TIERS,
    Answer,
    Classification,
    ClassifyRules,
    Cost,
    CostBudget,
    Escalated,
    Escalation,
    EscalationRules,
    ModelCall,
    ModelTier,
    Router,
    Signals,
    Tiers,
    asks,
    classify,
    climbs_after,
    maybe_escalate,
    read_classification,
)

NAMES = DEFAULT_TIERS.names
CALLS = [DEFAULT_TIERS.call(name) for name in NAMES]
UNKNOWN = {"category": "unknown", "confidence": 0.0, "needs_review": True}


def refusal(kind: type[ProviderError] = ProviderUnavailable, status: int | None = None) -> ProviderError:
    return kind("failed", where="here", fix="mend it", status=status)


class Desk:
    """An escalation over answers by tier, on a virtual clock, and what it asked and told."""

    def __init__(self, *answers: Any, budget: CostBudget | None = None, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.budget = budget or CostBudget()
        self.asked: list[ModelCall] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self._answers = list(answers)
        self.escalation = Escalation(
            self.clock,
            budget=self.budget,
            listener=lambda name, facts: self.told.append((name, facts)),
            **settings,
        )

    async def attempt(self, call: ModelCall) -> Answer[Any]:
        self.asked.append(call)
        await self.clock.sleep(1.0)
        answer = self._answers[len(self.asked) - 1]
        if isinstance(answer, BaseException):
            raise answer
        if answer is None or isinstance(answer, int | float):
            return Answer(f"by {call.tier}", answer)
        return answer if isinstance(answer, Answer) else Answer(answer)

    def run(self, calls: Any = CALLS, **more: Any) -> Escalated[Any]:
        return asyncio.run(self.escalation.run(self.attempt, calls, **more))

    def classify(self, **more: Any) -> Classification:
        return asyncio.run(classify(self.attempt, self.escalation, **more))

    @property
    def tiers(self) -> list[str]:
        return [call.tier for call in self.asked]


# --- by score ---


@pytest.mark.parametrize(
    ("score", "tier", "expected"),
    [
        (0.69, "fast", "balanced"),
        (0.69, "balanced", "capable"),
        (0.69, "capable", "frontier"),
        (0.0, "frontier", None),
        (0.70, "fast", None),
        (None, "fast", None),
        (math.nan, "fast", "balanced"),
    ],
)
def test_maybe_escalate_is_article_000s_table(score: float | None, tier: str, expected: str | None) -> None:
    """A18: below 0.7 one tier up, from the top none; 0.70 and no score stay."""
    assert maybe_escalate(score, tier) == expected


def test_the_caller_runs_again_on_the_higher_tier() -> None:
    """A18: 0.69 asks the next model, 0.70 is accepted, and every attempt is in the account."""
    desk = Desk(0.69, 0.70)
    outcome = desk.run()
    assert (desk.tiers, outcome.answer, outcome.ending) == (
        ["fast", "balanced"],
        Answer("by balanced", 0.70),
        "accepted",
    )
    assert not outcome.needs_review
    assert [(made.call.tier, made.score, made.accepted, made.duration_ms) for made in outcome.tries] == [
        ("fast", 0.69, False, 1000.0),
        ("balanced", 0.70, True, 1000.0),
    ]
    assert outcome.metadata == {
        "tier": "balanced",
        "models_tried": ["qwen3:4b", "qwen2.5-coder:7b"],
        "scores": [0.69, 0.70],
        "cost_usd": 0.0,
        "unpriced_calls": 0,
        "cloud_calls": 0,
        "cloud_cost_usd": 0,
        "unpriced_cloud_calls": 0,
        "needs_review": False,
        "escalation": "accepted",
    }


def test_an_unscored_answer_is_accepted() -> None:
    """A18: None does not escalate, unless the rules say so."""
    assert Desk(None).run().ending == "accepted"
    strict = Desk(None, 0.9, rules=EscalationRules(accept_unscored=False))
    strict.run()
    assert strict.tiers == ["fast", "balanced"]


def test_low_at_the_top_is_flagged() -> None:
    """A21: the best answer is kept, needs_review is set, and the tracer is told."""
    desk = Desk(0.2, 0.6, 0.5, 0.1)
    outcome = desk.run()
    assert (desk.tiers, outcome.ending, outcome.needs_review) == (list(NAMES), "quality", True)
    assert (outcome.answer.value, outcome.call.tier) == ("by balanced", "balanced")
    assert outcome.metadata["needs_review"] is True
    assert [name for name, _ in desk.told] == ["attempt", *(["escalate", "attempt"] * 3), "needs_review"]
    assert desk.told[1] == ("escalate", {"to": "balanced", "score": 0.2})
    assert desk.told[-1][1] == {"ending": "quality", "tiers": list(NAMES)}


def test_of_equal_answers_the_better_models_stays() -> None:
    """And with keep="last" the last one, whatever its score."""
    assert Desk(0.5, 0.5, 0.4, math.nan).run().call.tier == "balanced"
    assert (
        Desk(math.nan, 0.1, None, 0.0, rules=EscalationRules(accept_unscored=False)).run().call.tier
        == "balanced"
    )
    last = Desk(0.5, 0.5, 0.4, 0.1, rules=EscalationRules(keep="last"))
    assert last.run().call.tier == "frontier"


@settings(max_examples=150)
@given(
    st.lists(
        st.none() | st.floats(0, 1) | st.just(math.nan) | st.sampled_from([refusal(), ValueError("odd")]),
        min_size=4,
        max_size=4,
    ),
    st.none() | st.sampled_from([0.0, 0.002, 0.003, 1.0]),
)
def test_any_series_of_answers_ends_well(answers: list[Any], limit: float | None) -> None:
    """In order, each tier at most once, stopped by the first good one, within the budget, never silent."""
    desk = Desk(*answers, budget=CostBudget(limit))
    outcome = desk.run()
    assert desk.tiers == list(NAMES)[: len(desk.tiers)]
    accepted = [made.accepted for made in outcome.tries]
    assert accepted.count(True) <= 1
    assert True not in accepted[:-1]
    assert outcome.needs_review == (True not in accepted)
    assert (outcome.answer is None) == all(isinstance(one, Exception) for one in answers[: len(desk.tiers)])
    assert limit is None or desk.budget.spending.cost.total_usd <= limit
    assert desk.budget.spending.calls == len(desk.tiers)


def test_a_threshold_that_cannot_work_is_named() -> None:
    """Not a share: refused at the door."""
    with pytest.raises(ConfigError, match=r"threshold=1\.5"):
        EscalationRules(1.5)


# --- failures ---


def test_a_failed_model_leads_to_the_next() -> None:
    """Whatever an attempt raises, or a result without success."""
    invalid = Answer("?", 0.9, success=False, error=MaxRetriesExceeded("no", where="", fix="mend"))
    desk = Desk(refusal(), ValueError("odd"), invalid, 0.9)
    outcome = desk.run()
    assert (desk.tiers, outcome.ending) == (list(NAMES), "accepted")
    assert [type(made.error).__name__ for made in outcome.tries] == [
        "ProviderUnavailable",
        "ValueError",
        "MaxRetriesExceeded",
        "NoneType",
    ]


def test_all_failed_is_a_flagged_outcome() -> None:
    """No answer, the last error in the account, no exception."""
    outcome = Desk(*[refusal()] * 4).run()
    assert (outcome.answer, outcome.call, outcome.ending, outcome.needs_review) == (
        None,
        None,
        "failed",
        True,
    )
    assert outcome.metadata["tier"] is None


@pytest.mark.parametrize(
    ("error", "climbs"),
    [
        (refusal(AuthenticationFailed, 401), False),
        (refusal(BadRequest, 400), False),
        (refusal(BadRequest, 404), True),
        (refusal(ContextOverflow, 400), True),
        (refusal(RateLimited, 429), True),
        (MaxRetriesExceeded("no", where="", fix=""), True),
    ],
)
def test_no_other_model_hides_a_refused_request(error: Exception, climbs: bool) -> None:
    """A wrong key ends it after one call; a missing model or a small context asks the next."""
    assert climbs_after(error) is climbs
    for failing in (error, Answer("", success=False, error=error)):
        desk = Desk(failing, 0.9)
        outcome = desk.run()
        assert len(desk.asked) == (2 if climbs else 1)
        assert outcome.ending == ("accepted" if climbs else "refused")


def test_a_wrong_setting_is_raised() -> None:
    """It would be wrong for every model; nothing stays reserved."""
    desk = Desk(ConfigError("bad", where="", fix="mend"), budget=CostBudget(0.003))
    with pytest.raises(ConfigError):
        desk.run([DEFAULT_TIERS.call("frontier")])
    assert desk.budget.left_usd == 0.003


# --- limits ---


def test_a_spent_budget_stops_below_the_frontier() -> None:
    """A17, A21: the frontier is not asked, and the outcome says that money was the reason."""
    desk = Desk(0.1, 0.2, 0.3, 0.9, budget=CostBudget(0.002))
    outcome = desk.run()
    assert (desk.tiers, outcome.ending, outcome.call.tier) == (list(NAMES[:3]), "budget", "capable")
    assert outcome.needs_review


def test_a_plan_brings_its_input_and_what_it_dropped() -> None:
    """What routing left out for money is the ending; the input counts in what a call may cost."""
    low = Desk(0.1, 0.1, 0.1, budget=CostBudget(0))
    plan = Router().plan(Signals(task_type="extraction"), low.budget)
    assert low.run(plan).ending == "budget"
    tiers = Tiers({"s": ModelTier("claude-sonnet-4-5", 1000)})
    plan = Router(tiers).plan(Signals("x" * 40_000))
    spent = Desk(0.9, budget=CostBudget(0.044))
    assert spent.run(plan).ending == "budget"
    assert spent.asked == []
    assert Desk(0.9, budget=CostBudget(0.045)).run(plan).ending == "accepted"


def test_parallel_runs_share_one_budget() -> None:
    """Ten runs at once, money for three: three reach the frontier, and nothing is overdrawn."""

    async def together() -> list[Escalated[str]]:
        clock, budget = VirtualClock(), CostBudget(0.009)
        escalation = Escalation(clock, budget=budget)

        async def attempt(call: ModelCall) -> Answer[str]:
            await clock.sleep(1)
            return Answer(call.tier, 0.1)

        outcomes = await asyncio.gather(*(escalation.run(attempt, CALLS) for _ in range(10)))
        assert budget.spending.cost.total_usd == 0.009
        return list(outcomes)

    outcomes = asyncio.run(together())
    assert sum(len(outcome.tries) == 4 for outcome in outcomes) == 3
    assert sorted(outcome.ending for outcome in outcomes) == ["budget"] * 7 + ["quality"] * 3


def test_cost_is_what_was_used() -> None:
    """As the attempt says; by tokens; by the call, times its calls; else as expected."""
    budget = CostBudget()
    tiers = Tiers({"a": ModelTier("claude-sonnet-4-5", 1000, cloud=True), "b": ModelTier("m", 10, 0.003)})
    a, b = map(tiers.call, tiers)
    answers = [
        Answer("", 0, cost=Cost(0.5), usage=Usage(1, 1)),
        Answer("", 0, usage=Usage(1000, 100)),
        Answer("", 0, usage=Usage()),
        Answer("", 0, usage=Usage(5, 5), calls=3),
    ]
    outcome = Desk(*answers, budget=budget).run([a, a, a, b])
    assert [made.cost for made in outcome.tries] == [
        Cost(0.5),
        Cost(0, 0.003, 0.0015),
        Cost(0, 0, 0.015),
        Cost(0.003 * 3),
    ]
    assert outcome.cost.total_usd == budget.spending.cost.total_usd == 0.5 + 0.003 + 0.0015 + 0.015 + 0.009
    assert budget.spending.cloud_calls == 3


def test_a_refusal_by_the_server_costs_nothing() -> None:
    """A status came back; a timeout or a cancellation may have to be paid."""
    frontier = DEFAULT_TIERS.call("frontier")
    refused, broken = Desk(refusal(RateLimited, 429)), Desk(refusal())
    refused.run([frontier])
    broken.run([frontier])
    assert refused.budget.spending.cost.total_usd == 0
    assert broken.budget.spending.cost.total_usd == 0.003

    async def cancelled() -> CostBudget:
        desk = Desk(0.9)
        task = asyncio.create_task(desk.escalation.run(desk.attempt, [frontier]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return desk.budget

    assert asyncio.run(cancelled()).spending.cost.total_usd == 0.003


def test_calls_and_time_end_a_climb() -> None:
    """The request's call cap and its deadline hold; what was found so far is kept and flagged."""
    desk = Desk(0.1, 0.2, 0.3)
    outcome = desk.run(may_call=lambda: len(desk.asked) < 2)
    assert (desk.tiers, outcome.ending, outcome.call.tier) == (["fast", "balanced"], "calls", "balanced")
    desk = Desk(0.1, 0.2, 0.3)
    outcome = desk.run(deadline_s=2.0)
    assert (desk.tiers, outcome.ending) == (["fast", "balanced"], "deadline")


def test_a_result_of_a_harness_is_an_answer() -> None:
    """Its score, tokens, calls, success and error."""
    error = refusal()
    result = LLMResult(
        "c", "m", 10, 5, 1.0, 1.0, success=False, retries=2, score=0.4, metadata={"error": error}
    )
    assert Answer.of(result) == Answer(result, 0.4, Usage(10, 5), None, 3, False, error)


def test_a_provider_is_asked_with_each_calls_options() -> None:
    """The prompt is copied; the score decides."""
    provider = ScriptedProvider(["bad", "good"])
    prompt = Prompt((Message.user("hello"),))
    attempt = asks(prompt, provider, score=lambda completion: float(completion.text == "good"))
    outcome = asyncio.run(Escalation(VirtualClock()).run(attempt, CALLS))
    assert outcome.answer.value.text == "good"
    assert [sent.options.model for sent in provider.prompts] == ["qwen3:4b", "qwen2.5-coder:7b"]
    assert [sent.options.max_tokens for sent in provider.prompts] == [512, 1024]
    assert prompt == Prompt((Message.user("hello"),))


# --- by confidence ---


@pytest.mark.parametrize(
    ("first", "models", "found"),
    [
        ({"category": "billing", "confidence": 0.80}, 1, ("billing", 0.80, False)),
        ({"category": "billing", "confidence": 0.79}, 2, ("other", 0.9, False)),
        ({"category": "billing"}, 2, ("other", 0.9, False)),
        ({"category": "billing", "confidence": "0.9"}, 2, ("other", 0.9, False)),
        ({"category": "billing", "confidence": True}, 2, ("other", 0.9, False)),
        ({"category": "billing", "confidence": math.nan}, 2, ("other", 0.9, False)),
        ({"category": "billing", "confidence": 80}, 2, ("other", 0.9, False)),
        ({"confidence": 0.99}, 2, ("other", 0.9, False)),
        ({"category": None, "confidence": 0.99}, 2, ("other", 0.9, False)),
        ([{"category": "billing", "confidence": 0.99}], 2, ("other", 0.9, False)),
        ("no json", 2, ("other", 0.9, False)),
        ("[" * 100_000, 2, ("other", 0.9, False)),
        ('{"category": "billing", "confidence": 0.85}', 1, ("billing", 0.85, False)),
    ],
)
def test_a_sure_answer_of_the_fast_model_is_enough(first: Any, models: int, found: tuple[Any, ...]) -> None:
    """A19: 0.80 asks one model, 0.79 or none two; whatever is no classification asks the second."""
    desk = Desk(Answer(first), Answer('{"category": "other", "confidence": 0.9}'))
    answer = desk.classify()
    assert (answer.category, answer.confidence, answer.needs_review) == found
    assert len(desk.asked) == models


def test_the_fast_model_is_asked_for_little_json() -> None:
    """A19: JSON mode and 256 tokens for the first, its own limit for the second; nothing is mutated."""
    desk, config = Desk(Answer({}), Answer({})), HarnessConfig()
    desk.classify()
    assert [(call.tier, call.max_tokens, call.json_mode) for call in desk.asked] == [
        ("fast", 256, True),
        ("balanced", 1024, True),
    ]
    assert desk.asked[0].applied_to(config).max_tokens == 256
    assert config == HarnessConfig()
    assert DEFAULT_TIERS["fast"].max_tokens == 512


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ({"category": "refund", "confidence": 0.5}, ("refund", 0.5)),
        ({"category": "refund"}, ("refund", 0.0)),
        ({"category": "refund", "confidence": "high"}, ("billing", 0.79)),
        (refusal(), ("billing", 0.79)),
    ],
)
def test_an_unsure_answer_is_flagged(second: Any, found: tuple[str, float]) -> None:
    """A19, A21: balanced below 0.8 needs a review; where it fails, the fast answer stays, flagged."""
    second = second if isinstance(second, Exception) else Answer(second)
    answer = Desk(Answer({"category": "billing", "confidence": 0.79}), second).classify()
    assert (answer.category, answer.confidence, answer.needs_review) == (*found, True)


@pytest.mark.parametrize(
    "broken",
    [
        refusal(),
        TimeoutError(),
        refusal(AuthenticationFailed, 401),
        Answer("[]"),
        Answer("no json"),
        Answer({"category": "x", "confidence": "high"}),
        Answer({"category": "x", "confidence": 0.99}, success=False),
    ],
)
def test_when_all_local_models_fail_the_answer_is_unknown(broken: Any) -> None:
    """A20: exactly these three keys, whatever the way to fail."""
    answer = Desk(broken, broken).classify()
    assert answer.as_dict() == UNKNOWN
    assert answer.outcome is not None
    assert answer.outcome.tries[0].call.tier == "fast"


def test_only_known_categories_count() -> None:
    """A category that is not on the list is no category."""
    rules = ClassifyRules(categories={"billing"})
    desk = Desk(
        Answer({"category": "poetry", "confidence": 1.0}), Answer({"category": "billing", "confidence": 1})
    )
    assert desk.classify(rules=rules).category == "billing"


def test_classification_through_a_provider() -> None:
    """End to end on scripted models: the fast one fails, the balanced one is sure."""
    clock = VirtualClock()
    provider = ScriptedProvider(
        [fault.rate_limit(), '{"category": "technical", "confidence": 0.91}'], clock=clock
    )
    answer = asyncio.run(classify(asks(Prompt((Message.user("?"),)), provider), Escalation(clock)))
    assert answer.as_dict() == {"category": "technical", "confidence": 0.91, "needs_review": False}
    assert [prompt.options.json_mode for prompt in provider.prompts] == [True, True]


def test_text_that_is_no_json_is_read_without_an_error() -> None:
    """However deep it goes."""
    assert [read_classification(text) for text in ("", "{", "[" * 100_000, b"\xff")] == [None] * 4


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["category", "confidence", "x"]), inner, max_size=3)
        ),
    )
)
def test_any_json_is_read_without_an_error(value: Any) -> None:
    """B2 for this layer: a classification, or None."""
    found = read_classification(value)
    assert found is None or (isinstance(found["category"], str) and found["category"])
    result = LLMResult(str(value), "m", 0, 0, 0, 0, success=True, metadata={"value": value})
    assert read_classification(result) == found
