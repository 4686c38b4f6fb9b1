"""The harness is reliable where its model is not, as often as the arithmetic says, and at scale."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.result import FailureReason
from pytest_llmharness.errors import BadRequest, HarnessError
from pytest_llmharness.explain.reliability import Odds, interval

PRIORITY = {"type": "object", "properties": {"priority": {"type": "integer"}}, "required": ["priority"]}
NAMED = "field 'priority' must be an integer"
RUNS = 2_000


class Unreliable(ScriptedProvider):
    """Is wrong now and then, and mends an answer only when it is told what is wrong with it."""

    def __init__(self, odds: Odds, chance: Random, *, deaf: bool = False) -> None:
        super().__init__([self.answer] * 9)
        self.odds, self.chance, self.deaf = odds, chance, deaf
        self.hopeless = chance.random() < odds.hopeless

    def answer(self, prompt: Any) -> str:
        asked = prompt.messages[-1].text
        first = NAMED not in asked
        wrong = self.odds.invalid if first else 1 - self.odds.mended
        if self.hopeless or self.chance.random() < wrong:
            return '{"priority": "1"}'
        return '{"priority": 1}'


async def measured(odds: Odds, *, feedback: bool = True) -> int:
    """Return how many of the runs ended with a valid answer; every one of them was checked."""
    succeeded = 0
    config = HarnessConfig(max_retries=odds.repairs if feedback else 0, stop_when_stuck=False)
    for seed in range(RUNS):
        provider = Unreliable(odds, Random(seed))
        result = await Harness(provider, schema=PRIORITY, config=config, clock=VirtualClock()).arun("go")
        assert result.success or result.metadata["failure_reason"] == "validation_failed_after_retries"
        assert not result.success or json.loads(result.content) == {"priority": 1}
        succeeded += result.success
    return succeeded


@pytest.mark.parametrize(
    "odds",
    [
        Odds(0.15, 0.85),
        Odds(0.15, 0.742, repairs=2),
        Odds(0.15, 0.85, hopeless=0.005),
        Odds(0.4, 0.5, hopeless=0.05),
    ],
    ids=["article 001", "least for 99 %", "few hopeless", "hard"],
)
def test_what_is_measured_is_what_was_predicted(odds: Odds) -> None:
    """B39: 1 - (h + (1 - h) q (1 - s)^r) lies in the interval of 2,000 runs."""
    succeeded = asyncio.run(measured(odds))
    low, high = interval(succeeded, RUNS)
    assert low <= odds.reliability <= high
    assert "out of reach" not in Odds(0.15, 0.85, 0.005).report(succeeded, RUNS)


def test_without_repairs_the_system_is_as_good_as_the_model() -> None:
    """B39: 85 % of the answers are valid, and so are 85 % of the runs; with repairs, 99 %."""
    odds = Odds(0.15, 0.85, hopeless=0.0)
    low, high = interval(asyncio.run(measured(odds, feedback=False)), RUNS)
    assert low <= 0.85 <= high
    assert high < 0.99
    assert asyncio.run(measured(odds)) / RUNS >= 0.99


def test_a_repair_that_names_nothing_mends_nothing() -> None:
    """B39: the feedback is what does it; the same number of calls without it stays at 85 %."""
    odds = Odds(0.15, 0.85)

    class Deaf(Unreliable):
        def answer(self, prompt: Any) -> str:
            first = len(prompt.messages) <= 2
            return super().answer(prompt) if first else '{"priority": "1"}'

    async def runs() -> int:
        config, succeeded = HarnessConfig(stop_when_stuck=False), 0
        for seed in range(RUNS // 4):
            harness = Harness(
                Deaf(odds, Random(seed)),
                schema=PRIORITY,
                config=config,
                clock=VirtualClock(),
                layers={"repair": lambda problems: "Again, please."},
            )
            succeeded += (await harness.arun("go")).success
        return succeeded

    low, high = interval(asyncio.run(runs()), RUNS // 4)
    assert low <= 0.85 <= high


def test_the_report_says_when_the_target_is_out_of_reach() -> None:
    """B39: with more than 1 % of hopeless requests no number of repairs gives 99 %."""
    assert Odds(0.15, 0.85, hopeless=0.02).report(976, 1000) == (
        "reliability: predicted 97.67%, measured 97.60% (96.00% to 98.57%, 1,000 runs)\n"
        "99% is out of reach: 2.00% of the requests cannot be mended by any repair; use a stronger model, "
        "or ask for less"
    )
    assert "out of reach" not in Odds(0.15, 0.85, hopeless=0.01).report(990, 1000)
    assert "the prediction is off" in Odds(0.15, 0.85).report(900, 1000)
    assert [round(Odds(0.15, 0.85, repairs=r).reliability, 4) for r in range(4)] == [
        0.85,
        0.9775,
        0.9966,
        0.9995,
    ]
    assert Odds(0.15, 0.742).reliability >= 0.99 > Odds(0.15, 0.741).reliability


# --- at scale ---


@tool(read_only=True)
async def look(what: str) -> str:
    """Look at something."""
    if what == "nothing":
        raise OSError("there is nothing")
    return f"seen {what}"


def _refuses(prompt: Any) -> Any:
    raise BadRequest("the model does not exist", where="nowhere", fix="name another", status=404)


def mixed(chance: Random) -> list[Any]:
    """Draw the behaviour of a model that has a bad day."""
    kinds = [
        lambda: '{"priority": 1}',
        lambda: '{"priority": "1"}',
        lambda: "x" * chance.choice([0, 3, 20_000]),
        lambda: ToolCall(chance.choice(["look", "drop"]), {"what": chance.choice(["a", "nothing", 7])}),
        lambda: [ToolCall("look", {"what": str(n)}) for n in range(chance.randrange(2, 6))],
        lambda: chance.choice(
            [fault.hang(), fault.cut("x"), fault.rate_limit(chance.randrange(9)), fault.refuse_connection()]
        ),
        lambda: chance.choice([fault.server_error(503), _refuses]),
        lambda: Completion("I am sorry, let me try again.", (ToolCall("look", {"what": "a"}),)),
    ]
    return [chance.choice(kinds)() for _ in range(12)]


async def outcome(seed: int, *, stream: bool) -> LLMResult:
    chance = Random(seed)
    config = HarnessConfig(
        enable_guardrails=chance.random() < 0.5, max_tool_depth=4, max_retries=chance.randrange(4)
    )
    spare = [ScriptedProvider(mixed(chance))] if chance.random() < 0.3 else []
    provider, clock = ScriptedProvider(mixed(chance)), VirtualClock()
    harness = Harness(
        provider, fallbacks=spare, tools=[look], schema=PRIORITY, config=config, clock=clock, random=chance
    )
    if not stream:
        return await harness.arun(Request("go", session_id="s"))
    result: LLMResult = [event async for event in harness.stream(Request("go", session_id="s"))][-1].data[
        "result"
    ]
    return result


def test_a_thousand_runs_with_mixed_faults_end_as_declared() -> None:
    """B45, D4b: each seed gives one outcome of the closed set, the same by run and by stream, twice."""

    async def thousand() -> Counter[str]:
        counted: Counter[str] = Counter()
        for seed in range(1_000):
            result, streamed = await outcome(seed, stream=False), await outcome(seed, stream=True)
            assert (result.success, result.content, result.retries, result.duration_ms) == (
                streamed.success, streamed.content, streamed.retries, streamed.duration_ms
            ), seed  # fmt: skip
            assert result.metadata["attempts"] == streamed.metadata["attempts"], seed
            if result.success:
                assert isinstance(result.unwrap()["priority"], int)
                counted["success"] += 1
                continue
            reason = FailureReason(result.metadata["failure_reason"])
            assert isinstance(result.metadata["error"], HarnessError)
            assert (result.metadata["layer"], bool(result.content)) == (reason.layer, True)
            counted[reason.value] += 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return counted

    counted = asyncio.run(thousand())
    assert counted.total() == 1_000
    assert counted["success"] > 100
    assert set(counted) >= {
        "success", "validation_failed_after_retries", "provider_unavailable", "rate_limited", "timeout",
        "provider_refused", "max_tool_depth", "no_progress", "output_too_large",
    }, counted  # fmt: skip
