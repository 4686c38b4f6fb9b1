"""An agent in the place of a model keeps the provider's contract, and the harness checks its answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from pytest_llmharness import AgentProvider, Harness, HarnessConfig, Message, VirtualClock, governed, tool
from pytest_llmharness.contracts import ProviderContract
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.tool import ToolCall
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import AgentFailed, ConfigError, MalformedResponse, ProviderTimeout
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.gate import Gate

from .stand_ins import Assistant, ChatModel, Crew, Graph, LoneAgent, Team, Think, answering

CONVERSATION = (
    Message.system("Answer in JSON."),
    Message.user("How many?"),
    Message.assistant("many"),
    Message.user("Validation error. Please retry."),
)
AS_TEXT = "System:\nAnswer in JSON.\n\nUser:\nHow many?\n\nAssistant:\nmany\n\nUser:\nValidation error. Please retry."


def _fails(said: str) -> str:
    raise RuntimeError("the tool server is down")


async def _hangs(said: str) -> str:
    await asyncio.Event().wait()
    return ""


def completed(agent: Any, *messages: Message) -> Any:
    prompt = Prompt(messages or (Message.user("hi"),), options=Options(timeout_s=30))
    return asyncio.run(AgentProvider(agent).complete(prompt))


# --- the contract, for each shape ---


class AgentContract(ProviderContract):
    """What an agent cannot do: be offered tools, be told a format, be cut by tokens."""

    supports_tools = False
    supports_json_mode = False
    supports_json_schema = False
    honours_max_tokens = False
    deterministic = True

    def agent(self, think: Think) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def provider(self) -> AgentProvider:
        return AgentProvider(self.agent(answering("Tokens are pieces of text.")))

    @pytest.fixture
    def slow_provider(self) -> AgentProvider:
        return AgentProvider(self.agent(_hangs))

    @pytest.fixture
    def failing_provider(self) -> AgentProvider:
        return AgentProvider(self.agent(_fails))


class TestAsyncFunction(AgentContract):
    reports_usage = False

    def agent(self, think: Think) -> Any:
        async def agent(text: str) -> str:
            said = think(text)
            return said if isinstance(said, str) else await said

        return agent


class Blocking:
    """Ends its threads when the test has ended."""

    @pytest.fixture
    def slow_provider(self) -> Iterator[AgentProvider]:
        end = threading.Event()

        def waits(text: str) -> str:
            end.wait()
            return ""

        yield AgentProvider(self.agent(waits))  # type: ignore[attr-defined]
        end.set()


class TestFunction(Blocking, AgentContract):
    reports_usage = False

    def agent(self, think: Think) -> Any:
        return think


class TestGraph(AgentContract):
    def agent(self, think: Think) -> Any:
        return Graph(think)


class TestCrew(Blocking, AgentContract):
    def agent(self, think: Think) -> Any:
        return Crew(think)


class TestTeam(AgentContract):
    def agent(self, think: Think) -> Any:
        return Team(think)


class TestAssistant(AgentContract):
    def agent(self, think: Think) -> Any:
        return Assistant(think)


# --- what each is told ---


def test_a_function_gets_the_conversation_as_one_text() -> None:
    """A single message is its own text; of a conversation each turn has its heading."""
    heard: list[str] = []

    def agent(text: str) -> str:
        heard.append(text)
        return "fine"

    completed(agent, Message.user("hi"))
    completed(agent, *CONVERSATION)
    assert heard == ["hi", AS_TEXT]


def test_earlier_calls_are_told_in_words() -> None:
    """The history of a model with tools reaches an agent that has others."""
    call = ToolCall("weather", {"city": "Oslo"}, "c1")
    heard = Graph(answering("fine"))
    history = (Message.assistant("", [call]), Message.tool(call, "sunny"), Message.user("And now?"))
    completed(heard, *history)
    assert heard.states[0]["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}],
        },
        {"role": "tool", "content": "sunny", "tool_call_id": "c1", "name": "weather"},
        {"role": "user", "content": "And now?"},
    ]
    team = Team(answering("fine"))
    completed(team, *history)
    assert team.seen == [
        'Assistant:\n(calls weather with {"city": "Oslo"})\n\nTool:\nsunny\n\nUser:\nAnd now?'
    ]


def test_a_graph_gets_messages_and_its_model_calls_are_added_up() -> None:
    """The last message is the answer."""
    graph = Graph(answering("fine"))
    answer = completed(graph, *CONVERSATION)
    assert (answer.text, answer.usage, answer.model) == ("fine", Usage(8, 10), "agent")
    assert graph.states == [
        {"messages": [{"role": message.role, "content": message.text} for message in CONVERSATION]}
    ]


def test_a_runnable_without_a_state_gets_the_messages_themselves() -> None:
    """Of blocks of content, those that are text are the answer."""
    model = ChatModel()
    assert completed(model, *CONVERSATION).text == "two blocks"
    assert [turn["role"] for turn in model.asked[0]] == ["system", "user", "assistant", "user"]


def test_a_crew_gets_its_input_and_counts_only_this_run() -> None:
    """It counts from the day it was made, and the words of its task are overwritten by each run."""
    heard: list[str] = []
    crew = Crew(lambda said: heard.append(said) or "fine")  # type: ignore[func-returns-value]
    assert [completed(crew).usage, completed(crew, Message.user("again")).usage] == [Usage(3, 4)] * 2
    assert heard == ["Do: hi", "Do: again"]
    assert completed(crew).text == "fine"  # made anew over a crew that has run


def test_an_agent_of_crewai_gets_messages() -> None:
    """It needs no crew."""
    agent = LoneAgent()
    answer = completed(agent, *CONVERSATION)
    assert (answer.text, answer.usage) == ("alone", Usage(3, 4))
    assert agent.asked == [[{"role": one.role, "content": one.text} for one in CONVERSATION]]


@pytest.mark.parametrize("kind", [Team, Assistant])
def test_a_team_begins_anew_with_each_call(kind: Callable[[Think], Team]) -> None:
    """The conversation comes whole, so what the team remembers would come twice."""
    team = kind(answering("fine"))
    completed(team)
    answer = completed(team, *CONVERSATION)
    assert (answer.text, answer.usage) == ("fine", Usage(3, 4))
    assert team.seen == [AS_TEXT]


def test_who_keeps_a_state_answers_one_call_at_a_time() -> None:
    """Two runs of one crew would overwrite each other's tasks."""
    meeting = threading.Barrier(2)

    def think(said: str) -> str:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=0.02)  # nobody comes
        return "fine"

    crew = Crew(think)
    provider = AgentProvider(crew)

    async def both() -> None:
        prompt = Prompt((Message.user("hi"),))
        await asyncio.gather(*(provider.complete(prompt) for _ in range(4)))

    asyncio.run(both())
    assert (crew.runs, crew.most_at_once) == (4, 1)


