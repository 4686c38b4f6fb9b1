"""The scripted model: what each kind of step does, and that it is as strict as a real one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.providers.scripted import ScriptedProvider, Step
from pytest_llmharness.domain import fault
from pytest_llmharness.domain.completion import Chunk, ChunkCollector, Completion
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.tool import ToolCall
from pytest_llmharness.domain.usage import Timing, Usage
from pytest_llmharness.errors import (
    ConfigError,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    ScriptExhausted,
    StreamBroken,
)

PROMPT = Prompt((Message.user("one two three"),))


def ask(model: ScriptedProvider, prompt: Prompt = PROMPT) -> Completion:
    return asyncio.run(model.complete(prompt))


async def chunks_of(model: ScriptedProvider, prompt: Prompt = PROMPT) -> list[Chunk]:
    return [chunk async for chunk in model.stream(prompt)]


def test_text_is_an_answer() -> None:
    """A string is a text answer with word counts and the model's name."""
    answer = ask(ScriptedProvider(["hello there"]))
    assert answer == Completion("hello there", usage=Usage(3, 2), timing=Timing(0.0, 0.0), model="scripted")


def test_one_call_and_several_are_tool_turns() -> None:
    """Calls without an id get one, calls with an id keep theirs."""
    add, named = ToolCall("add", {"a": 1}), ToolCall("add", {"a": 2}, "mine")
    model = ScriptedProvider([add, [add, named, add]])
    one, three = ask(model), ask(model)
    assert one.tool_calls == (ToolCall("add", {"a": 1}, "call_1"),)
    assert [call.id for call in three.tool_calls] == ["call_1", "mine", "call_3"]
    assert one.finish == three.finish == "tool_calls"


def test_completion_is_taken_as_it_is() -> None:
    """A completion is not touched."""
    given = Completion("x", finish="length", usage=Usage(7, 8), model="other")
    assert ask(ScriptedProvider([given])) is given


def test_function_sees_the_prompt() -> None:
    """A function answers by the prompt, and prompts are kept in order."""
    model = ScriptedProvider([lambda prompt: prompt.messages[-1].text.upper(), "second"])
    other = Prompt((Message.user("more"),))
    assert (ask(model).text, ask(model, other).text) == ("ONE TWO THREE", "second")
    assert model.prompts == [PROMPT, other]
    assert model.remaining == 0


def test_exhausted_script_says_which_call_asked() -> None:
    """A call beyond the script names its number and the last message."""
    model = ScriptedProvider(["only one"])
    ask(model)
    with pytest.raises(ScriptExhausted) as caught:
        ask(model)
    assert "has 1 step, and call 2" in caught.value.what
    assert "one two three" in caught.value.where
    with pytest.raises(ScriptExhausted):
        asyncio.run(chunks_of(model))


@pytest.mark.parametrize(
    ("script", "what", "fix"),
    [
        ("hello", "a script is a list of steps, not 'hello'", "ScriptedProvider(['hello'])"),
        ({"n": 1}, "a script is a list of steps, not {'n': 1}", "a step is text"),
        (7, "a script is a list of steps, not 7", "a step is text"),
        (["a", None], "step 2 of the script is None", "a step is text"),
        ([{"n": 1}], "step 1 of the script is {'n': 1}", "json.dumps(...)"),
        ([b"x"], "step 1 of the script is b'x'", "a step is text"),
        ([[]], "step 1 of the script is []", "a step is text"),
        ([["a", "b"]], "step 1 of the script is ['a', 'b']", "json.dumps(...)"),
    ],
)
def test_a_script_that_is_none_is_refused_at_once(script: Any, what: str, fix: str) -> None:
    """The step is named before any model is called."""
    with pytest.raises(ConfigError) as caught:
        ScriptedProvider(script)
    assert caught.value.what.startswith(what)
    assert fix in caught.value.fix


