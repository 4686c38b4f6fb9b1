"""A harness with tiers: where a request starts, when it climbs, and what it costs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    ModelTier,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.event import EventKind
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import AuthenticationFailed, ConfigError
from pytest_llmharness.harness.routing import PRICES, CostBudget, EscalationRules, Price, Routing

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
EXPECTED = {"expected": {"name": "Ada"}}
GOOD, BAD = '{"name": "Ada"}', '{"name": "Bob"}'


def streamed(harness: Harness, request: Any) -> LLMResult:
    async def last() -> Any:
        return [event async for event in harness.stream(request)][-1]

    result: LLMResult = asyncio.run(last()).data["result"]
    return result


@pytest.fixture(params=[Harness.run, streamed], ids=["run", "stream"])
def face(request: pytest.FixtureRequest) -> Any:
    """What holds for the one holds for the other."""
    return request.param


def models(*scripts: list[Any]) -> tuple[list[ScriptedProvider], dict[str, ModelTier]]:
    """Return one provider for each tier, cheap ones first, and the tiers."""
    providers = [ScriptedProvider(script, model=f"m{n}") for n, script in enumerate(scripts)]
    names = ["fast", "balanced", "capable", "frontier"]
    prices = [0.0, 0.0, 0.01, 0.1]
    tiers = {
        name: ModelTier(f"m{n}", 100 * (n + 1), prices[n], cloud=n == 3, provider=provider)
        for n, (name, provider) in enumerate(zip(names, providers, strict=False))
    }
    return providers, tiers


def refused(prompt: Any) -> str:
    """Answer as a server does that does not know the key."""
    raise AuthenticationFailed(
        "the key is wrong", where="server", fix="use another", provider="p", status=401
    )


def asked(providers: list[ScriptedProvider]) -> list[int]:
    return [len(provider.prompts) for provider in providers]


def harness_of(tiers: dict[str, ModelTier], **settings: Any) -> Harness:
    return Harness(ScriptedProvider([]), tiers=tiers, clock=VirtualClock(), **settings)


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        (Request("hello", metadata={"tier": "capable"}), 2),
        (Request("hello", metadata={"task": "extraction"}), 0),
        (Request("hello", metadata={"task": "nightly report"}), 1),
        (Request("Redesign the architecture and refactor the design"), 3),
        (Request("hello", metadata={"task": "extraction", "confidence": 0.5}), 1),
    ],
    ids=["explicit", "task", "unknown task", "complexity", "confidence"],
)
def test_each_signal_alone_chooses_the_tier(face: Any, request_: Request, first: int) -> None:
    """A2, A16, A17: the model that is asked, and with the tokens of its tier."""
    providers, tiers = models(*[["fine"]] * 4)
    result = face(harness_of(tiers), request_)
    assert [bool(provider.prompts) for provider in providers] == [n == first for n in range(4)]
    options = providers[first].prompts[0].options
    assert (options.model, options.max_tokens) == (f"m{first}", 100 * (first + 1))
    assert (result.model, result.metadata["tier"]) == (f"m{first}", list(tiers)[first])
    assert result.metadata["escalation"] == "accepted"


def test_the_kind_of_document_changes_the_route(face: Any) -> None:
    """B8: a contract goes to the tier for extraction; the kind is in the result. A legal pad is no document."""
    contract = (
        "THIS AGREEMENT is made between the Parties. WHEREAS the Licensor grants, the Parties hereby agree. "
        "Indemnification. Limitation of liability. Governing law: State of Delaware. Termination."
    )
    providers, tiers = models(*[["fine"]] * 3)
    result = face(harness_of(tiers), contract)
    assert result.metadata["document"] == {"kind": "contract", "jurisdiction": "US"}
    assert asked(providers) == [1, 0, 0]
    providers, tiers = models(*[["fine"]] * 3)
    result = face(harness_of(tiers), "Please see to the legal pad order.")
    assert "document" not in result.metadata
    assert asked(providers) == [0, 1, 0]


@pytest.mark.parametrize(("score", "climbs"), [(0.69, True), (0.70, False), (None, False)])
def test_a_low_score_asks_the_next_tier(face: Any, score: float | None, climbs: bool) -> None:
    """A18: 0.69 climbs; 0.70 and an answer that nothing scored do not."""
    providers, tiers = models(["low"], ["high"])

    def judge(request: Request, value: Any) -> float | None:
        return score if value == "low" else 1.0

    harness = harness_of(tiers, layers={"score": judge})
    result = face(harness, Request("go", metadata={"task": "extraction"}))
    assert asked(providers) == [1, int(climbs)]
    assert (result.content, result.score) == (("high", 1.0) if climbs else ("low", score))
    assert result.metadata["needs_review"] is False


def test_the_extraction_is_scored_by_what_is_expected(face: Any) -> None:
    """A25: the score, the fields' scores, and no score where nothing is expected."""
    for metadata, score in ((EXPECTED, 0.0), ({}, None), ({"expected": {}}, 0.0)):
        result = face(Harness(ScriptedProvider([BAD]), schema=PERSON), Request("go", metadata=metadata))
        assert (result.success, result.score) == (True, score)
    assert face(Harness(ScriptedProvider([GOOD]), schema=PERSON), Request("go", metadata=EXPECTED)).metadata[
        "field_scores"
    ] == {"name": 1.0}


