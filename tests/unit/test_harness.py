"""The loop: prompt, call, tools, check, repair, result; in virtual time."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    HarnessError,
    LLMResult,
    MaxRetriesExceeded,
    Message,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.domain.event import EventKind
from pytest_llmharness.domain.result import FailureReason
from pytest_llmharness.errors import ConfigError, ProviderError

PRIORITY = {
    "type": "object",
    "properties": {"priority": {"type": "integer"}},
    "required": ["priority"],
}
CONTRACT = {
    "type": "object",
    "properties": {"damage_cap": {"type": ["number", "null"]}},
    "required": ["damage_cap"],
}


def run(
    steps: list[Any], text: Request | str = "go", **settings: Any
) -> tuple[LLMResult, ScriptedProvider, VirtualClock]:
    """Run one request on a script, in virtual time."""
    provider, clock = ScriptedProvider(steps), VirtualClock()
    return Harness(provider, clock=clock, **settings).run(text), provider, clock


def test_result_has_article_000s_ten_fields() -> None:
    """A3: content to metadata, with their defaults."""
    assert LLMResult.__slots__ == (
        "content", "model", "tokens_in", "tokens_out", "duration_ms", "ttft_ms", "success", "retries", "score", "metadata",
    )  # fmt: skip
    result = LLMResult("x", "m", 0, 0, 0.0, 0.0, success=True)
    assert (result.retries, result.score, result.metadata) == (0, None, {})


def test_config_defaults_are_pinned() -> None:
    """A4: article 000's fields and defaults."""
    config = HarnessConfig()
    assert (config.model, config.temperature, config.max_tokens, config.json_mode) == (
        "qwen2.5-coder:7b", 0.0, 1024, False,
    )  # fmt: skip
    assert (config.timeout_seconds, config.max_retries, config.retry_delay_seconds) == (120, 2, 1.0)


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -1}, {"max_tokens": 0}, {"max_tokens": 1.5}, {"max_retries": -1}, {"timeout_seconds": float("nan")},
        {"retry_delay_seconds": "1"}, {"model": ""}, {"json_mode": 1}, {"structured_output": "often"}, {"max_iterations": 0},
        {"max_tool_depth": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_that_cannot_work_fails_at_the_door(setting: dict[str, Any]) -> None:
    """The error names the key, its value and its default."""
    name = next(iter(setting))
    with pytest.raises(ConfigError) as caught:
        HarnessConfig(**setting)
    assert caught.value.where == f"HarnessConfig.{name}"
    assert "default" in caught.value.fix


def test_settings_reach_the_model() -> None:
    """Model, temperature, max_tokens and json_mode are what the provider is asked with."""
    provider = ScriptedProvider(["ok"], model=None)
    config = HarnessConfig(model="m1", temperature=0.5, max_tokens=7, json_mode=True)
    Harness(provider, clock=VirtualClock(), config=config).run("go")
    options = provider.prompts[0].options
    assert (options.model, options.temperature, options.max_tokens, options.json_mode) == ("m1", 0.5, 7, True)


def test_valid_output_costs_one_call() -> None:
    """A9: nothing is retried blindly."""
    result, provider, clock = run(['{"priority": 3}'], schema=PRIORITY)
    assert result.unwrap() == {"priority": 3}
    assert (len(provider.prompts), result.retries, clock.now()) == (1, 0, 0.0)


def test_repair_prompt_carries_the_output_and_the_violation() -> None:
    """A12, B25: article 001's message, word for word; the second attempt passes."""
    result, provider, _ = run(['{"damage_cap": "$500,000"}', '{"damage_cap": 500000}'], schema=CONTRACT)
    assert result.unwrap() == {"damage_cap": 500000}
    assert result.retries == 1
    said, asked = provider.prompts[1].messages[-2:]
    assert said == Message.assistant('{"damage_cap": "$500,000"}')
    assert asked.text == (
        "Your previous output was invalid because: Validation error: field 'damage_cap' must be a number "
        "(e.g., 500000), not a currency string. Please retry."
    )


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        ('{"priority": 3}', []),
        ('Here you are:\n```json\n{"priority": 3}\n```\nAnything else?', ["code_fence", "text_around"]),
        ('<think>Is it {"priority": 1}? No.</think>{"priority": 3}', []),
        ("{'priority': 3,} // done", ["single_quotes", "extra_comma", "comment"]),
    ],
)
def test_a_readable_answer_is_no_reason_to_ask_again(answer: str, rules: list[str]) -> None:
    """Fences, prose, thinking and notation are passed in one call; the receipts name each change."""
    result, provider, _ = run([answer], schema=PRIORITY)
    assert result.unwrap() == {"priority": 3}
    assert len(provider.prompts) == 1
    assert result.content == answer
    assert {edit.rule for edit in result.metadata["edits"]} == set(rules)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('{"priority": 3', "the JSON is damaged or cut off (missing bracket at byte 14)"),
        ('{"priority": 1} or rather {"priority": 2}', "(superseded document at byte 0)"),
        ('```json\n{"priority": "high"}\n```', "'priority'"),
        ("no", "JSON"),
    ],
)
def test_a_guess_is_no_answer(answer: str, problem: str) -> None:
    """What is cut off, doubtful or wrong is asked again, and the prompt says what was wrong with it."""
    result, provider, _ = run([answer, '{"priority": 3}'], schema=PRIORITY)
    assert (result.unwrap(), result.retries) == ({"priority": 3}, 1)
    assert problem in provider.prompts[1].messages[-1].text


