"""Calls that begin while their answer still streams: once, written down first, and only what reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    ToolCall,
    VirtualClock,
    tool,
)
from pytest_llmharness.domain.completion import Chunk, Completion, ToolCallDelta
from pytest_llmharness.domain.event import Event, EventKind
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import SessionLogError, StreamBroken
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.guardrails import Guardrails

CUT = StreamBroken("the stream was cut", where="test", fix="ask again")


def call(index: int, name: str, arguments: str = "{}", id: str = "") -> Chunk:
    return Chunk(tool_calls=(ToolCallDelta(index, name, arguments, id or f"id{index}"),))


def end(finish: Any = "tool_calls") -> Chunk:
    return Chunk(finish=finish, usage=Usage(1, 1))


class Slow:
    """Streams its answers with a second between the chunks; `closed` counts the streams that ended."""

    name, model = "slow", "slow"

    def __init__(self, clock: VirtualClock, *answers: Sequence[Any]) -> None:
        self._clock, self._answers = clock, list(answers)
        self.prompts: list[Prompt] = []
        self.closed = 0

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.prompts.append(prompt)
        try:
            for chunk in self._answers.pop(0):
                await self._clock.sleep(1)
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.closed += 1

    async def complete(self, prompt: Prompt) -> Completion:
        raise AssertionError

    async def aclose(self) -> None: ...


class World:
    """A clock, a diary of what its tools did, and the tools."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.diary: list[tuple[float, str]] = []
        self.cancelled: list[str] = []

    def note(self, what: str) -> None:
        self.diary.append((self.clock.now(), what))

    def tools(self, seconds: float = 0.5) -> list[Any]:
        @tool(read_only=True)
        async def look(what: str = "all") -> str:
            """Look."""
            self.note(f"look {what}")
            try:
                await self.clock.sleep(seconds)
            except asyncio.CancelledError:
                self.cancelled.append(what)
                raise
            return f"seen {what}"

        @tool(in_doubt="idempotent")
        async def pay() -> str:
            """Pay."""
            self.note("pay")
            return "paid"

        @tool(read_only=True, after=["pay"])
        async def receipt() -> str:
            """Fetch the receipt."""
            self.note("receipt")
            return "receipt"

        return [look, pay, receipt]

    def run(
        self, provider: Any, request: Any = "go", seconds: float = 0.5, **parts: Any
    ) -> tuple[LLMResult, list[Event]]:
        harness = Harness(provider, tools=self.tools(seconds), clock=self.clock, **parts)

        async def listen() -> list[Event]:
            events = [event async for event in harness.stream(request)]
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return events

        events = asyncio.run(listen())
        return events[-1].data["result"], events

    def at(self, what: str) -> list[float]:
        return [moment for moment, done in self.diary if done == what]


def told(provider: Slow) -> list[str]:
    return [message.text for message in provider.prompts[-1].messages if message.role == "tool"]


def kinds(events: list[Event]) -> list[str]:
    return [event.kind.value for event in events]


def test_what_reads_begins_while_the_answer_is_written() -> None:
    """D4: the call is whole at second 1, the answer ends at 5; the tool has begun at 1, and once."""
    world = World()
    answer = [call(0, "look"), Chunk(text="I "), Chunk(text="look."), call(1, "look", '{"what": "b"}'), end()]
    provider = Slow(world.clock, answer, [Chunk(text="done"), end("stop")])
    result, events = world.run(provider)
    assert result.content == "done"
    assert world.diary == [(1, "look all"), (4, "look b")]
    assert told(provider) == ["seen all", "seen b"]
    order = kinds(events)
    assert order.index("tool_call") < order.index("tool_execution") < order.index("provider_answer")
    assert order.index("provider_answer") < order.index("tool_result")
    assert order.count("tool_execution") == order.count("tool_result") == order.count("tool_call") == 2


