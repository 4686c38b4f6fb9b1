"""The provider contract can fail: each broken adapter is caught by the clause made for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.providers.scripted import Answer, ScriptedProvider
from pytest_llmharness.contracts import ProviderContract
from pytest_llmharness.domain import fault
from pytest_llmharness.domain.completion import Chunk, Completion
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.tool import ToolCall
from pytest_llmharness.domain.usage import Timing, Usage
from pytest_llmharness.errors import ProviderError, RateLimited
from pytest_llmharness.ports.provider import Provider

pytest_plugins = ["pytester"]


def obedient(prompt: Prompt) -> Answer:
    """Answer any prompt as a good model would."""
    if prompt.options.output_schema is not None:
        return json.dumps({"answer": "yes", "sure": True})
    if prompt.options.json_mode:
        return "{}"
    if prompt.tools and prompt.messages[-1].role != "tool":
        return [ToolCall("get_weather", {"city": "Paris"}), ToolCall("get_weather", {"city": "Bonn"})]
    if prompt.options.max_tokens == 2:
        return Completion("two tokens", finish="length", usage=Usage(5, 2), model="scripted")
    return "Tokens are the pieces a text is cut into."


class Good(ScriptedProvider):
    """The adapter that the broken ones are made from."""

    def __init__(self) -> None:
        super().__init__([obedient] * 32, clock=VirtualClock())


class Altered(Good):
    """Alters whole answers; streams are cut from the altered answer."""

    def alter(self, answer: Completion) -> Completion:
        return answer

    async def complete(self, prompt: Prompt) -> Completion:
        return self.alter(await super().complete(prompt))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        whole = await self.complete(prompt)
        async for chunk in ScriptedProvider([whole]).stream(prompt):
            yield chunk


class LosesToolIds(Altered):
    def alter(self, answer: Completion) -> Completion:
        return replace(answer, tool_calls=tuple(replace(call, id=None) for call in answer.tool_calls))


class RepeatsToolIds(Altered):
    def alter(self, answer: Completion) -> Completion:
        return replace(answer, tool_calls=tuple(replace(call, id="same") for call in answer.tool_calls))


class ForgetsToolFinish(Altered):
    def alter(self, answer: Completion) -> Completion:
        return replace(answer, finish="stop")


class CountsNothing(Altered):
    def alter(self, answer: Completion) -> Completion:
        return replace(answer, usage=Usage())


class TellsNoModel(Altered):
    def alter(self, answer: Completion) -> Completion:
        return replace(answer, model="")


class TimesBackwards(Altered):
    def alter(self, answer: Completion) -> Completion:
        return replace(answer, timing=Timing(ttft_ms=2.0, total_ms=1.0))


class IgnoresMaxTokens(Good):
    async def complete(self, prompt: Prompt) -> Completion:
        return await super().complete(replace(prompt, options=replace(prompt.options, max_tokens=None)))


class IgnoresSchema(Good):
    async def complete(self, prompt: Prompt) -> Completion:
        options = replace(prompt.options, output_schema=None, json_mode=True)
        return await super().complete(replace(prompt, options=options))


class IgnoresJsonMode(Good):
    async def complete(self, prompt: Prompt) -> Completion:
        return await super().complete(replace(prompt, options=replace(prompt.options, json_mode=False)))


class WritesIntoThePrompt(Good):
    async def complete(self, prompt: Prompt) -> Completion:
        if isinstance(prompt.options.output_schema, dict):
            prompt.options.output_schema["additionalProperties"] = False
            prompt.options.output_schema["title"] = "answer"
        return await super().complete(prompt)


class EndsTwice(Good):
    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().stream(prompt):
            yield chunk
            if chunk.finish:
                yield chunk


class GoesOnAfterTheEnd(Good):
    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().stream(prompt):
            yield chunk
        yield Chunk(text="one more thing")


class DropsAChunk(Good):
    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        number = 0
        async for chunk in super().stream(prompt):
            number += 1
            if number != 2:
                yield chunk


class IsTiedToOneLoop(Good):
    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def complete(self, prompt: Prompt) -> Completion:
        self._loop = self._loop or asyncio.get_running_loop()
        if self._loop is not asyncio.get_running_loop():
            return Completion("")
        return await super().complete(prompt)


class StaysClosed(Good):
    closed = False

    async def complete(self, prompt: Prompt) -> Completion:
        return Completion("") if self.closed else await super().complete(prompt)

    async def aclose(self) -> None:
        self.closed = True


class LosesOneOfMany(Good):
    async def complete(self, prompt: Prompt) -> Completion:
        answer = await super().complete(prompt)
        return replace(answer, text="") if len(self.prompts) == 5 else answer


class LeavesAStreamRunning(Good):
    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self._pump = asyncio.ensure_future(asyncio.Event().wait())
        async for chunk in super().stream(prompt):
            yield chunk


class Slow(ScriptedProvider):
    """The hanging adapter that the broken slow ones are made from."""

    def __init__(self) -> None:
        super().__init__([fault.hang()] * 4, clock=SystemClock())


class IgnoresTimeout(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        return await super().complete(replace(prompt, options=Options(timeout_s=None)))


class AnswersAfterTimeout(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        return Completion("too late")


class SwallowsCancellation(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        try:
            return await super().complete(prompt)
        except asyncio.CancelledError:
            return Completion("cancelled")


class MisnamesCancellation(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        try:
            return await super().complete(prompt)
        except asyncio.CancelledError as error:
            raise RateLimited("cancelled", where="here", fix="wait") from error


class LeavesTheCallRunning(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        self._call = asyncio.ensure_future(super().complete(prompt))
        return await asyncio.shield(self._call)


class RaisesTheRoot(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        raise ProviderError("failed", where="here", fix="retry", provider="scripted")


class ForgetsItsName(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        raise RateLimited("failed", where="here", fix="retry")


class LosesFactsInPickle(RateLimited):
    def __reduce__(self) -> tuple[Any, ...]:
        return LosesFactsInPickle._again, ()

    @staticmethod
    def _again() -> LosesFactsInPickle:
        return LosesFactsInPickle("lost", where="here", fix="retry", provider="scripted")


class CannotTravel(Slow):
    async def complete(self, prompt: Prompt) -> Completion:
        raise LosesFactsInPickle("failed", where="here", fix="retry", provider="scripted")


class Clauses(ProviderContract):
    patience_s = 0.1
    deterministic = True


BROKEN = [
    (LosesToolIds, "test_tool_round_trip", "a call has no id"),
    (LosesToolIds, "test_streamed_tool_call", "a call has no id"),
    (RepeatsToolIds, "test_tool_round_trip", "share an id"),
    (ForgetsToolFinish, "test_tool_round_trip", "finish is 'stop' where tools were called"),
    (CountsNothing, "test_reports_usage", "Usage.tokens_in is 0"),
    (TellsNoModel, "test_answers_with_text", "must name the model"),
    (TimesBackwards, "test_times_the_call", "ttft_ms is 2.0"),
    (TimesBackwards, "test_stream_times_the_first_token", "ttft_ms is 2.0"),
    (IgnoresMaxTokens, "test_honours_max_tokens", "after max_tokens=2"),
    (IgnoresSchema, "test_output_schema_is_satisfied", "breaks the schema"),
    (IgnoresJsonMode, "test_json_mode_gives_json", "no JSON"),
    (WritesIntoThePrompt, "test_leaves_the_prompt_alone", "wrote into the prompt"),
    (EndsTwice, "test_stream_has_one_terminal_chunk", "2 chunks carry a finish"),
    (GoesOnAfterTheEnd, "test_stream_has_one_terminal_chunk", "must be the last"),
    (DropsAChunk, "test_stream_adds_up_to_a_completion", "do not add up"),
    (IsTiedToOneLoop, "test_serves_two_loops_in_turn", "one client per loop"),
    (StaysClosed, "test_works_again_after_aclose", "reconnect after aclose"),
    (LosesOneOfMany, "test_eight_calls_at_once", "lost its text"),
    (LeavesAStreamRunning, "test_stream_can_be_closed_early", "still running"),
    (IgnoresTimeout, "test_timeout_cancels", "nothing happened for 0.1 s. Enforce options.timeout_s"),
    (AnswersAfterTimeout, "test_timeout_cancels", "and yet"),
    (LeavesTheCallRunning, "test_cancellation_propagates", "still running"),
    (SwallowsCancellation, "test_cancellation_propagates", "cancellation was swallowed"),
    (MisnamesCancellation, "test_cancellation_propagates", "cancellation was swallowed"),
    (RaisesTheRoot, "test_failure_is_a_named_error", "raise a leaf"),
    (ForgetsItsName, "test_failure_is_a_named_error", "names the provider ''"),
    (CannotTravel, "test_failure_is_a_named_error", "when it is pickled"),
]


@pytest.mark.parametrize(("broken", "clause", "lesson"), BROKEN)
def test_clause_catches_its_bug(broken: Callable[[], Provider], clause: str, lesson: str) -> None:
    """The clause fails on the adapter broken for it, and says what to mend."""
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(Clauses(), clause)(broken())
    assert lesson in str(caught.value)


def test_every_clause_has_a_bug_or_a_reason() -> None:
    """No clause is without an adapter that breaks it, but for those whose bugs others catch."""
    same_bug_in_a_stream = {
        "test_timeout_cancels_a_stream",
        "test_cancellation_propagates_from_a_stream",
        "test_timeout_error_explains_itself",
        "test_same_prompt_same_answer",
        "test_has_a_name",
    }
    clauses = {name for name in dir(ProviderContract) if name.startswith("test_")}
    assert clauses == {clause for _, clause, _ in BROKEN} | same_bug_in_a_stream


def test_good_adapter_passes_every_clause() -> None:
    """What the broken adapters are made from is not broken."""
    for clause in sorted({clause for kind, clause, _ in BROKEN if issubclass(kind, Good)}):
        getattr(Clauses(), clause)(Good())


def test_flags_and_known_failures(pytester: pytest.Pytester) -> None:
    """A missing capability skips with the flag, a known failure is expected, and reported once mended."""
    pytester.makepyfile(
        test_mine="""
        import pytest
        from pytest_llmharness.adapters.providers.scripted import ScriptedProvider
        from pytest_llmharness.contracts import ProviderContract

        class TestMine(ProviderContract):
            supports_tools = supports_json_mode = supports_json_schema = supports_streaming = False
            known_failures = {
                "test_honours_max_tokens": "the server knows no limit",
                "test_has_a_name": "was mended long ago",
            }

            @pytest.fixture
            def provider(self):
                return ScriptedProvider(["words enough"] * 16)

            @pytest.fixture
            def slow_provider(self):
                pytest.skip("is never slow")

        class TestNothing(ProviderContract):
            pass
        """
    )
    without = [
        f"-pno:{plugin}" for plugin in ("asyncio", "anyio", "cacheprovider", "hypothesispytest", "llmharness")
    ]
    ran = pytester.runpytest_inprocess("-rsxf", *without, "-k", "TestMine or has_a_name")
    ran.stdout.fnmatch_lines(
        [
            "*TestMine.supports_tools is False*",
            "*XFAIL*test_honours_max_tokens*the server knows no limit*",
            "*FAILED*TestMine::test_has_a_name*",
        ],
        consecutive=False,
    )
    ran.stdout.fnmatch_lines(["*define the fixture `provider` in TestNothing*"])
    outcomes = ran.parseoutcomes()
    assert (outcomes["passed"], outcomes["xfailed"], outcomes["failed"], outcomes["errors"]) == (7, 1, 1, 1)