def test_without_the_core_an_answer_is_plain_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fallback judges JSON; what needs reading is asked again."""
    monkeypatch.setitem(sys.modules, "pytest_llmharness._native._core", None)
    monkeypatch.delattr("pytest_llmharness._native._core", raising=False)
    result, _, _ = run(['```json\n{"priority": 3}\n```', '{"priority": 3}'], schema=PRIORITY)
    assert (result.unwrap(), result.retries, result.metadata["edits"]) == ({"priority": 3}, 1, ())


@pytest.mark.parametrize("letter", ["x", "ä"])
def test_a_very_long_answer_is_not_sent_back_whole(letter: str) -> None:
    """B25: five megabytes go back as their two ends and what stands around the fault, and the prompt says so."""
    bad = f'{{"why": "{letter * 2_500_000}", "damage_cap": "$500,000", "then": "{letter * 2_500_000}"}}'
    result, provider, _ = run([bad, '{"damage_cap": 500000}'], schema=CONTRACT)
    assert result.success
    shown, asked = (message.text for message in provider.prompts[1].messages[-2:])
    assert 8_000 < len(shown) < 15_000
    assert shown.startswith('{"why"')
    assert shown.endswith('"}')
    assert '"damage_cap": "$500,000"' in shown
    assert shown.count("characters are left out here") == 2
    assert "5,000,0" in asked
    assert "only its beginning, its end and what stands around the faults is repeated" in asked


def test_a_long_answer_is_sent_back_as_it_was() -> None:
    """Nothing is left out where it fits, and a complaint that goes on and on is cut short."""
    bad = "x" * 14_000

    def complain(value: Any) -> str:
        return "too long: " + value

    _, provider, _ = run([bad, bad, bad], validators=[complain])
    shown, asked = (message.text for message in provider.prompts[1].messages[-2:])
    assert shown == bad
    assert len(asked) < 3_000


def test_no_two_retry_prompts_are_equal() -> None:
    """A12: equal bad answers still change the prompt."""
    _, provider, _ = run(["no"] * 3, schema=PRIORITY)
    assert len({prompt.messages for prompt in provider.prompts}) == 3


def test_three_attempts_then_max_retries_exceeded() -> None:
    """A8, A10, A11, B27: three calls, two pauses, a named reason, the last violation chained."""
    result, provider, clock = run(["no", "still no", "never"], schema=PRIORITY)
    assert (len(provider.prompts), result.retries, clock.now()) == (3, 2, 2.0)
    assert (result.success, result.content) == (False, "never")
    assert result.metadata["failure_reason"] == "validation_failed_after_retries"
    with pytest.raises(MaxRetriesExceeded) as caught:
        result.unwrap()
    assert isinstance(caught.value.__cause__, HarnessError)


def test_a_hanging_model_ends_at_its_timeout() -> None:
    """A7: 120 virtual seconds, and the cancellation reaches the provider."""
    cancelled = []

    class Hanging(ScriptedProvider):
        async def complete(self, prompt):
            try:
                return await super().complete(prompt)
            except asyncio.CancelledError:
                cancelled.append(prompt)
                raise

    clock = VirtualClock()
    result = Harness(Hanging([fault.hang()]), clock=clock, config=HarnessConfig(max_retries=0)).run("go")
    assert result.metadata["failure_reason"] == "timeout"
    assert (clock.now(), len(cancelled)) == (120.0, 1)


@pytest.mark.parametrize(
    ("step", "calls", "reason"),
    [
        (fault.server_error(503), 3, "provider_unavailable"),
        (fault.refuse_connection(), 3, "provider_unavailable"),
        (fault.rate_limit(), 3, "rate_limited"),
        (fault.hang(), 3, "timeout"),
    ],
    ids=str,
)
def test_transport_failures_are_retried_with_an_equal_prompt(step: Any, calls: int, reason: str) -> None:
    """A6, A8, A11: bounded, byte-equal, and never raised."""
    result, provider, _ = run([step] * 3)
    assert (result.success, len(provider.prompts), result.metadata["failure_reason"]) == (
        False,
        calls,
        reason,
    )
    assert len({prompt.messages for prompt in provider.prompts}) == 1
    assert (result.content, result.tokens_in, result.tokens_out) == (str(result.metadata["error"]), 0, 0)


def test_retry_after_is_honoured() -> None:
    """The server's wish wins where it is longer than the delay."""
    result, _, clock = run([fault.rate_limit(retry_after=30), "ok"])
    assert (result.content, result.retries, clock.now()) == ("ok", 1, 30.0)