def test_the_next_tier_gets_the_question_and_not_the_bad_answers(face: Any) -> None:
    """Repairs stay behind; what tools have done stays, for it is not done again."""
    charged: list[int] = []

    @tool
    def charge(amount: int) -> str:
        """Charge somebody."""
        charged.append(amount)
        return "charged"

    providers, tiers = models([ToolCall("charge", {"amount": 5}), "no JSON", "no JSON", "none"], [GOOD])
    harness = harness_of(tiers, schema=PERSON, tools=[charge])
    result = face(harness, Request("go", metadata={"task": "extraction"}))
    assert result.unwrap() == {"name": "Ada"}
    assert charged == [5]
    roles = [message.role for message in providers[1].prompts[0].messages]
    assert roles == ["system", "user", "assistant", "tool"]
    assert [made["tier"] for made in result.metadata["tiers_tried"]] == ["fast", "balanced"]
    assert "valid" in result.metadata["tiers_tried"][0]["problem"]


def test_a_model_that_is_down_is_left_for_the_next(face: Any) -> None:
    """A21: its retries are made first; a wrong key is not hidden by asking elsewhere."""
    providers, tiers = models([fault.server_error()] * 3, ["fine"])
    assert face(harness_of(tiers), Request("go", metadata={"tier": "fast"})).content == "fine"
    assert asked(providers) == [3, 1]
    providers, tiers = models([refused], ["fine"])
    result = face(harness_of(tiers), Request("go", metadata={"tier": "fast"}))
    assert result.metadata["failure_reason"] == "provider_refused"
    assert asked(providers) == [1, 0]


def test_where_no_tier_is_good_enough_the_best_answer_is_flagged(face: Any) -> None:
    """A21: never silent; a later tier that did worse, or failed, does not win."""
    metadata = {"task": "extraction", **EXPECTED}
    for last in (['{"name": ""}'], [fault.server_error()] * 3, ["no JSON"] * 3):
        _, tiers = models(['{"name": "Ad"}'], last)
        harness = harness_of(tiers, schema=PERSON, layers={"score": half})
        result = face(harness, Request("go", metadata=metadata))
        assert (result.success, result.unwrap(), result.score) == (True, {"name": "Ad"}, 0.5)
        assert (result.metadata["needs_review"], result.metadata["tier"]) == (True, "fast")
        assert (result.model, result.metadata["escalation"]) == ("m0", "quality")


def half(request: Request, value: Any) -> float:
    return 0.5 if value["name"] else 0.1


