"""Tools that come after others: the order of the calls of one answer, and what follows a failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    tool,
)
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.constrain import Constraints
from pytest_llmharness.harness.gate.decision import Gate
from pytest_llmharness.harness.gate.policy import Policy
from pytest_llmharness.harness.gate.rules import Rule

CLOCK = VirtualClock()


def tools_of(seen: list[str], *, fails: bool = False, **after: tuple[str, ...]) -> list[Any]:
    """Return the tools build, test and ship, each slower than the one before it."""

    def made(name: str, seconds: float) -> Any:
        @tool(name=name, after=after.get(name, ()))
        async def step() -> str:
            """Do a step."""
            await CLOCK.sleep(seconds)
            seen.append(name)
            if fails and name == "build":
                raise ValueError("no compiler")
            return f"{name} done"

        return step

    return [made("build", 3), made("test", 2), made("ship", 1)]


CHAIN = {"test": ("build",), "ship": ("test", "build")}


def ran(tools: list[Any], names: str, **parts: Any) -> tuple[LLMResult, list[str]]:
    """Run one answer with these calls; return what the tools told the model."""
    provider = ScriptedProvider([[ToolCall(name) for name in names.split()], "done"])
    result = Harness(provider, tools=tools, clock=CLOCK, **parts).run("go")
    return result, [message.text for message in provider.prompts[-1].messages if message.role == "tool"]


@pytest.mark.parametrize("names", ["build test ship", "ship test build", "test ship build"])
@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_calls_run_in_the_order_their_tools_ask_for(names: str, concurrency: int) -> None:
    """D28: whatever order the model writes them in; the results come in that of the calls."""
    seen: list[str] = []
    config = HarnessConfig(tool_concurrency=concurrency)
    _, told = ran(tools_of(seen, **CHAIN), names, config=config)
    assert seen == ["build", "test", "ship"]
    assert told == [f"{name} done" for name in names.split()]


def test_without_an_order_they_run_side_by_side() -> None:
    """The named difference: the quickest is done first."""
    seen: list[str] = []
    ran(tools_of(seen), "build test ship")
    assert seen == ["ship", "test", "build"]


def test_what_comes_after_a_failure_is_not_called() -> None:
    """D28, D12: nothing is shipped that was not built; the model is told why, and the run goes on."""
    seen: list[str] = []
    result, told = ran(tools_of(seen, fails=True, **CHAIN), "ship build test")
    assert seen == ["build"]
    assert told[1] == "Error: ValueError: no compiler"
    assert "comes after build, and that failed" in told[2]
    assert told[0].startswith("Error: ship comes after")
    assert result.success


def test_what_comes_after_a_refused_call_is_not_called() -> None:
    """A quota that is spent counts as a failure; what was not called is charged to no quota."""
    seen: list[str] = []
    layers: Any = {"constrain": Constraints(quotas={"build": 0, "test": 1})}
    script = [[ToolCall("test"), ToolCall("build")], ToolCall("test"), "done"]
    provider = ScriptedProvider(script)
    Harness(provider, tools=tools_of(seen, **CHAIN), clock=CLOCK, layers=layers).run("go")
    told = [message.text for message in provider.prompts[-1].messages if message.role == "tool"]
    assert "comes after build" in told[0]
    assert (seen, told[2]) == (["test"], "test done")


def test_a_call_alone_needs_nothing_before_it() -> None:
    """Only calls of the same answer are waited for."""
    seen: list[str] = []
    assert ran(tools_of(seen, **CHAIN), "ship")[1] == ["ship done"]


def test_what_waits_for_a_persons_yes_holds_up_what_comes_after_it() -> None:
    """B21: the others run; with the yes, those that came after it do too."""
    seen: list[str] = []
    answers: list[bool | None] = [None, True]

    class Person:
        async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool | None:
            return answers.pop(0) if call.name == "build" else True

    log = MemorySessionLog()
    calls = [ToolCall("ship", id="c1"), ToolCall("build", id="c2"), ToolCall("look", id="c3")]
    gate = Gate(Policy(rules=(Rule("ask", "approve", ("build",)),)), approver=Person())

    @tool(read_only=True)
    def look() -> str:
        """Look."""
        seen.append("look")
        return "seen"

    tools = [*tools_of(seen, **CHAIN), look]
    harness = Harness(ScriptedProvider([calls, "done"]), tools=tools, clock=CLOCK, gate=gate, session_log=log)
    first = harness.run(Request("go", session_id="s"))
    assert (first.metadata["failure_reason"], seen) == ("pending_approval", ["look"])
    assert harness.resume("s").success
    assert seen == ["look", "build", "ship"]


def test_a_failure_before_a_crash_still_counts() -> None:
    """C4: what failed is in the log; after the crash nothing that comes after it is called."""

    class Crash(BaseException):
        pass

    seen: list[str] = []
    log = MemorySessionLog()
    append = log.append

    async def crashes(session_id: str, seq: int, event: Any) -> None:
        if event.kind == "tool_result" and event.data["tool"] == "ship":
            raise Crash
        await append(session_id, seq, event)

    log.append = crashes  # type: ignore[method-assign]
    calls = [ToolCall("build", id="c1"), ToolCall("ship", id="c2")]
    with pytest.raises(Crash):
        Harness(
            ScriptedProvider([calls]), tools=tools_of(seen, fails=True, **CHAIN), clock=CLOCK, session_log=log
        ).run(Request("go", session_id="s"))
    log.append = append  # type: ignore[method-assign]
    provider = ScriptedProvider(["done"])
    harness = Harness(provider, tools=tools_of(seen, **CHAIN), clock=CLOCK, session_log=log)
    assert harness.resume("s").success
    assert seen == ["build"]
    assert "comes after build" in provider.prompts[0].messages[-1].text


@pytest.mark.parametrize(
    "after",
    [{"build": ("build",)}, {"build": ("ship",), **CHAIN}, {"build": ("test",), "test": ("build",)}],
)
def test_tools_that_wait_for_each_other_are_refused_at_the_door(after: dict[str, tuple[str, ...]]) -> None:
    """A circle would wait for ever: the error names it."""
    with pytest.raises(ConfigError, match="wait for each other") as caught:
        Harness(ScriptedProvider([]), tools=tools_of([], **after))
    assert "after=" in caught.value.fix


def test_cancelling_ends_those_that_wait() -> None:
    """D15: no task is left behind a run that is cancelled while one call waits for another."""
    started = asyncio.Event()

    @tool
    async def build() -> str:
        """Build, for ever."""
        started.set()
        await asyncio.Event().wait()
        return ""

    async def cancel() -> set[Any]:
        harness = Harness(
            ScriptedProvider([[ToolCall("build"), ToolCall("ship")]]),
            tools=[build, tools_of([], **CHAIN)[2]],
            clock=CLOCK,
        )
        task = asyncio.ensure_future(harness.arun("go"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(cancel()) == set()