def test_a_function_that_returns_no_step_is_named() -> None:
    """It is known only when it is called."""
    with pytest.raises(ConfigError, match="step 1 of the script returned None"):
        ask(ScriptedProvider([lambda prompt: None]))


@pytest.mark.parametrize(
    ("step", "kind", "facts"),
    [
        (fault.rate_limit(2.5), RateLimited, {"status": 429, "retry_after_s": 2.5}),
        (fault.server_error(503), ProviderUnavailable, {"status": 503}),
        (fault.refuse_connection(), ProviderUnavailable, {"status": None}),
        (fault.cut("half an an"), StreamBroken, {"partial": "half an an"}),
    ],
)
def test_fault_raises_its_error(step: fault.Fault, kind: type[ProviderError], facts: dict[str, Any]) -> None:
    """Each fault raises what a real adapter would, streamed or not."""
    with pytest.raises(kind) as whole:
        ask(ScriptedProvider([step]))
    with pytest.raises(kind) as streamed:
        asyncio.run(chunks_of(ScriptedProvider([step])))
    for error in (whole.value, streamed.value):
        assert {name: getattr(error, name) for name in facts} == facts
        assert error.provider == "scripted"


def test_cut_sends_its_text_first() -> None:
    """A cut stream has sent its text when it breaks."""
    heard: list[str] = []

    async def listen() -> None:
        async for chunk in ScriptedProvider([fault.cut("half an answer")]).stream(PROMPT):
            heard.append(chunk.text)  # noqa: PERF401 - the stream breaks before a comprehension is done

    with pytest.raises(StreamBroken):
        asyncio.run(listen())
    assert "".join(heard) == "half an answer"


def test_stream_adds_up_to_the_completion() -> None:
    """Chunks of the given size add up to what an unstreamed call returns."""
    steps: list[Step] = ["a text of some length", [ToolCall("add", {"a": 1}), ToolCall("raw", {}, "r", "{")]]
    whole, streamed = ScriptedProvider(steps), ScriptedProvider(steps, chunk_chars=3)
    for _ in steps:
        chunks = asyncio.run(chunks_of(streamed))
        collector = ChunkCollector()
        for chunk in chunks:
            collector.feed(chunk)
        assert collector.completion() == ask(whole)
        assert max(len(chunk.text) for chunk in chunks) <= 3
        assert [chunk.finish is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


@pytest.mark.parametrize("streaming", [False, True])
def test_hang_ends_at_the_limit(streaming: bool) -> None:
    """A hanging model ends at the prompt's limit, in virtual time."""
    clock = VirtualClock()
    model = ScriptedProvider([fault.hang()], clock=clock)
    with pytest.raises(ProviderTimeout, match="120"):
        asyncio.run(chunks_of(model) if streaming else model.complete(PROMPT))
    assert clock.now() == 120


def test_hang_without_a_clock_ends_in_real_time() -> None:
    """Without a clock the event loop's own time is the limit."""
    with pytest.raises(ProviderTimeout):
        ask(ScriptedProvider([fault.hang()]), Prompt(PROMPT.messages, options=Options(timeout_s=0.001)))


def test_hang_without_a_limit_ends_by_cancellation() -> None:
    """Where there is no limit only cancellation ends a hang, and it stays a cancellation."""

    async def run() -> None:
        model = ScriptedProvider([fault.hang()], clock=VirtualClock())
        task = asyncio.ensure_future(model.complete(Prompt(PROMPT.messages, options=Options(timeout_s=None))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_clock_times_the_call() -> None:
    """With a clock the times are real differences on it."""
    clock = VirtualClock()

    async def run() -> list[Completion]:
        model = ScriptedProvider(["x", "y"], clock=clock)
        first = await model.complete(PROMPT)
        await clock.sleep(3)
        return [first, await model.complete(PROMPT)]

    assert [answer.timing.total_ms for answer in asyncio.run(run())] == [0.0, 0.0]
