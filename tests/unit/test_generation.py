"""The generator bridge: all chunks by either loop, errors raised, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    MaxRetriesExceeded,
    Message,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.domain.completion import Chunk
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import ConfigError, ProviderUnavailable, StreamBroken
from pytest_llmharness.wiring.generation import Generation

Loop = Callable[[Generation], list[str]]


def plain(chunks: Generation) -> list[str]:
    return list(chunks)


def asynchronous(chunks: Generation) -> list[str]:
    async def collect() -> list[str]:
        return [chunk async for chunk in chunks]

    return asyncio.run(collect())


@pytest.fixture(params=[plain, asynchronous])
def loop(request: pytest.FixtureRequest) -> Loop:
    return request.param  # type: ignore[no-any-return]


def harness(script: list[Any], **parts: Any) -> tuple[Harness, ScriptedProvider]:
    provider = ScriptedProvider(script, chunk_chars=5)
    return Harness(provider, clock=VirtualClock(), **parts), provider


def test_all_chunks_come(loop: Loop) -> None:
    """D23: as the model writes them, and the result is there at the end."""
    made, provider = harness(["A story of five words."])
    chunks = made.generate(
        [
            Message.system("Be brief."),
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "A story!"},
        ]
    )
    assert loop(chunks) == ["A sto", "ry of", " five", " word", "s."]
    assert chunks.result is not None
    assert chunks.result.content == "A story of five words."
    assert [message.role for message in provider.prompts[0].messages] == ["system", "assistant", "user"]


def test_a_text_is_a_conversation_too(loop: Loop) -> None:
    """And a session goes on by its name."""
    made, _ = harness(["fine"])
    chunks = made.generate("How are you?", session_id="s")
    assert loop(chunks) == ["fine"]
    assert chunks.result is not None
    assert chunks.result.metadata["session_id"] == "s"


def test_an_error_is_raised(loop: Loop) -> None:
    """D23: not returned, as run does."""
    made, _ = harness([fault.server_error()] * 3)
    with pytest.raises(ProviderUnavailable):
        loop(made.generate("go"))


def test_an_error_comes_after_the_chunks_before_it() -> None:
    """What had arrived is not lost."""
    made, _ = harness([fault.cut("half of an")] * 3)
    seen = []
    with pytest.raises(StreamBroken):
        for chunk in made.generate("go"):
            seen.append(chunk)  # noqa: PERF402 - the error comes in between
    assert "".join(seen) == "half of an"


def test_a_broken_stream_that_is_asked_again_yields_nothing_twice(loop: Loop) -> None:
    """D4: the second answer goes on where the first was cut, whatever its chunks."""
    made, provider = harness([fault.cut("A story of"), fault.cut("A s"), "A story of five words."])
    assert "".join(loop(made.generate("go"))) == "A story of five words."
    assert len(provider.prompts) == 3


@pytest.mark.parametrize("second", ["Another story.", "A stor"])
def test_an_answer_that_differs_from_what_was_yielded_is_an_error(second: str, loop: Loop) -> None:
    """It cannot be taken back, so it is not passed over."""
    made, _ = harness([fault.cut("A story of"), second])
    with pytest.raises(StreamBroken, match="after 10 characters, and the model then answered otherwise"):
        loop(made.generate("go"))


def test_an_answer_that_may_be_refused_comes_when_it_is_accepted(loop: Loop) -> None:
    """B24: nobody sees the text of an attempt that did not pass."""
    made, _ = harness(["no JSON", '{"a": 1}'], schema={"type": "object"})
    assert loop(made.generate("go")) == ['{"a": 1}']
    made, _ = harness(["no JSON"] * 3, schema={"type": "object"})
    with pytest.raises(MaxRetriesExceeded):
        loop(made.generate("go"))


def test_tool_rounds_are_part_of_it(loop: Loop) -> None:
    """The text beside a call comes, and what follows the call."""

    @tool(read_only=True)
    def look() -> str:
        """Look."""
        return "seen"

    made, _ = harness([ToolCall("look"), "It is there."], tools=[look])
    assert "".join(loop(made.generate("go"))) == "It is there."


def test_leaving_early_cancels_the_model() -> None:
    """D15: the provider's stream is closed, by either loop."""
    closed = []

    class Endless:
        name, model = "endless", "endless"

        async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
            try:
                while True:
                    yield Chunk(text="on and on ")
                    await asyncio.sleep(0)
            finally:
                closed.append(1)

        async def complete(self, prompt: Prompt) -> Any: ...

        async def aclose(self) -> None: ...

    made = Harness(Endless(), clock=VirtualClock())
    for chunk in made.generate("go"):
        assert chunk == "on and on "
        break

    async def leave() -> None:
        chunks = aiter(made.generate("go"))
        assert await anext(chunks) == "on and on "
        await chunks.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert closed == [1, 1]


def test_each_loop_is_a_run_of_its_own(loop: Loop) -> None:
    """Nothing is asked before the first chunk is wanted."""
    made, provider = harness(["one", "two"])
    chunks = made.generate("go")
    assert provider.prompts == []
    assert (loop(chunks), loop(chunks)) == (["one"], ["two"])


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [Message.assistant("hi")],
        [{"role": "user"}],
        [{"role": "tool", "content": "x"}],
        [{"content": "x"}],
        [3],
    ],
)
def test_what_is_no_conversation_is_refused_at_once(messages: Any) -> None:
    """Before anything runs, with what to write instead."""
    with pytest.raises(ConfigError, match=r"conversation ends|no message") as caught:
        harness(["never"])[0].generate(messages)
    assert caught.value.fix