def test_a_team_that_does_not_end_is_left_to_itself() -> None:
    """AutoGen's waits for its members when it is cancelled, for ever where one of them hangs."""

    class Stuck(Team):
        async def run(self, *, task: str | None = None, **known: Any) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.Event().wait()

    with pytest.raises(ProviderTimeout):
        asyncio.run(
            AgentProvider(Stuck(_hangs)).complete(
                Prompt((Message.user("hi"),), options=Options(timeout_s=0.01))
            )
        )


# --- what cannot work ---


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (42, "42 is no agent"),
        (Graph, "is no agent"),
        (Graph(_fails, names=("question", "documents")), "takes question, documents, and no messages"),
        (Crew(_fails, "Write about {topic}"), "no task of the crew says {input}"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_the_door(agent: Any, said: str) -> None:
    """Not with the first question."""
    with pytest.raises(ConfigError, match="(?s)" + said.replace("{", r"\{") + ".*fix:"):
        AgentProvider(agent)


def test_tools_of_the_harness_are_refused() -> None:
    """They would silently never be called."""

    @tool
    def pay(amount: float) -> str:
        return "paid"

    with pytest.raises(ConfigError, match=r"\(pay\)"):
        Harness(AgentProvider(answering("fine")), tools=[pay]).run("hi")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (lambda text: None, "it returned None"),
        (lambda text: object(), "object has no JSON form"),
        (Graph(lambda said: None), "it returned None"),
    ],
)
def test_no_answer_is_a_named_error(agent: Any, said: str) -> None:
    """What is no text, and has none."""
    with pytest.raises(MalformedResponse, match=said):
        completed(agent)