def test_switched_off_it_waits_for_the_end() -> None:
    """The setting, and `run`, which asks for whole answers: nothing begins before the answer is there."""
    world = World()
    answer = [call(0, "look"), Chunk(text="I look."), end()]
    provider = Slow(world.clock, answer, [Chunk(text="done"), end("stop")])
    _, events = world.run(provider, config=HarnessConfig(early_tools=False))
    assert world.diary == [(3, "look all")]
    assert kinds(events).index("provider_answer") < kinds(events).index("tool_execution")


def test_what_writes_and_what_comes_after_it_wait() -> None:
    """D4: only tools that leave the world as it is, and that wait for no other, begin early."""
    world = World()
    provider = Slow(
        world.clock,
        [call(0, "pay"), call(1, "receipt"), call(2, "look"), end()],
        [Chunk(text="done"), end("stop")],
    )
    world.run(provider)
    assert (world.at("pay"), world.at("receipt"), world.at("look all")) == ([4], [4], [3])
    assert told(provider) == ["paid", "receipt", "seen all"]


@pytest.mark.parametrize("log_kind", ["memory", "sqlite"])
def test_the_call_is_written_down_before_it_runs(log_kind: str, tmp_path: Path) -> None:
    """C3: at the moment the tool begins, its intent is in the log, with its key and its charge."""
    world = World()
    log: Any = MemorySessionLog() if log_kind == "memory" else SqliteSessionLog(tmp_path / "s.db")
    seen: list[str] = []

    @tool(read_only=True)
    async def look() -> str:
        """Look into the log."""
        seen.extend([event.kind.value async for _, event in log.read("s")])
        return "seen"

    provider = Slow(world.clock, [call(0, "look"), end()], [Chunk(text="done"), end("stop")])
    harness = Harness(provider, tools=[look], clock=world.clock, session_log=log)

    async def listen() -> None:
        async for _ in harness.stream(Request("go", session_id="s")):
            pass

    asyncio.run(listen())
    assert seen == ["orchestrate_start", "context", "provider_call", "tool_execution"]


def test_what_cannot_be_written_down_does_not_begin() -> None:
    """C3: the run ends with the log's error, and the tool was never called."""
    world = World()

    class Full(MemorySessionLog):
        async def append(self, session_id: str, seq: int, event: Event) -> None:
            if event.kind is EventKind.TOOL_EXECUTION:
                raise OSError("disk full")
            await super().append(session_id, seq, event)

    with pytest.raises(SessionLogError, match="disk full"):
        world.run(Slow(world.clock, [call(0, "look"), end()]), session_log=Full())
    assert world.diary == []


def test_a_stream_that_breaks_and_is_asked_again_doubles_nothing() -> None:
    """D4: the retried stream says the same under another id: one run of the tool, one intent, one result."""
    world = World()
    provider = Slow(
        world.clock,
        [call(0, "look", id="first"), CUT],
        [Chunk(text="I look."), call(0, "look", id="second"), end()],
        [Chunk(text="done"), end("stop")],
    )
    log = MemorySessionLog()
    result, events = world.run(provider, Request("go", session_id="s"), session_log=log)
    assert (result.content, world.diary) == ("done", [(1, "look all")])
    assert [kinds(events).count(kind) for kind in ("tool_execution", "tool_result")] == [1, 1]
    assert [message.tool_call_id for message in provider.prompts[-1].messages if message.role == "tool"] == [
        "second"
    ]
    state = asyncio.run(Harness(provider, tools=world.tools(), session_log=log).astate_at("s"))
    assert len(state.charges) == 1


def test_a_retried_stream_that_says_something_else_is_what_counts() -> None:
    """D4: what the broken stream began is cancelled and forgotten; the model is told of its own calls only."""
    world = World()
    provider = Slow(
        world.clock,
        [call(0, "look", '{"what": "a"}'), CUT],
        [call(0, "look", '{"what": "b"}'), end()],
        [Chunk(text="done"), end("stop")],
    )
    result, _ = world.run(provider, seconds=20)
    assert (result.content, told(provider)) == ("done", ["seen b"])
    assert world.cancelled == ["a"]


