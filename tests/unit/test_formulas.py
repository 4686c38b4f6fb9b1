"""The arithmetic of the articles, computed instead of quoted; and what was chosen where they disagree."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MaxRetriesExceeded,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.adapters.limiters.token_bucket import TokenBucket
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.explain import Odds
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.degrade import Backoff
from pytest_llmharness.harness.routing import Price, PriceTable, months_to_pay_back

NUMBER = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}


def run(*script: Any, **settings: Any) -> tuple[LLMResult, ScriptedProvider]:
    provider = ScriptedProvider(script)
    return Harness(provider, clock=VirtualClock(), **settings).run("go"), provider


def test_what_85_percent_means() -> None:
    """F.1: 1 failure in 6.7, 129,600 a day; twenty steps at 95 % end well in 36 %: two thirds fail, no third."""
    model = Odds(invalid=0.15, mended=0.85, repairs=0)
    assert 1 / model.failures(1) == pytest.approx(6.67, abs=0.01)
    assert model.failures(10 * 86_400) == pytest.approx(129_600)
    assert Odds(0.05, 0.95, repairs=0).over(20) == pytest.approx(0.358, abs=0.001)


def test_what_repairs_are_worth() -> None:
    """F.2: .85, .9775, .9966, .9995; what 99 % takes; twenty steps with one repair, and with two."""
    ladder = [Odds(0.15, 0.85, repairs=repairs) for repairs in range(4)]
    assert [round(odds.reliability, 4) for odds in ladder] == [0.85, 0.9775, 0.9966, 0.9995]
    assert [round(1 - 0.15 ** (odds.repairs + 1), 4) for odds in ladder] == [0.85, 0.9775, 0.9966, 0.9995]
    assert ladder[0].repairs_for(0.99) == 2
    assert Odds(0.15, 0.5, repairs=2).mended_for(0.99) == pytest.approx(0.742, abs=0.0005)
    assert Odds(0.15, 0.5, repairs=3).mended_for(0.99) == pytest.approx(0.595, abs=0.0005)
    assert [round(Odds(0.05, 0.95, repairs=repairs).over(20), 4) for repairs in (1, 2)] == [0.9512, 0.9975]


def test_what_no_repair_can_reach() -> None:
    """F.2: more than 1 % hopeless, or repairs that never help; and what needs none."""
    assert Odds(0.15, 0.85, hopeless=0.02).repairs_for(0.99) is None
    assert Odds(0.15, 0.85, hopeless=0.02).mended_for(0.99) is None
    assert Odds(0.15, 0.0).repairs_for(0.99) is None
    assert Odds(0.15, 0.9, repairs=0).mended_for(0.99) is None
    assert (Odds(0.005, 0.0).repairs_for(0.99), Odds(0.005, 0.0).mended_for(0.99)) == (0, 0.0)
    assert Odds(0.15, 0.85, hopeless=1.0).mended_for(0.99) is None
    assert "for 99%: max_retries=4 or repairs that help in 74.2% of the cases" in Odds(0.15, 0.5).report(
        960, 1000
    )


def test_the_odds_that_runs_show_predict_what_they_measured() -> None:
    """B39: from scripted runs, 1 first answer in 4 invalid, 1 repair in 2 helps; nothing checked is no odds."""
    runs = [run('{"n": 1}', schema=NUMBER)[0] for _ in range(3)] + [
        run("no", "no", '{"n": 1}', schema=NUMBER)[0]
    ]
    odds = Odds.seen_in(runs)
    assert odds == Odds(invalid=0.25, mended=0.5, repairs=2)
    assert odds.report(4, 4).startswith("reliability: predicted 93.75%, measured 100.00% (")
    assert Odds.seen_in([run(fault.server_error(), config=HarnessConfig(max_retries=0))[0]]) is None


def test_what_tokens_and_machines_cost() -> None:
    """F.3: 2 million tokens at $3 are $6, not $60; $60 to $12-30 saves 50-80 %; and when a card pays off."""
    table = PriceTable([Price("sonnet", 3.0, 15.0, "article 004", "2026-02-22")])
    month = table.cost("sonnet", Usage(2_000_000, 0))
    assert month is not None
    assert month.total_usd == 6.0
    assert [1 - hybrid / 60 for hybrid in (30, 12)] == pytest.approx([0.5, 0.8])
    assert months_to_pay_back(1_500, 60) == 25.0
    assert [months_to_pay_back(1_500, 60, power) for power in (10, 20)] == [30.0, 37.5]
    assert months_to_pay_back(1_500, month.total_usd, 10) is None


def test_an_attempt_is_a_call_whoever_counts_it() -> None:
    """F.4: max_retries=2 are 3 calls for answers, for failed calls and for 429s, as all three articles have it."""
    assert HarnessConfig().max_retries == 2
    for step in ("no", fault.server_error(), fault.rate_limit()):
        result, provider = run(*[step] * 9, schema=NUMBER)
        assert (len(provider.prompts), result.retries) == (3, 2)
    with pytest.raises(MaxRetriesExceeded, match="3 attempts"):
        run(*["no"] * 3, schema=NUMBER)[0].unwrap()
    assert [Backoff(jitter_s=0).delay_s(retry, Random(0)) for retry in range(2)] == [1.0, 2.0]


def test_what_was_chosen_where_the_articles_disagree() -> None:
    """F.5: types are checked; an empty allow-list allows all; a limiter blocks; depth 3 binds before 10 calls."""

    @tool(read_only=True)
    def look() -> str:
        """Look."""
        return "seen"

    @tool(read_only=True)
    def other() -> str:
        """Do something else."""
        return "done"

    assert run('{"n": "1"}', '{"n": 1}', schema=NUMBER)[0].retries == 1
    for allowed, answer in (((), "seen"), (("other",), "Error: the tool 'look' is not allowed")):
        constraints = Constraints(allowed_tools=allowed)
        _, provider = run(ToolCall("look"), "done", tools=[look, other], layers={"constrain": constraints})
        assert provider.prompts[1].messages[-1].text.startswith(answer)
    clock = VirtualClock()
    limited = Harness(
        ScriptedProvider(["1", "2"]), limiter=TokenBucket(clock, capacity=1, refill_s=1), clock=clock
    )
    assert asyncio.run(_twice(limited)) == ["1", "2"]
    assert clock.now() == pytest.approx(1.0)
    result, provider = run(*[ToolCall("look")] * 9, tools=[look])
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("max_tool_depth", 4)


async def _twice(harness: Harness) -> list[str]:
    from pytest_llmharness import Request

    return [(await harness.arun(Request("go", session_id="s"))).content for _ in range(2)]