@pytest.mark.parametrize("agent", [lambda text: {"total": 5}, Graph(lambda said: {"total": 5})])
def test_data_is_an_answer_too(agent: Any) -> None:
    """It is told as JSON."""
    assert completed(agent).text == '{"total": 5}'


def test_an_agent_that_raises_is_not_asked_again() -> None:
    """Its tools may have run; the run ends with a result that says so."""
    asked: list[str] = []

    def agent(text: str) -> str:
        asked.append(text)
        raise TimeoutError("of its own")

    result = Harness(AgentProvider(agent, name="clerk"), clock=VirtualClock()).run("hi")
    assert result.metadata["failure_reason"] == "provider_unavailable"
    assert isinstance(result.metadata["error"], AgentFailed)
    assert "the agent raised TimeoutError: of its own" in result.content
    assert "agent clerk" in result.content
    assert asked == ["hi"]


def test_a_fallback_answers_for_an_agent_that_raises() -> None:
    """The ladder goes on from an agent as it does from a model."""
    result = Harness(AgentProvider(_fails), fallbacks=[AgentProvider(answering("I can"), name="spare")]).run(
        "hi"
    )
    assert (result.content, result.model) == ("I can", "spare")


# --- under the validator ---


@pytest.mark.parametrize("shape", [lambda think: think, Graph, Crew, Team])
def test_a_complaint_reaches_the_agent_as_its_next_message(shape: Callable[[Think], Any]) -> None:
    """B42: schema and validator refuse, the agent mends, the run ends valid."""
    heard: list[str] = []
    answers = answering('{"total": "five"}', '{"total": -5}', '{"total": 5}')

    def think(said: str) -> str:
        heard.append(said)
        return str(answers(said))

    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    result = Harness(
        AgentProvider(shape(think)),
        schema=schema,
        validators=[lambda value: "total must not be negative" if value["total"] < 0 else None],
        config=HarnessConfig(retry_delay_seconds=0),
    ).run("What does it cost?")
    assert result.unwrap() == {"total": 5}
    assert result.retries == 2
    assert "number" in heard[1]
    assert heard[2].endswith("Validation error: total must not be negative. Please retry.")


@pytest.mark.parametrize("shape", [lambda think: think, Graph, Crew, Team])
def test_a_foreign_agent_is_governed_from_end_to_end(shape: Callable[[Think], Any]) -> None:
    """B42: out of scope and negative never run, the bad final answer is repaired, the run ends valid."""
    done: list[Any] = []

    @tool
    def write_file(path: str) -> str:
        done.append(path)
        return "written"

    @tool
    def book(amount: float) -> str:
        done.append(amount)
        return "booked"

    rules = Constraints(allowed_tools=("book",))
    writes, books = governed([write_file, book], constraints=rules, gate=Gate(), sync=True)
    answers = answering('{"booked": "five"}', '{"booked": 5}')
    told: list[str] = []

    def think(said: str) -> str:
        if not told:
            told.extend((writes(path="/etc/passwd"), books(amount=-10_000), books(amount=5)))
        return str(answers(said))

    def asks_elsewhere(said: str) -> Any:
        return asyncio.to_thread(think, said)

    result = Harness(
        AgentProvider(shape(asks_elsewhere if shape in (Graph, Team) else think)),
        schema={"type": "object", "properties": {"booked": {"type": "number"}}},
        config=HarnessConfig(retry_delay_seconds=0),
    ).run("Book five euros.")
    assert result.unwrap() == {"booked": 5}
    assert result.retries == 1
    assert done == [5]
    assert [text.partition(":")[0] for text in told] == ["Error", "Error", "booked"]