def test_a_retried_stream_without_a_call_ends_what_began() -> None:
    """And leaves nothing behind."""
    world = World()
    provider = Slow(world.clock, [call(0, "look"), CUT], [Chunk(text="done"), end("stop")])
    result, _ = world.run(provider, seconds=60)
    assert (result.content, world.cancelled) == ("done", ["all"])


def test_cancelling_stops_the_provider_and_the_early_tools() -> None:
    """D4, D15: whoever stops listening stops both, and no task is left."""
    world = World()
    provider = Slow(world.clock, [call(0, "look"), *[Chunk(text="on and on")] * 50, end()])
    harness = Harness(provider, tools=world.tools(seconds=999), clock=world.clock)

    async def leave() -> None:
        events = harness.stream("go")
        async for event in events:
            if event.kind is EventKind.TEXT_DELTA:
                break
        await events.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(leave())
    assert (provider.closed, world.cancelled) == (1, ["all"])


def test_a_model_that_gives_up_ends_what_began() -> None:
    """D15: after the last retry nothing runs on."""
    world = World()
    provider = Slow(world.clock, [call(0, "look"), CUT])
    result, _ = world.run(provider, seconds=999, config=HarnessConfig(max_retries=0))
    assert (result.success, world.cancelled) == (False, ["all"])


def test_the_deadline_of_the_run_ends_what_began() -> None:
    """B3: at second 3, in the middle of a stream and of a tool."""
    world = World()
    provider = Slow(world.clock, [call(0, "look"), *[Chunk(text="x")] * 50])
    result, _ = world.run(provider, seconds=999, config=HarnessConfig(max_run_seconds=3.5))
    assert (result.metadata["failure_reason"], result.content) == ("max_run_seconds", "xx")
    assert (world.clock.now(), world.cancelled) == (3.5, ["all"])


@pytest.mark.parametrize(
    ("parts", "begun"),
    [
        ({"layers": {"constrain": Constraints(quotas={"look": 1})}}, 1),
        ({"layers": {"constrain": Constraints(allowed_tools=("pay",))}}, 0),
        ({"layers": {"guardrails": Guardrails(blocked_words=("b",), action="block")}}, 1),
        ({"layers": {"guardrails": Guardrails(blocked_words=("b",))}}, 2),
        ({"config": HarnessConfig(max_tool_depth=0)}, 0),
    ],
)
def test_quotas_scopes_and_guards_hold(parts: dict[str, Any], begun: int) -> None:
    """C7, D4: what may not run does not begin, and is answered with its refusal when the answer is there."""
    world = World()
    answer = [call(0, "look", '{"what": "a"}'), call(1, "look", '{"what": "b"}'), end()]
    provider = Slow(world.clock, answer, [Chunk(text="done"), end("stop")])
    result, _ = world.run(provider, **parts)
    assert len(world.diary) == begun
    if result.success:
        said = told(provider)
        assert len(said) == 2
        assert sum(text.startswith("Error: ") for text in said) == 2 - begun
    if begun == 2:  # redacted arguments: the call that runs is another one than the model wrote
        assert world.diary[1] == (3, "look [REDACTED]")


def test_a_quota_counts_each_run_once_over_a_session() -> None:
    """B19: two runs with one early call each use up a quota of two."""
    world = World()
    log = MemorySessionLog()
    layers: Any = {"constrain": Constraints(quotas={"look": 2})}
    for number in range(3):
        provider = Slow(world.clock, [call(0, "look"), end()], [Chunk(text="done"), end("stop")])
        world.run(provider, Request("go", session_id="s"), session_log=log, layers=layers)
        assert told(provider)[-1].startswith("seen" if number < 2 else "Error: ")
    assert len(world.diary) == 2