def test_a_spent_budget_never_reaches_a_model_that_costs_money(face: Any) -> None:
    """A17: the answer is kept and flagged, and what was spent is in the account of all runs."""
    providers, tiers = models(*[[BAD] * 3] * 4)
    budget = CostBudget(0.02)
    harness = harness_of(tiers, schema=PERSON, layers={"route": Routing(budget=budget)})
    request = Request("go", metadata={"tier": "balanced", **EXPECTED})
    first = face(harness, request)
    assert asked(providers) == [0, 1, 1, 0]
    assert (first.metadata["cost_usd"], first.metadata["escalation"]) == (0.01, "budget")
    assert first.metadata["needs_review"] is True
    face(harness, request)
    assert asked(providers) == [0, 2, 2, 0]
    assert budget.left_usd == 0.0
    third = face(harness, Request("go", metadata={"tier": "capable"}))
    assert asked(providers) == [0, 3, 2, 0]
    assert (third.metadata["tier"], third.metadata["cost_usd"]) == ("balanced", 0.0)


def test_without_any_free_tier_a_spent_budget_ends_the_run(face: Any) -> None:
    """The reason is in the closed list, and no model is asked."""
    provider = ScriptedProvider(["fine"])
    tiers = {"only": ModelTier("m", 100, 0.5, provider=provider)}
    routing = Routing(budget=CostBudget(0.1))
    result = face(harness_of(tiers, layers={"route": routing}), "go")
    assert (result.metadata["failure_reason"], result.metadata["layer"]) == ("budget_spent", "route")
    assert provider.prompts == []


def test_tokens_with_a_price_are_what_a_tier_costs() -> None:
    """The account goes by the price table where it knows the model, and by the call where it does not."""
    answer = Completion("fine", usage=Usage(1_000_000, 500_000))
    prices = PRICES.with_prices(Price("m0", 1.0, 2.0, source="contract", as_of="2026-11-01"))
    _, tiers = models([answer])
    harness = harness_of(tiers, layers={"route": Routing(prices=prices)})
    assert harness.run(Request("go", metadata={"tier": "fast"})).metadata["cost_usd"] == 2.0


def test_all_tiers_share_the_limit_of_model_calls(face: Any) -> None:
    """Retries, repairs and tiers count as iterations of one run."""
    providers, tiers = models(["no JSON"] * 9, ["no JSON"] * 9, ["no JSON"] * 9)
    config = HarnessConfig(max_iterations=5, stop_when_stuck=False)
    result = face(harness_of(tiers, schema=PERSON, config=config), Request("go", metadata={"tier": "fast"}))
    assert asked(providers) == [3, 2, 0]
    assert result.metadata["failure_reason"] == "max_iterations"


def test_a_tier_that_is_not_there_is_named() -> None:
    """A caller's mistake is an error at once."""
    _, tiers = models(["fine"])
    with pytest.raises(ConfigError, match="no tier has the name 'huge'"):
        harness_of(tiers).run(Request("go", metadata={"tier": "huge"}))


def test_a_score_that_fails_ends_nothing(face: Any) -> None:
    """The answer is valid without it, and the result says why it has none."""

    def broken(request: Request, value: Any) -> float:
        raise KeyError("name")

    result = face(Harness(ScriptedProvider(["fine"]), layers={"score": broken}), "go")
    assert (result.success, result.score) == (True, None)
    assert "name" in result.metadata["score_error"]
    assert result.metadata["needs_review"] is True


@pytest.mark.parametrize("score", [7, -0.1, float("nan"), "high"])
def test_a_score_that_is_none_is_no_score(face: Any, score: Any) -> None:
    """A judge that says nonsense accepts nothing silently."""
    _, tiers = models(["fine"], ["never asked"])
    layers: Any = {"score": lambda request, value: score}
    result = face(harness_of(tiers, layers=layers), Request("go", metadata={"tier": "fast"}))
    assert (result.score, result.metadata["needs_review"]) == (None, True)
    assert result.metadata["score_error"]


def test_a_score_may_ask_somebody() -> None:
    """A judge can be async, and can say more than a number."""

    async def judge(request: Request, value: Any) -> Any:
        return 0.9, {"because": "it rhymes"}

    result = Harness(ScriptedProvider(["fine"]), layers={"score": judge}).run("go")
    assert (result.score, result.metadata["because"]) == (0.9, "it rhymes")


