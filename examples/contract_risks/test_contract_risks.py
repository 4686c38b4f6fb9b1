"""The suite of the contract reviewer: scripted, replayed from cassettes, or live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_risks import RISKS, find_clauses, reviewer

from pytest_llmharness import Harness, HarnessError, Schema, ToolCall, fault

LIABILITY = {"clause": "4", "risk_type": "liability", "severity": "high", "damage_cap": 500000}
ASK = "Summarize and extract all liability risks."


def answer(**changes: Any) -> str:
    return json.dumps([{**LIABILITY, **changes}])


@pytest.fixture
def scripted(llm_harness: Callable[..., Harness]) -> Callable[..., Harness]:
    """The reviewer over a model that says what the test tells it to; pauses cost no time."""
    return lambda *script: reviewer(script, make=llm_harness)


@pytest.fixture
def modelled(llm_harness: Callable[..., Harness]) -> Harness:
    """The reviewer over a model: its cassette, or with --llm-live the real one."""
    return reviewer(None, make=llm_harness)


# --- the contract of the answer ---


@pytest.mark.parametrize("cap", [500000, 0, 1.5e6, None])
def test_a_cap_is_a_number_or_null(cap: float | None) -> None:
    assert Schema(RISKS).accepts(answer(damage_cap=cap))


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (answer(severity="critical"), "severity"),
        (answer(damage_cap="$500,000"), "a number (e.g., 500000), not a currency string"),
        (json.dumps([{"clause": "4", "risk_type": "liability", "severity": "low"}]), "damage_cap"),
        ("[]", "must not be empty"),
        ("The contract looks fine.", "JSON"),
    ],
    ids=["bad enum", "currency string", "missing field", "empty list", "prose"],
)
def test_what_breaks_the_contract_is_named(output: str, complaint: str) -> None:
    verdict = Schema(RISKS).check(output)
    assert not verdict.valid
    assert complaint in verdict.hint()


# --- a scripted model: no network, no waiting, the same every time ---


def test_a_currency_string_is_repaired(scripted: Callable[..., Harness]) -> None:
    harness = scripted(answer(damage_cap="$500,000"), answer())
    result = harness.run(ASK)

    assert result.unwrap() == [LIABILITY]
    assert result.retries == 1
    assert (
        harness.provider.prompts[1]
        .messages[-1]
        .text.endswith(
            "Validation error: field 'damage_cap' must be a number (e.g., 500000), not a currency string."
            " Please retry."
        )
    )


def test_the_clauses_reach_the_model(scripted: Callable[..., Harness]) -> None:
    harness = scripted(ToolCall("find_clauses", {"topic": "liability"}), answer())

    assert harness.run(ASK).success
    assert "limited to USD 500,000" in harness.provider.prompts[1].messages[-1].text


def test_a_tool_the_model_invented_is_refused_and_the_run_goes_on(scripted: Callable[..., Harness]) -> None:
    harness = scripted(ToolCall("sign_contract", {}), answer())

    assert harness.run(ASK).success
    assert "unknown tool 'sign_contract'" in harness.provider.prompts[1].messages[-1].text


def test_nonsense_that_fits_the_schema_is_refused_too(scripted: Callable[..., Harness]) -> None:
    assert scripted(answer(damage_cap=-1), answer()).run(ASK).retries == 1


def test_a_busy_server_is_given_the_time_it_asks_for(scripted: Callable[..., Harness]) -> None:
    result = scripted(fault.rate_limit(retry_after=7), answer()).run(ASK)

    assert result.success
    assert result.duration_ms == 7000


def test_a_model_that_never_learns_ends_in_an_error(scripted: Callable[..., Harness]) -> None:
    with pytest.raises(HarnessError, match="no valid answer in 3 attempts"):
        scripted("no", "still no", "never").run(ASK).unwrap()


def test_clauses_are_found_by_topic() -> None:
    assert [clause[:2] for clause in find_clauses("liab")] == ["4.", "6."]
    assert find_clauses("weather") == []


# --- a model: replayed from cassettes/, or live with --llm-live ---
# What holds for every model is asserted, not what one of them happened to say.


@pytest.mark.llm_live
def test_the_review_holds_its_contract(modelled: Harness) -> None:
    result = modelled.run(ASK)

    assert result.success, result.metadata["failure_reason"]
    assert Schema(RISKS).accepts_value(result.unwrap())
    assert result.tokens_out > 0


@pytest.mark.llm_live
def test_the_review_streams(modelled: Harness) -> None:
    async def watch() -> list[Any]:
        async with modelled:
            return [event async for event in modelled.stream(ASK)]

    events = asyncio.run(watch())
    texts = [event.data["text"] for event in events if event.kind == "text_delta"]
    result = events[-1].data["result"]
    assert result.success, result.metadata["failure_reason"]
    assert len(texts) > 1
    assert "".join(texts).endswith(result.content)


@pytest.mark.llm_live
def test_the_model_can_call_the_tool(modelled: Harness) -> None:
    async def watch() -> list[Any]:
        async with modelled:
            return [event async for event in modelled.stream("Look up the clauses about liability.")]

    results = [event.data for event in asyncio.run(watch()) if event.kind == "tool_result"]
    assert results
    assert all(result["ok"] for result in results)
