"""A real LangGraph agent with a scripted model, under our gate and validator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_llmharness import AgentProvider, Harness, HarnessConfig, Message, ToolCall, governed, tool
from pytest_llmharness.adapters.tracers.memory import MemoryTracer
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import AgentFailed, ConfigError, ProviderTimeout
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.gate import Gate

pytest.importorskip("langgraph")

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import Field


class Scripted(BaseChatModel):
    """A LangChain chat model that answers from a list; `asked` is what it was sent."""

    script: list[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> Any:
        self.asked.append(list(messages))
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, tuple):
            calls = [{"name": step[0], "args": step[1], "id": f"call_{len(self.script)}"}]
            step = AIMessage("", tool_calls=calls)
        message = step if isinstance(step, AIMessage) else AIMessage(step)
        message.usage_metadata = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
        return ChatResult(generations=[ChatGeneration(message=message)])


class Office:
    """Two tools with side effects that are counted."""

    def __init__(self) -> None:
        self.done: list[Any] = []

        @tool
        def write_file(path: str, text: str) -> str:
            """Write a file."""
            self.done.append((path, text))
            return "written"

        @tool
        def book(amount: float) -> str:
            """Book a sum."""
            self.done.append(amount)
            return "booked"

        self.tools = [write_file, book]


def react(model: Scripted, tools: list[Any]) -> Any:
    """The graph of every ReAct agent: the model, its tools, and back until it calls none."""
    bound = model.bind_tools(tools)

    async def think(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile()


@pytest.fixture
def office() -> Office:
    return Office()


SCHEMA = {"type": "object", "properties": {"booked": {"type": "number"}}, "required": ["booked"]}


def test_a_graph_is_governed_from_end_to_end(office: Office) -> None:
    """B42: out of scope and negative never run, the bad final answer is repaired, the run ends valid."""
    model = Scripted(
        script=[
            ("write_file", {"path": "/etc/passwd", "text": "x"}),
            ("book", {"amount": -10_000}),
            ("book", {"amount": 5}),
            '{"booked": "five"}',
            '{"booked": 50}',
            '{"booked": 5}',
        ]
    )
    tracer = MemoryTracer()
    tools = governed(
        office.tools, constraints=Constraints(allowed_tools=("book",)), gate=Gate(), tracer=tracer
    )
    result = Harness(
        AgentProvider(react(model, tools), name="clerk"),
        schema=SCHEMA,
        validators=[lambda value: "only 5 were booked" if value["booked"] != 5 else None],
        config=HarnessConfig(retry_delay_seconds=0),
    ).run("Book five euros.")

    assert result.unwrap() == {"booked": 5}
    assert office.done == [5]
    told = [message.content for message in model.asked[3] if message.type == "tool"]
    assert told[0] == "Error: the tool 'write_file' is not allowed here"
    assert told[1].startswith("Error: book was held by the rule")
    assert told[2] == "booked"
    assert [message.type for message in model.asked[-1]] == ["system", "human", "ai", "human", "ai", "human"]
    assert model.asked[-1][-1].content.endswith("Validation error: only 5 were booked. Please retry.")
    assert (result.retries, result.model, result.tokens_in, result.tokens_out) == (2, "clerk", 18, 24)
    refused = [facts["tool"] for name, facts in tracer.events if name == "refused"]
    assert refused == ["write_file", "book"]


def test_without_the_rules_all_of_it_runs(office: Office) -> None:
    """What the gate is for: the same calls by the same graph."""
    model = Scripted(
        script=[("write_file", {"path": "/etc/passwd", "text": "x"}), ("book", {"amount": -10_000}), "done"]
    )
    Harness(AgentProvider(react(model, governed(office.tools)))).run("Go on.")
    assert office.done == [("/etc/passwd", "x"), -10_000]


def test_sync_tools_serve_the_sync_face(office: Office) -> None:
    """A graph that is invoked without a loop."""
    tools = governed(office.tools, gate=Gate(), sync=True)
    call = AIMessage(
        "", tool_calls=[{"name": "book", "args": {"amount": amount}, "id": str(amount)} for amount in (5, -5)]
    )
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "tools")
    told = graph.compile().invoke({"messages": [call]})["messages"]
    assert [message.content[:6] for message in told[1:]] == ["booked", "Error:"]
    assert office.done == [5]


def test_langchains_own_agent_is_an_agent(office: Office) -> None:
    """`langchain.agents.create_agent` gives a graph like any other."""
    agents = pytest.importorskip("langchain.agents")
    model = Scripted(script=[("book", {"amount": -5}), "I may not."])
    agent = agents.create_agent(model, governed(office.tools, gate=Gate()))
    assert Harness(AgentProvider(agent)).run("Book it.").unwrap() == "I may not."
    assert office.done == []


def test_a_chain_gets_the_messages() -> None:
    """A chat model, or what is piped after it, takes no state."""
    model = Scripted(script=["one", "two"])
    prompt = Prompt((Message.system("Be brief."), Message.user("hi")), options=Options())
    for agent, text in ((model, "one"), (model | (lambda message: message.content), "two")):
        assert asyncio.run(AgentProvider(agent).complete(prompt)).text == text
    assert [[message.type for message in asked] for asked in model.asked] == [["system", "human"]] * 2
    with pytest.raises(ConfigError, match="takes question, and no messages"):
        AgentProvider(ChatPromptTemplate.from_messages([("user", "{question}")]) | model)


def test_calls_of_another_model_are_read() -> None:
    """The history of a harness with tools reaches a graph as LangChain's own messages."""
    call = ToolCall("weather", {"city": "Oslo"}, "c1")
    model = Scripted(script=["fine"])
    history = (
        Message.user("q"),
        Message.assistant("", [call]),
        Message.tool(call, "sunny"),
        Message.user("so?"),
    )
    answer = asyncio.run(AgentProvider(react(model, [])).complete(Prompt(history)))
    assert (answer.text, answer.usage) == ("fine", Usage(3, 4))
    assert [message.type for message in model.asked[0]] == ["human", "ai", "tool", "human"]
    assert model.asked[0][1].tool_calls[0]["name"] == "weather"


def test_what_a_graph_raises_is_named() -> None:
    """A failure inside, and a loop without an end."""
    with pytest.raises(AgentFailed, match="RuntimeError: boom"):
        asyncio.run(AgentProvider(react(Scripted(script=[RuntimeError("boom")]), [])).complete(_ASKED))
    endless = react(Scripted(script=[("no_tool", {})] * 9), []).with_config(recursion_limit=5)
    with pytest.raises(AgentFailed, match="GraphRecursionError"):
        asyncio.run(AgentProvider(endless).complete(_ASKED))


def test_a_graph_that_hangs_is_cancelled() -> None:
    """At its timeout, and nothing of it is left."""
    ended: list[str] = []

    async def hang(state: MessagesState) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")

    graph = StateGraph(MessagesState)
    graph.add_node("hang", hang)
    graph.add_edge(START, "hang")
    prompt = Prompt(_ASKED.messages, options=Options(timeout_s=0.05))
    with pytest.raises(ProviderTimeout):
        asyncio.run(AgentProvider(graph.compile()).complete(prompt))
    assert ended == ["hang"]


_ASKED = Prompt((Message.user("hi"),))
