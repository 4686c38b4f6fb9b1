"""Every port fails once: no run is lost to it but where going on would be a lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    tool,
)
from pytest_llmharness.adapters.stores.memory_notes import MemoryNotes
from pytest_llmharness.errors import SessionLogError
from pytest_llmharness.harness.context import ContextAssembler
from pytest_llmharness.harness.degrade import Breaker, Degrade
from pytest_llmharness.harness.user_memory import UserMemory

Face = Callable[[Harness, Any], LLMResult]
ASKED = Request("go", session_id="s", user="maria")


def whole(harness: Harness, request: Any) -> LLMResult:
    return harness.run(request)


def streamed(harness: Harness, request: Any) -> LLMResult:
    async def last() -> Any:
        return [event async for event in harness.stream(request)][-1].data["result"]

    return asyncio.run(last())  # type: ignore[no-any-return]


@pytest.fixture(params=[whole, streamed])
def face(request: pytest.FixtureRequest) -> Face:
    return request.param  # type: ignore[no-any-return]


class Broken:
    """Whatever is asked of it fails."""

    name = model = "broken"

    def __getattr__(self, name: str) -> Any:
        async def fail(*args: Any, **settings: Any) -> Any:
            raise OSError("down")

        return fail

    def start_span(self, *args: Any) -> Any:
        raise OSError("down")

    event = start_span

    async def stream(self, prompt: Any) -> Any:
        raise OSError("down")
        yield


@tool(read_only=True)
def look() -> str:
    """Look."""
    return "seen"


@tool
def send() -> str:
    """Send."""
    raise OSError("down")


BROKEN: dict[str, Callable[[], dict[str, Any]]] = {
    "cache": lambda: {"cache": Broken()},
    "tracer": lambda: {"tracer": Broken()},
    "store": lambda: {"store": Broken()},
    "memory": lambda: {"memory": UserMemory(Broken())},
    "retriever": lambda: {"retriever": Broken()},
    "summarizer": lambda: {"memory": UserMemory(MemoryNotes(), summarizer=Broken())},
    "breaker states": lambda: {"layers": {"degrade": Degrade(breaker=Breaker(Broken(), VirtualClock()))}},
    "context summarizer": lambda: {"layers": {"context": ContextAssembler(summarizer=Broken())}},
}


@pytest.mark.parametrize("port", BROKEN)
def test_a_run_goes_on_without_what_only_helps(port: str, face: Face) -> None:
    """D26: the answer comes all the same, with the tool's result in its prompt."""
    provider = ScriptedProvider([ToolCall("look"), "fine"])
    result = face(Harness(provider, tools=[look], clock=VirtualClock(), **BROKEN[port]()), ASKED)
    assert (result.success, result.content) == (True, "fine")
    assert provider.prompts[1].messages[-1].text == "seen"


def test_a_provider_that_fails_ends_in_a_result(face: Face) -> None:
    """D26: named, with words for the user; nothing is raised."""
    result = face(Harness(Broken(), clock=VirtualClock(), config=HarnessConfig(max_retries=0)), ASKED)
    assert not result.success
    assert result.metadata["failure_reason"] == "provider_refused"
    assert "down" not in result.metadata["user_message"]


def test_a_tool_that_fails_costs_its_own_answer(face: Face) -> None:
    """D12, D26: the model is told, the other tool's result is kept, and the run goes on."""
    provider = ScriptedProvider([[ToolCall("send"), ToolCall("look")], "fine"])
    result = face(Harness(provider, tools=[look, send], clock=VirtualClock()), ASKED)
    assert result.success
    assert [message.text for message in provider.prompts[1].messages[-2:]] == ["Error: OSError: down", "seen"]


def test_an_approver_that_fails_is_a_no(face: Face) -> None:
    """D26, B21: what nobody could allow does not run."""
    provider = ScriptedProvider([ToolCall("delete_all"), "fine"])
    ran = []

    @tool
    def delete_all() -> str:
        """Delete everything."""
        ran.append(1)
        return "gone"

    result = face(Harness(provider, tools=[delete_all], approver=Broken(), clock=VirtualClock()), ASKED)
    assert (result.success, ran) == (True, [])
    assert provider.prompts[1].messages[-1].text.startswith("Error: ")


def test_a_limiter_that_fails_lets_nobody_through(face: Face) -> None:
    """D26: a rate that cannot be kept is not passed over."""
    provider = ScriptedProvider(["never"])
    result = face(
        Harness(provider, limiter=Broken(), clock=VirtualClock(), config=HarnessConfig(max_retries=0)), ASKED
    )
    assert (result.success, provider.prompts) == (False, [])


def test_a_log_that_fails_stops_the_effect(face: Face) -> None:
    """C3: what cannot be written down does not happen."""
    provider = ScriptedProvider(["never"])

    class Unwritable:
        async def append(self, *args: Any) -> None:
            raise OSError("down")

        async def read(self, *args: Any) -> Any:
            for nothing in ():
                yield nothing

    with pytest.raises(SessionLogError, match="down"):
        face(Harness(provider, session_log=Unwritable(), clock=VirtualClock()), ASKED)
    assert provider.prompts == []
