"""Article 000's four questions and article 001's three metrics, on scripted runs with known answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    VirtualClock,
    fault,
)
from pytest_llmharness.adapters.breaker_states.memory import MemoryBreakerStates
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.explain import four_questions, metrics, results_in
from pytest_llmharness.harness.degrade import Breaker, BreakerSettings, Change, Degrade
from pytest_llmharness.harness.guardrails import Guardrails
from pytest_llmharness.harness.routing import (
    DEFAULT_TIERS,
    Escalation,
    ModelCall,
    ModelTier,
    Price,
    PriceTable,
    asks,
    hybrid,
)

PRICES = PriceTable([Price("claude-sonnet", 3.0, 15.0, "a test", "2026-11-21")])


def result(task: str, session: str, **facts: Any) -> LLMResult:
    """Return a result as the harness gives it."""
    metadata = {"session_id": session, "request": {"task": task} if task else {}, **facts.pop("metadata", {})}
    given: dict[str, Any] = {"model": "qwen3:4b", "duration_ms": 100.0, "success": True, **facts}
    return LLMResult("", tokens_in=1_000, tokens_out=200, ttft_ms=0.0, metadata=metadata, **given)


RESULTS = [
    result("extraction", "s1", score=0.5, duration_ms=900.0, retries=2),
    result("extraction", "s2", score=0.9, duration_ms=100.0),
    result("extraction", "s3", success=False, duration_ms=4_000.0, retries=2),
    result("triage", "s4", score=0.6, retries=1),
    result("triage", "s5", duration_ms=900.0),
    result("review", "s6", score=0.95, model="claude-sonnet", metadata={"models_tried": ["qwen3:4b", "claude-sonnet"]}),
    result("review", "s7", score=1.0, model="claude-sonnet"),
    result("", "s8", model="claude-opus-9"),
]  # fmt: skip

REPORT = """\
lowest-scoring tasks
  triage: 0.60 (1 of 2 runs scored)
  extraction: 0.70 (2 of 3 runs scored, 1 failed)
slowest calls
  extraction, qwen3:4b, session s3: 4,000 ms
  extraction, qwen3:4b, session s1: 900 ms
most-retried calls
  extraction, qwen3:4b, session s1: 2
  extraction, qwen3:4b, session s3: 2
cloud-escalation cost
  at least 0.012000 USD in 3 of 8 runs (1 escalated, 1 without a known price)"""


def test_the_four_questions_have_answers() -> None:
    """A29: of eight runs, as a person reads them; of equals the earlier one comes first."""
    answers = four_questions(
        iter(RESULTS), top=2, prices=PRICES, cloud=lambda model: model.startswith("claude")
    )
    assert str(answers) == REPORT
    assert (answers.runs, answers.unscored) == (8, 3)


def test_the_lowest_scoring_tasks() -> None:
    """A29.1: by their mean; failed runs are counted beside it, and a task without a score is not ranked."""
    answers = four_questions(RESULTS)
    assert [(task.task, task.score, task.runs, task.failed) for task in answers.lowest_scoring] == [
        ("triage", 0.6, 2, 0),
        ("extraction", 0.7, 3, 1),
        ("review", 0.975, 2, 0),
    ]


def test_the_slowest_calls() -> None:
    """A29.2: failed ones too."""
    slowest = four_questions(RESULTS, top=3).slowest
    assert [(call.session_id, call.duration_ms) for call in slowest] == [
        ("s3", 4000),
        ("s1", 900),
        ("s5", 900),
    ]


def test_the_most_retried_calls() -> None:
    """A29.3: those that needed no retry are no part of the list."""
    assert [(call.session_id, call.retries) for call in four_questions(RESULTS).most_retried] == [
        ("s1", 2), ("s3", 2), ("s4", 1),
    ]  # fmt: skip


def test_what_the_cloud_cost() -> None:
    """A29.4: an escalation's own account where there is one, else tokens times price, to the cent of a cent."""

    async def escalated() -> LLMResult:
        local, cloud = ScriptedProvider(["so so"]), ScriptedProvider(["very well"])
        attempt = asks(
            Prompt((Message.user("go"),)),
            hybrid(local, cloud),
            score=lambda completion: 0.9 if completion.text == "very well" else 0.1,
        )
        tiers = [
            ModelCall("fast", "qwen3:4b", 512),
            ModelCall("frontier", "claude-sonnet", 4096, cost_per_call=0.003, cloud=True),
        ]
        outcome = await Escalation(VirtualClock(), prices=PriceTable()).run(attempt, tiers)
        return result("extraction", "s9", model="claude-sonnet", metadata=outcome.metadata)

    own = asyncio.run(escalated())
    cloud = four_questions([own], prices=PRICES).cloud
    assert (cloud.usd, cloud.runs, cloud.escalated, cloud.unpriced) == (0.003, 1, 1, 0)
    by_tokens = four_questions(RESULTS, prices=PRICES).cloud
    assert by_tokens.usd == round(2 * (1_000 * 3.0 + 200 * 15.0) / 1e6, 9) == 0.012
    unknown = four_questions(RESULTS[:5]).cloud
    assert (unknown.usd, unknown.runs) == (0.0, 0)
    assert DEFAULT_TIERS["frontier"].model == "claude-sonnet"
    assert four_questions(RESULTS, prices=PriceTable()).cloud.unpriced == 2