def test_whatever_a_provider_raises_is_a_result() -> None:
    """A6: a stranger's exception costs one call and ends in content=str(e)."""

    def broken(prompt):
        raise KeyError("choices")

    result, provider, _ = run([broken])
    assert (result.success, len(provider.prompts)) == (False, 1)
    assert "choices" in result.content
    assert result.metadata["failure_reason"] == "provider_refused"


def test_an_empty_request_reaches_no_model() -> None:
    """A2: invalid input is a named error and costs no call."""
    result, provider, _ = run([], "   ")
    assert (result.success, result.metadata["failure_reason"], provider.prompts) == (
        False,
        "invalid_request",
        [],
    )
    with pytest.raises(HarnessError, match="no text"):
        result.unwrap()


def test_an_exhausted_script_is_loud() -> None:
    """A mistake of the test is raised, not reported as the model's failure."""
    with pytest.raises(ConfigError, match="0 steps"):
        run([])


def test_a_string_a_validator_returns_is_a_problem() -> None:
    """B23: what the schema cannot say, a function says."""

    def positive(value: Any) -> str | None:
        return None if value["priority"] > 0 else "priority must be positive"

    result, provider, _ = run(['{"priority": -1}', '{"priority": 1}'], schema=PRIORITY, validators=[positive])
    assert result.unwrap() == {"priority": 1}
    assert "priority must be positive" in provider.prompts[1].messages[-1].text


@pytest.mark.parametrize(
    ("mode", "constrained"),
    [("always", [True, True]), ("on_repair", [False, True]), ("never", [False, False])],
)
def test_structured_output_says_when_the_decoder_gets_the_schema(mode: Any, constrained: list[bool]) -> None:
    """Each mode is seen on the wire of both calls."""
    config = HarnessConfig(structured_output=mode)
    _, provider, _ = run(["no", '{"priority": 1}'], schema=PRIORITY, config=config)
    assert [prompt.options.output_schema is not None for prompt in provider.prompts] == constrained
    assert '"priority"' in provider.prompts[0].messages[0].text


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def fail() -> str:
    """Fail."""
    raise OSError("disk on fire")