@pytest.mark.parametrize("concurrency", [1, 2])
def test_the_limit_of_tools_side_by_side_holds(concurrency: int) -> None:
    """D14: early ones and late ones together, and none waits for ever."""
    world = World()
    running: list[int] = []
    peak: list[int] = []

    def made(name: str, read_only: bool) -> Any:
        @tool(name=name, read_only=read_only)
        async def work(n: int) -> str:
            """Work."""
            running.append(n)
            peak.append(len(running))
            await world.clock.sleep(10)
            running.remove(n)
            return str(n)

        return work

    names = ["read", "write", "read", "read", "write"]
    answer = [*[call(n, name, f'{{"n": {n}}}') for n, name in enumerate(names)], end()]
    provider = Slow(world.clock, answer, [Chunk(text="done"), end("stop")])
    harness = Harness(
        provider,
        tools=[made("read", True), made("write", False)],
        clock=world.clock,
        config=HarnessConfig(tool_concurrency=concurrency),
        session_log=MemorySessionLog(),
    )

    async def listen() -> None:
        async for _ in harness.stream(Request("go", session_id="s")):
            pass

    asyncio.run(listen())
    assert max(peak) == concurrency
    assert told(provider) == ["0", "1", "2", "3", "4"]


def test_arguments_that_change_at_the_end_are_what_runs() -> None:
    """D4: a call that was whole and grew on is judged by what the whole answer says."""
    world = World()
    more = Chunk(tool_calls=(ToolCallDelta(0, "", " x"),))
    provider = Slow(
        world.clock, [call(0, "look", '{"what": "a"}'), more, end()], [Chunk(text="done"), end("stop")]
    )
    world.run(provider, seconds=60)
    assert told(provider)[0].startswith("Error: ")
    assert world.cancelled == ["a"]


def test_calls_that_come_out_of_order_get_their_own_results() -> None:
    """D4: the later call of the answer comes first in the stream; no result goes to the wrong call."""
    world = World()
    answer = [call(1, "look", '{"what": "b"}'), call(0, "look", '{"what": "a"}'), end()]
    provider = Slow(world.clock, answer, [Chunk(text="done"), end("stop")])
    world.run(provider)
    assert told(provider) == ["seen a", "seen b"]


def test_a_tool_that_fails_early_is_told_like_any() -> None:
    """D12."""
    world = World()

    @tool(read_only=True)
    def look() -> str:
        """Look."""
        raise OSError("dark")

    provider = Slow(world.clock, [call(0, "look"), end()], [Chunk(text="done"), end("stop")])
    harness = Harness(provider, tools=[look], clock=world.clock)

    async def listen() -> None:
        async for _ in harness.stream("go"):
            pass

    asyncio.run(listen())
    assert told(provider) == ["Error: OSError: dark"]


class Crash(BaseException):
    """The process ends here."""


def crashing(at: int, kept: bool) -> tuple[MemorySessionLog, Callable[[], None]]:
    """Return a log that ends the process at an append, and what brings it back."""
    log, count = MemorySessionLog(), [0]
    append = log.append

    async def crash(session_id: str, seq: int, event: Event) -> None:
        count[0] += 1
        if count[0] > at + 1 or (count[0] == at + 1 and not kept):
            raise Crash
        await append(session_id, seq, event)
        if count[0] == at + 1:
            raise Crash

    log.append = crash  # type: ignore[method-assign]

    def back() -> None:
        log.append = append  # type: ignore[method-assign]

    return log, back


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("at", range(9))
def test_a_crash_at_any_event_is_resumed(at: int, kept: bool) -> None:
    """B34, C4: before or after the early intent, another instance ends the run with the same messages."""
    world = World()

    def model(prompt: Prompt) -> Any:
        if any(message.role == "tool" for message in prompt.messages):
            return "done"
        return [ToolCall("look", {"what": "a"}), ToolCall("pay")]

    log, back = crashing(at, kept)
    request = Request("go", session_id="s")
    with pytest.raises(Crash):
        world.run(ScriptedProvider([model] * 9), request, session_log=log)
    back()
    provider = ScriptedProvider([model] * 9)
    harness = Harness(provider, tools=world.tools(), clock=world.clock, session_log=log)
    state = harness.state_at("s")
    if state.request is None:
        return  # nothing was kept: there is nothing to resume
    result = harness.resume("s")
    assert result.content == "done"
    state = harness.state_at("s")
    assert [message.text for message in state.messages if message.role == "tool"] == ["seen a", "paid"]
    assert len(state.charges) == 2