def test_a_million_results_keep_what_is_asked_for() -> None:
    """Bounded: the input is read once, and names beyond the thousandth are one task."""

    def many() -> Iterator[LLMResult]:
        for number in range(3_000):
            yield result(f"task {number}", f"s{number}", score=number / 3_000, duration_ms=float(number))

    answers = four_questions(many(), top=2)
    assert [task.task for task in answers.lowest_scoring] == ["task 0", "task 1"]
    assert [call.session_id for call in answers.slowest] == ["s2999", "s2998"]
    further = four_questions(many(), top=2_000).lowest_scoring[-1]
    assert (further.task, further.runs) == ("(further tasks)", 2_000)
    assert str(four_questions([])).splitlines()[1] == "  no run of 0 has a score"
    with pytest.raises(ConfigError, match="top=0"):
        four_questions([], top=0)


def test_a_session_log_answers_them_too() -> None:
    """A29: the results of every run of the sessions, whoever ran them."""
    log, clock = MemorySessionLog(), VirtualClock()
    harness = Harness(
        ScriptedProvider(["no", "[]", "[]"]), schema={"type": "array"}, session_log=log, clock=clock
    )
    for session in ("a", "b"):
        harness.run(Request("go", session_id=session, metadata={"task": "listing"}))

    async def found() -> list[LLMResult]:
        return [one async for one in results_in(log, ["a", "b"])]

    answers = four_questions(asyncio.run(found()))
    assert [(call.session_id, call.task, call.retries) for call in answers.most_retried] == [
        ("a", "listing", 1)
    ]
    assert answers.slowest[0].duration_ms == 1_000


# --- the three metrics ---

NUMBER = {"type": "integer"}


def test_three_metrics_of_a_scripted_day() -> None:
    """B38: 9 answers checked, 4 failing; 3 runs failed a check, 1 of them ended valid; 2 trips."""
    clock, changes = VirtualClock(), list[Change]()
    breaker = Breaker(
        MemoryBreakerStates(clock), clock, settings=BreakerSettings(failures=2), on_change=changes.append
    )

    def run(*script: Any, **settings: Any) -> LLMResult:
        config = HarnessConfig(max_retries=1, retry_delay_seconds=0)
        return Harness(ScriptedProvider(script), schema=NUMBER, config=config, clock=clock, **settings).run(
            "go"
        )

    runs = [
        run("1"),
        run("no", "2"),
        run("no", "never"),
        run("3"),
        run("4"),
        run('"' + "x" * 99 + '"', layers={"guardrails": Guardrails(max_output_size=50)}),
        run(fault.server_error(), fault.server_error(), layers={"degrade": Degrade(breaker=breaker)}),
    ]
    asyncio.run(clock.sleep(60))
    runs.append(
        run(fault.server_error(), layers={"degrade": Degrade(breaker=breaker)})
    )  # the probe fails: half-open to open
    asyncio.run(clock.sleep(60))
    runs.append(run("5", layers={"degrade": Degrade(breaker=breaker)}))
    found = metrics(runs, changes)
    assert (found.outputs, found.failing, found.failing_runs, found.repaired_runs, found.trips) == (
        9,
        4,
        3,
        1,
        2,
    )
    assert (found.failure_rate, found.repair_success) == (4 / 9, 1 / 3)
    assert str(found) == (
        "validation failure rate 44.4% (4 of 9 answers), repair success rate 33.3% (1 of 3 failing runs), "
        "breaker trips 2"
    )


@pytest.mark.parametrize(
    ("scores", "model"), [((0.2, 0.9), "claude-sonnet"), ((0.5, 0.2), "qwen3:4b")], ids=["better", "worse"]
)
def test_an_answer_that_was_valid_and_not_good_enough_has_passed(
    scores: tuple[float, ...], model: str
) -> None:
    """B38, A29.4: each answer counts once, also where the first is taken after all; the cloud was paid."""
    quality = iter([*scores, scores[0]])
    tiers = {
        "fast": ModelTier("qwen3:4b", 512),
        "frontier": ModelTier("claude-sonnet", 4096, cost_per_call=0.003, cloud=True),
    }
    provider = ScriptedProvider(["no", "1", "2"], model="")
    harness = Harness(
        provider,
        tiers=tiers,
        schema=NUMBER,
        clock=VirtualClock(),
        layers={"score": lambda request, value: next(quality)},
    )
    found = harness.run(Request("go", metadata={"tier": "fast"}))
    assert (found.success, found.model) == (True, model)
    assert (metrics([found]).outputs, metrics([found]).failing) == (3, 1)
    cloud = four_questions([found]).cloud
    assert (cloud.usd, cloud.runs, cloud.escalated) == (0.003, 1, 1)


def test_nothing_to_divide_by_is_none_and_not_zero() -> None:
    """B38, G13: no run, no answer, no failing run."""
    nothing = metrics([])
    assert (nothing.failure_rate, nothing.repair_success, nothing.trips) == (None, None, 0)
    outage = Harness(ScriptedProvider([fault.server_error()] * 3), clock=VirtualClock()).run("go")
    assert metrics([outage]).failure_rate is None
    fine = Harness(ScriptedProvider(["fine"]), clock=VirtualClock()).run("go")
    assert (metrics([fine]).failure_rate, metrics([fine]).repair_success) == (0.0, None)
    assert "repair success rate unknown (no failing runs)" in str(metrics([fine]))
