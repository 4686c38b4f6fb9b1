"""A suite of cases: one model, its figures, and whether it got worse."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmharness import Harness, HarnessConfig, LLMResult, ScriptedProvider, VirtualClock
from pytest_llmharness.adapters.executors.asyncio import AsyncioExecutor
from pytest_llmharness.errors import ConfigError, HarnessError, RateLimited
from pytest_llmharness.harness.batch import BatchSettings
from pytest_llmharness.scoring import (
    Aggregate,
    Case,
    DriftBounds,
    Record,
    ScoringSuite,
    SuiteRun,
    aggregate,
    compare,
)


def record(name: str, score: float | None = 1.0, ms: float = 10.0, reason: str = "") -> Record:
    return Record(name, None if reason else score, not reason, ms, 5, reason)


def run_of(*records: Record) -> SuiteRun:
    return SuiteRun("m", records)


# --- figures ---


def test_the_figures_of_a_run() -> None:
    """A26: article 000's eight; failures and missing scores are counted, not averaged away."""
    records = [
        record("a", 0.9, 10),
        record("b", 0.8, 20),
        record("c", 0.79, 30),
        record("d", None, 40),
        record("e", reason="timeout", ms=500),
    ]
    figures = aggregate("m", records)
    assert figures == Aggregate(
        model="m",
        total_cases=5,
        successful=4,
        failed=1,
        avg_score=0.83,
        avg_duration_ms=120.0,
        p95_duration_ms=500,
        below_80pct=1,
        unscored=1,
        avg_score_failures_as_0=0.6225,
        p95_is_maximum=True,
        failures=(("e", "timeout"),),
    )
    assert list(figures.as_dict())[:8] == [
        "model",
        "total_cases",
        "successful",
        "failed",
        "avg_score",
        "avg_duration_ms",
        "p95_duration_ms",
        "below_80pct",
    ]
    assert json.loads(json.dumps(figures.as_dict()))["failures"] == [["e", "timeout"]]


def test_an_empty_set_has_zeros() -> None:
    """A26: no division by nothing, and no false flag."""
    assert aggregate("m", []) == Aggregate("m")
    assert aggregate("m", [record("a", None)]).avg_score == 0.0


@pytest.mark.parametrize(
    ("count", "p95", "is_maximum"), [(1, 1, True), (20, 20, True), (21, 20, False), (100, 96, False)]
)
def test_the_95th_percentile_is_article_000s(count: int, p95: int, is_maximum: bool) -> None:
    """A26: sorted[int(n * 0.95)], which is the maximum below 21 samples, and then it says so."""
    figures = aggregate("m", [record(str(number), ms=number) for number in range(count, 0, -1)])
    assert (figures.p95_duration_ms, figures.p95_is_maximum) == (p95, is_maximum)
    assert p95 == sorted(range(1, count + 1))[int(count * 0.95)]


@given(st.lists(st.tuples(st.none() | st.floats(0, 1), st.floats(0, 1e6), st.booleans())))
def test_any_records_add_up(rows: list[tuple[float | None, float, bool]]) -> None:
    """A26: every case is counted once, and the mean lies where the scores are."""
    records = [
        record(str(n), score, ms, reason="x" if failed else "") for n, (score, ms, failed) in enumerate(rows)
    ]
    figures = aggregate("m", records)
    assert figures.successful + figures.failed == figures.total_cases == len(rows)
    assert 0 <= figures.avg_score_failures_as_0 <= figures.avg_score + 1e-9 <= 1 + 1e-9
    assert figures.unscored <= figures.successful


# --- running ---


def test_the_suite_asks_the_model_it_is_told() -> None:
    """A26: suite(model=X) calls X; each record has score, success, duration and tokens."""
    clock = VirtualClock()
    provider = ScriptedProvider(['{"city": "Oslo"}', '{"city": "Bergen"}', "no json"], clock=clock)

    async def ask(case: Case, model: str) -> LLMResult:
        config = HarnessConfig(model=model, max_retries=0)
        return await Harness(provider, schema=case.schema, config=config, clock=clock).arun(case.input)

    schema = {"type": "object", "required": ["city"]}
    cases = [
        Case(name, f"where is {name}?", schema, {"city": city})
        for name, city in (("a", "oslo"), ("b", "Oslo"), ("c", "Oslo"))
    ]
    provider.model = None
    run = asyncio.run(
        ScoringSuite(cases).run(
            ask, model="qwen3:4b", executor=AsyncioExecutor(), settings=BatchSettings(max_workers=1)
        )
    )
    assert {prompt.options.model for prompt in provider.prompts} == {"qwen3:4b"}
    assert run.model == "qwen3:4b"
    assert [(one.name, one.score, one.success) for one in run.records] == [
        ("a", 1.0, True),
        ("b", 0.0, True),
        ("c", None, False),
    ]
    assert run.records[0].field_scores == {"city": 1.0}
    assert run.records[2].reason == "validation_failed_after_retries"
    assert run.aggregate.failed == 1


