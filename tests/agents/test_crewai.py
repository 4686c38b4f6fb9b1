"""A real CrewAI crew with a scripted model, under our gate and validator."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_llmharness import AgentProvider, Harness, HarnessConfig, Message, governed, tool
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import AgentFailed, ConfigError
from pytest_llmharness.harness.gate import Gate

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", OTEL_SDK_DISABLED="true", CREWAI_TRACING_ENABLED="false")
pytest.importorskip("crewai")

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool as crew_tool
from pydantic import Field

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own fields


class Scripted(BaseLLM):
    """A model that answers from a list; `asked` is what it was sent."""

    script: list[Any] = Field(default_factory=list)
    asked: list[Any] = Field(default_factory=list)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(list(messages))  # it goes on writing into its own
        self._track_token_usage_internal({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def supports_function_calling(self) -> bool:
        return False

    def get_context_window_size(self) -> int:
        return 8000


def clerk(script: Sequence[Any], tools: Sequence[Any] = ()) -> tuple[Agent, Scripted]:
    model = Scripted(model="scripted", script=list(script))
    tools = [crew_tool(one) for one in tools]
    return Agent(
        role="clerk", goal="help", backstory="none", llm=model, tools=tools, max_retry_limit=0
    ), model


def crew(
    script: Sequence[Any], tools: Sequence[Any] = (), description: str = "Do: {input}"
) -> tuple[Crew, Scripted]:
    agent, model = clerk(script, tools)
    return Crew(
        agents=[agent], tasks=[Task(description=description, expected_output="text", agent=agent)]
    ), model


@pytest.mark.parametrize("sync", [False, True])
def test_a_crew_is_governed_from_end_to_end(sync: bool) -> None:
    """B42: a negative amount never runs, the bad final answer is repaired, the run ends valid."""
    done: list[float] = []

    @tool
    def book(amount: float) -> str:
        """Book a sum."""
        done.append(amount)
        return "booked"

    agent, model = crew(
        [
            'Thought: x\nAction: book\nAction Input: {"amount": -10000}',
            'Thought: x\nAction: book\nAction Input: {"amount": 5}',
            'Thought: ok\nFinal Answer: {"booked": "five"}',
            'Thought: ok\nFinal Answer: {"booked": 5}',
        ],
        governed([book], gate=Gate(), sync=sync),
    )
    result = Harness(
        AgentProvider(agent),
        schema={"type": "object", "properties": {"booked": {"type": "number"}}},
        config=HarnessConfig(retry_delay_seconds=0),
    ).run("Book {five} euros.")
    assert result.unwrap() == {"booked": 5}
    assert done == [5]
    assert "Error: book was held by the rule" in str(model.asked[1])
    assert "Book {five} euros." in str(model.asked[0])
    assert "Please retry." in str(model.asked[-1])
    assert "'booked': 'five'" in str(model.asked[-1]) or '"booked": "five"' in str(model.asked[-1])
    assert (result.tokens_in, result.tokens_out) == (12, 16)


def test_an_agent_alone_gets_messages() -> None:
    """Without a crew around it."""
    agent, model = clerk(["fine"])
    asked = Prompt((Message.user("q"), Message.assistant("bad"), Message.user("Please retry.")))
    answer = asyncio.run(AgentProvider(agent).complete(asked))
    assert (answer.text, answer.usage) == ("fine", Usage(3, 4))
    roles = [message["role"] for message in model.asked[0]]
    assert roles == ["system", "user", "assistant", "user"]


def test_what_a_crew_raises_is_named() -> None:
    """And a crew that no question reaches is refused at the door."""
    agent, _ = crew([RuntimeError("boom")] * 9)
    with pytest.raises(AgentFailed, match="boom"):
        asyncio.run(AgentProvider(agent).complete(Prompt((Message.user("hi"),))))
    with pytest.raises(ConfigError, match="no task of the crew says"):
        AgentProvider(crew([], description="Write about {topic}")[0])


def test_a_crew_that_has_run_can_still_be_asked() -> None:
    """Its task's words have been filled in by then."""
    agent, _ = crew(["Thought: ok\nFinal Answer: one", "Thought: ok\nFinal Answer: two"])
    agent.kickoff(inputs={"input": "first"})
    answer = asyncio.run(AgentProvider(agent).complete(Prompt((Message.user("hi"),))))
    assert (answer.text, answer.usage) == ("two", Usage(3, 4))