def test_tools_run_and_answer_in_order() -> None:
    """C12: the results come back by id in the order of the calls, a failing tool among them."""
    calls = [
        ToolCall("add", {"a": 1, "b": 2}),
        ToolCall("fail"),
        ToolCall("nope"),
        ToolCall("add", {"a": "1"}),
    ]
    result, provider, _ = run([calls, "done"], tools=[add, fail])
    assert result.content == "done"
    answers = provider.prompts[1].messages[-4:]
    assert [message.tool_call_id for message in answers] == ["call_1", "call_2", "call_3", "call_4"]
    assert answers[0].text == "3"
    assert answers[1].text == "Error: OSError: disk on fire"
    assert answers[2].text.startswith("Error: unknown tool 'nope'")
    assert answers[3].text.startswith("Error: invalid arguments")


@tool
async def hang() -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(("settings", "limit"), [({}, 30), ({"tool_timeout_seconds": 2.5}, 2.5)])
def test_a_tool_that_hangs_is_cancelled(settings: dict[str, Any], limit: float) -> None:
    """D18: after 30 virtual seconds the model is told, and the other tool's answer is kept."""
    calls = [ToolCall("hang"), ToolCall("add", {"a": 1, "b": 2})]
    result, provider, clock = run([calls, "done"], tools=[hang, add], config=HarnessConfig(**settings))
    assert result.content == "done"
    told = [message.text for message in provider.prompts[1].messages[-2:]]
    assert told == [f"Error: TimeoutError: the tool did not answer within {limit:g} s", "3"]
    assert clock.now() == pytest.approx(limit)


def test_a_tool_may_leave_the_program() -> None:
    """SystemExit is no answer: it reaches the caller, and the harness works on."""

    @tool
    def leave() -> str:
        """Exit."""
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        run([ToolCall("leave")], tools=[leave])
    assert caught.value.code == 3
    assert run(["fine"])[0].content == "fine"


@dataclass
class Point:
    x: int
    y: float


class Ticket(BaseModel):
    opened: date