def test_a_case_that_raises_is_a_failed_record() -> None:
    """A26: the others go on; without an expectation there is no score; durations and tokens are kept."""

    async def ask(case: Case, model: str) -> LLMResult:
        if case.name == "bad":
            raise RateLimited("slow down", where="", fix="wait")
        return LLMResult("{}", model, 1, 7, 12.5, 0, success=True)

    cases = [Case("bad", "x"), Case("none", "x"), Case("empty", "x", expected={})]
    run = asyncio.run(ScoringSuite(cases).run(ask, model="m", executor=AsyncioExecutor()))
    assert run.records == (
        Record("bad", None, False, 0.0, 0, "rate_limited"),
        Record("none", None, True, 12.5, 7),
        Record("empty", 1.0, True, 12.5, 7),
    )
    assert SuiteRun.from_json(run.to_json()) == run


def test_weights_reach_every_case() -> None:
    """A25: a suite scores with its weights."""

    async def ask(case: Case, model: str) -> LLMResult:
        return LLMResult('{"a": 1, "b": 0}', model, 0, 0, 0, 0, success=True)

    suite = ScoringSuite([Case("x", "x", expected={"a": 1, "b": 1})], weights={"a": 3})
    assert asyncio.run(suite.run(ask, model="m", executor=AsyncioExecutor())).aggregate.avg_score == 0.75


def test_names_stand_once() -> None:
    """Two cases of one name could not be compared."""
    with pytest.raises(ConfigError, match="'a' stands twice"):
        ScoringSuite([Case("a", "x"), Case("a", "y")])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": "m", "records": [{"name": "a"}]}', "[" * 9999])
def test_a_kept_run_that_is_none_is_named(text: str) -> None:
    """It says what to do."""
    with pytest.raises(ConfigError, match="no run of a suite"):
        SuiteRun.from_json(text)


# --- over time ---

BEFORE = run_of(record("a", 0.9), record("b", 0.8), record("c", 0.7))


def test_a_drop_beyond_the_bound_fails() -> None:
    """A27: the mean fell by 0.03: more than 0.02, not more than 0.03."""
    after = run_of(record("a", 0.9), record("b", 0.71), record("c", 0.7))
    drift = compare(BEFORE, after)
    assert not drift.ok
    assert (round(drift.before, 9), round(drift.after, 9), drift.fell) == (0.8, 0.77, (("b", 0.8, 0.71),))
    with pytest.raises(HarnessError, match=r"the mean score fell from 0\.800 to 0\.770, by more than 0\.02"):
        drift.check()
    compare(BEFORE, after, DriftBounds(avg_score=0.03)).check()
    compare(BEFORE, BEFORE).check()


def test_one_case_may_have_its_own_bound() -> None:
    """A27: a mean that stays can hide one that fell."""
    after = run_of(record("a", 1.0), record("b", 0.6), record("c", 0.8))
    assert compare(BEFORE, after).ok
    drift = compare(BEFORE, after, DriftBounds(case_score=0.1))
    assert drift.complaints == ("case 'b' fell from 0.800 to 0.600, by more than 0.1",)
    assert compare(BEFORE, after, DriftBounds(case_score=0.2)).ok


def test_a_case_that_fails_now_is_no_better_mean() -> None:
    """A27: the worst case failing raises the mean of the rest; it is a complaint all the same."""
    after = run_of(record("a", 0.9), record("b", 0.8), record("c", reason="timeout"))
    drift = compare(BEFORE, after)
    assert (drift.new_failures, drift.complaints) == (("c",), ("1 case(s) fail now: c",))
    assert compare(BEFORE, after, DriftBounds(new_failures=1)).ok
    assert compare(after, after).ok
    assert compare(BEFORE, run_of(record("a"), record("b"), record("c", None))).new_failures == ("c",)


def test_a_case_that_is_gone_is_a_complaint() -> None:
    """A27: added ones are named, and neither moves the mean."""
    drift = compare(BEFORE, run_of(record("a", 0.9), record("b", 0.8), record("new", 0.0)))
    assert (drift.gone, drift.added, drift.complaints) == (("c",), ("new",), ("1 case(s) are gone: c",))
    assert drift.before == drift.after


def test_bounds_that_cannot_work_are_named() -> None:
    """Negative, or no number."""
    for bounds in ({"avg_score": -0.1}, {"case_score": float("nan")}, {"new_failures": -1}):
        with pytest.raises(ConfigError):
            DriftBounds(**bounds)
