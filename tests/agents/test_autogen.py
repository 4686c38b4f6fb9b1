"""Real AutoGen agents and teams with a scripted model, under our gate and validator."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_llmharness import AgentProvider, Harness, HarnessConfig, Message, governed, tool
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import AgentFailed, ProviderTimeout
from pytest_llmharness.harness.gate import Gate

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, ModelInfo, RequestUsage

HANG = object()


class Scripted(ChatCompletionClient):
    """A model client that answers from a list; `asked` is what it was sent."""

    def __init__(self, script: Sequence[Any]) -> None:
        self.script, self.asked = list(script), list[list[Any]]()

    async def create(self, messages: Any, *, cancellation_token: Any = None, **_: Any) -> CreateResult:
        self.asked.append(list(messages))
        step = self.script.pop(0)
        if step is HANG:
            waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            await cancellation_token.link_future(waiting)
        if isinstance(step, Exception):
            raise step
        return CreateResult(finish_reason="stop", content=step, usage=RequestUsage(3, 4), cached=False)

    def create_stream(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        pass

    def actual_usage(self) -> RequestUsage:
        return RequestUsage(0, 0)

    total_usage = actual_usage

    def count_tokens(self, *args: Any, **kwargs: Any) -> int:
        return 1

    remaining_tokens = count_tokens

    @property
    def model_info(self) -> ModelInfo:
        return ModelInfo(
            vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
        )

    capabilities = model_info  # type: ignore[assignment]


def assistant(model: Scripted, tools: Sequence[Any] = ()) -> Any:
    return AssistantAgent("clerk", model, tools=list(tools), reflect_on_tool_use=bool(tools))


def team(model: Scripted, tools: Sequence[Any] = ()) -> Any:
    return RoundRobinGroupChat([assistant(model, tools)], termination_condition=MaxMessageTermination(2))


MADE = pytest.mark.parametrize("make", [assistant, team])


@MADE
def test_it_is_governed_from_end_to_end(make: Any) -> None:
    """B42: a negative amount never runs, the bad final answer is repaired, the run ends valid."""
    done: list[float] = []

    @tool
    def book(amount: float) -> str:
        """Book a sum."""
        done.append(amount)
        return "booked"

    model = Scripted(
        [
            [FunctionCall("1", '{"amount": -10000}', "book"), FunctionCall("2", '{"amount": 5}', "book")],
            '{"booked": "five"}',
            '{"booked": 5}',
        ]
    )
    agent = make(model, governed([book], gate=Gate()))
    result = Harness(
        AgentProvider(agent),
        schema={"type": "object", "properties": {"booked": {"type": "number"}}},
        config=HarnessConfig(retry_delay_seconds=0),
    ).run("Book five euros.")
    assert result.unwrap() == {"booked": 5}
    assert done == [5]
    told = [one.content for one in model.asked[1][-1].content]
    assert told[0].startswith("Error: book was held by the rule")
    assert told[1] == "booked"
    repair = model.asked[-1][-1].content
    assert "User:\nBook five euros.\n\nAssistant:\n" in repair
    assert repair.endswith("Please retry.")
    assert len(model.asked[-1]) == 2  # its own system message and the conversation: it began anew
    assert (result.tokens_in, result.tokens_out) == (9, 12)


@MADE
def test_what_it_raises_is_named(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    """And it answers the next call."""
    provider = AgentProvider(make(Scripted([RuntimeError("boom"), "fine"])))
    with pytest.raises(AgentFailed, match="boom"):
        asyncio.run(provider.complete(_ASKED))
    assert asyncio.run(provider.complete(_ASKED)).text == "fine"


@MADE
def test_one_that_hangs_is_cancelled(make: Any) -> None:
    """By AutoGen's own token, and nothing of it is left."""
    provider = AgentProvider(make(Scripted([HANG, "fine"])))

    async def times_out() -> int:
        before = asyncio.all_tasks()
        with pytest.raises(ProviderTimeout):
            await provider.complete(Prompt(_ASKED.messages, options=Options(timeout_s=0.1)))
        return len(asyncio.all_tasks() - before)

    assert asyncio.run(times_out()) == 0


def test_calls_take_turns() -> None:
    """A team refuses to run twice at once."""
    provider = AgentProvider(team(Scripted(["one", "two"])))

    async def both() -> list[Any]:
        return await asyncio.gather(*(provider.complete(_ASKED) for _ in range(2)))

    assert [(one.text, one.usage) for one in asyncio.run(both())] == [
        ("one", Usage(3, 4)),
        ("two", Usage(3, 4)),
    ]


_ASKED = Prompt((Message.user("hi"),))