def test_the_way_is_told_as_events() -> None:
    """Where the run started and why, and where it climbed."""
    _, tiers = models([BAD], [GOOD])

    async def events() -> list[Any]:
        request = Request("go", metadata={"task": "extraction", **EXPECTED})
        return [event async for event in harness_of(tiers, schema=PERSON).stream(request)]

    told = {event.kind: event.data for event in asyncio.run(events())}
    assert (told[EventKind.ROUTED]["tier"], told[EventKind.ROUTED]["why"]) == ("fast", "task")
    climbed = told[EventKind.ESCALATED]
    assert (climbed["tier"], climbed["to"], climbed["score"]) == ("fast", "balanced", 0.0)


@pytest.mark.parametrize("first", [BAD, "no JSON", fault.server_error()], ids=["low", "invalid", "down"])
def test_a_run_killed_anywhere_goes_on_at_the_tier_it_was_at(first: Any) -> None:
    """C4, B34: at every event: the same end, and at most the call that was under way is made again."""
    request = Request("go", session_id="s", metadata={"task": "extraction"})

    def process(log: Any) -> tuple[list[ScriptedProvider], Harness]:
        providers, tiers = models([first] * 9, ['{"name": "Ad"}'] * 9, [BAD] * 9)
        layers: Any = {"score": lambda request, value: {"Bob": 0.2, "Ad": 0.6}[value["name"]]}
        return providers, harness_of(tiers, schema=PERSON, session_log=log, layers=layers)

    async def sweep() -> None:
        whole = MemorySessionLog()
        providers, harness = process(whole)
        expected = await harness.arun(request)
        calls = sum(asked(providers))
        assert (expected.unwrap(), expected.metadata["tier"]) == ({"name": "Ad"}, "balanced")
        events = [event async for _, event in whole.read("s")]
        for killed_after in range(1, len(events)):
            log = MemorySessionLog()
            for seq, event in enumerate(events[:killed_after]):
                await log.append("s", seq, event)
            answered = sum(
                event.kind in (EventKind.PROVIDER_ANSWER, EventKind.PROVIDER_FAILED)
                for event in events[:killed_after]
            )
            providers, harness = process(log)
            result = await harness.aresume("s")
            for name in ("tier", "escalation", "needs_review"):
                assert result.metadata[name] == expected.metadata[name], killed_after
            assert (result.unwrap(), result.model) == ({"name": "Ad"}, "m1")
            assert calls - answered <= sum(asked(providers)) <= calls - answered + 1

    asyncio.run(sweep())


def test_the_file_names_the_tiers(tmp_path: Path) -> None:
    """D17, D28: with their providers, and the line of a mistake."""
    path = tmp_path / "harness.yaml"
    path.write_text(
        "provider: {name: ollama}\n"
        "tiers:\n"
        "  fast: {model: 'qwen3:4b', max_tokens: 512}\n"
        "  best: {model: claude-sonnet-5, max_tokens: 4096, cost_per_call: 0.01, cloud: true, provider: claude}\n"
    )
    routes = Harness.from_config(path)._orchestrator.parts.routes
    assert routes is not None
    assert [endpoint.name for endpoint in routes.endpoints.values()] == [
        "ollama/qwen3:4b",
        "anthropic/claude-sonnet-5",
    ]
    path.write_text("provider: {name: ollama}\ntiers:\n  fast: {model: 'qwen3:4b'}\n")
    with pytest.raises(ConfigError, match="max_tokens") as caught:
        Harness.from_config(path)
    assert caught.value.where == f"{path}:3"


def test_the_threshold_is_a_rule() -> None:
    """A19: an answer's own confidence, accepted at 0.8."""
    for confidence, count in ((0.8, 1), (0.79, 2)):
        providers, tiers = models([json.dumps({"name": "a", "sure": confidence})], [GOOD])
        rules = Routing(escalation=EscalationRules(0.8))
        score = {"score": lambda request, value: value.get("sure", 1.0), "route": rules}
        harness_of(tiers, schema=PERSON, layers=score).run(Request("go", metadata={"tier": "fast"}))
        assert sum(asked(providers)) == count