KNOT: list[Any] = []
KNOT.append(KNOT)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ({"a": [1, "ü"]}, '{"a": [1, "ü"]}'),
        ([Point(1, 0.5)], '[{"x": 1, "y": 0.5}]'),
        (Ticket(opened=date(2026, 1, 2)), '{"opened": "2026-01-02"}'),
        ({2, 1}, "[1, 2]"),
        (date(2026, 1, 2), '"2026-01-02"'),
        (b"caf\xc3\xa9 \xff", '"café \ufffd"'),
        (object(), "Error: TypeError: object has no JSON form; a tool returns text or JSON data"),
        ({(1, 2): 3}, "Error: TypeError: keys must be str, int, float, bool or None, not tuple"),
        (KNOT, "Error: ValueError: Circular reference detected"),
        (DEEP, "Error: RecursionError: "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_tool_returns_reaches_the_model(value: Any, told: str) -> None:
    """As text or JSON; what has neither is the tool's failure, never the run's."""

    @tool
    def give() -> Any:
        """Give it."""
        return value

    result, provider, _ = run([ToolCall("give"), "done"], tools=[give])
    assert result.content == "done"
    text = provider.prompts[1].messages[-1].text
    assert text == told or (told.endswith(" ") and text.startswith(told))


@pytest.mark.parametrize(("own", "asked"), [("mine", "mine"), (None, "theirs")])
def test_the_model_asked_is_the_providers_own_or_the_settings(own: str | None, asked: str) -> None:
    """A provider that names its model is asked for it; else the settings say which."""
    provider = ScriptedProvider(["fine"], model=own or "")
    provider.model = own
    Harness(provider, config=HarnessConfig(model="theirs"), clock=VirtualClock()).run("go")
    assert provider.prompts[0].options.model == asked


def test_tool_rounds_are_bounded() -> None:
    """D17.7: the fourth round is refused and the result says which limit it was."""
    result, provider, _ = run([ToolCall("add", {"a": 1, "b": 2})] * 9, tools=[add])
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("max_tool_depth", 4)


def test_iterations_are_bounded() -> None:
    """D17.8: with room for tools, the eleventh call is never made."""
    config = HarnessConfig(max_tool_depth=10)
    result, provider, _ = run([ToolCall("add", {"a": 1, "b": 2})] * 19, tools=[add], config=config)
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("max_iterations", 10)


def test_stream_yields_text_repairs_and_the_result() -> None:
    """The same run, seen while it happens."""
    harness = Harness(ScriptedProvider(["nope", '{"priority": 3}']), schema=PRIORITY, clock=VirtualClock())

    async def collect() -> list[Any]:
        return [event async for event in harness.stream("go")]

    events = asyncio.run(collect())
    kinds = [event.kind for event in events]
    assert kinds[0] is EventKind.ORCHESTRATE_START
    assert kinds[-1] is EventKind.ORCHESTRATE_COMPLETE
    assert EventKind.REPAIR in kinds
    text = "".join(event.data["text"] for event in events if event.kind is EventKind.TEXT_DELTA)
    assert text == 'nope{"priority": 3}'
    assert events[-1].data["result"].unwrap() == {"priority": 3}


def test_closing_a_stream_early_closes_the_providers() -> None:
    """Leaving cancels the model call."""
    closed = []

    class Watched(ScriptedProvider):
        async def stream(self, prompt):
            try:
                async for chunk in super().stream(prompt):
                    yield chunk
            finally:
                closed.append(True)

    harness = Harness(Watched(["a long answer in many chunks"]), clock=VirtualClock())

    async def leave() -> list[bool]:
        events = harness.stream("go")
        async for event in events:
            if event.kind is EventKind.TEXT_DELTA:
                break
        await events.aclose()
        return list(closed)

    assert asyncio.run(leave()) == [True]


def test_the_sync_face_works_inside_a_loop_and_from_threads() -> None:
    """One harness, used three ways."""
    harness = Harness(ScriptedProvider(["a", "b", "c", "d"]), clock=VirtualClock())

    async def inside() -> LLMResult:
        return harness.run("go")

    results = [harness.run("go"), asyncio.run(inside())]
    threads = [threading.Thread(target=lambda: results.append(harness.run("go"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.content for result in results) == ["a", "b", "c", "d"]


def test_history_and_session_are_kept() -> None:
    """Earlier turns are sent in order, and the session's name comes back."""
    request = Request("now", history=(Message.user("before"), Message.assistant("yes")), session_id="s1")
    result, provider, _ = run(["ok"], request, system="be brief")
    assert [message.text for message in provider.prompts[0].messages] == ["be brief", "before", "yes", "now"]
    assert result.metadata["session_id"] == "s1"


@pytest.mark.parametrize("script", [["ok"], [fault.server_error()] * 3], ids=["success", "failure"])
def test_what_a_request_carries_comes_back(script: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """A28: its metadata is in the result, apart from the run's own, and its task is in the log."""
    caplog.set_level("INFO", "llm-harness")
    metadata = {"task": "triage", "ticket": 7, "failure_reason": "none of ours"}
    result, _, _ = run(script, Request("go", metadata=metadata), config=HarnessConfig(enable_tracing=True))
    assert result.metadata["request"] == metadata
    assert result.metadata.get("failure_reason") == (None if result.success else "provider_unavailable")
    calls = [record for record in caplog.records if record.getMessage() == "llm_call"]
    assert [vars(record)["task"] for record in calls] == ["triage"]


def test_a_request_of_the_wrong_kind_is_refused() -> None:
    """A number is no request."""
    with pytest.raises(ConfigError, match="int is no request"):
        run([], 3)  # type: ignore[arg-type]


def test_failure_reasons_are_a_closed_list() -> None:
    """Every reason the loop can give is in the enum, once."""
    assert len({reason.value for reason in FailureReason}) == len(FailureReason)


def test_provider_error_is_the_unwrapped_error() -> None:
    """unwrap() raises what the provider raised."""
    result, _, _ = run([fault.server_error()] * 3)
    with pytest.raises(ProviderError, match="500"):
        result.unwrap()
