"""Tools of a live harness: added, removed, and asked for at each run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import Harness, HarnessConfig, ScriptedProvider, ToolCall, VirtualClock, tool
from pytest_llmharness.errors import ConfigError


@tool(read_only=True)
def look() -> str:
    """Look."""
    return "seen"


@tool(read_only=True)
def listen() -> str:
    """Listen."""
    return "heard"


@tool
def sing() -> str:
    """Sing."""
    return "sung"


def offered(provider: ScriptedProvider) -> list[list[str]]:
    return [[spec.name for spec in prompt.tools] for prompt in provider.prompts]


def test_tools_come_and_go_between_runs() -> None:
    """D28: the next run is offered what was added, and can call it; what was removed is unknown to it."""
    provider = ScriptedProvider(["a", ToolCall("listen"), "b", ToolCall("look"), "c"])
    harness = Harness(provider, tools=[look], clock=VirtualClock())
    harness.run("one")
    harness.add_tools(listen)
    harness.run("two")
    harness.remove_tools("look")
    harness.run("three")
    assert offered(provider) == [["look"], *[["look", "listen"]] * 2, *[["listen"]] * 2]
    assert provider.prompts[2].messages[-1].text == "heard"
    assert "unknown tool 'look'" in provider.prompts[4].messages[-1].text


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_is_asked_at_each_run(is_async: bool) -> None:
    """D28: a tool server whose list changes, say."""
    lists = [[look], [look, listen], []]
    asked: list[int] = []

    def tools() -> list[Any]:
        asked.append(1)
        return lists[len(asked) - 1]

    async def later() -> list[Any]:
        await asyncio.sleep(0)
        return tools()

    provider = ScriptedProvider(["a", "b", "c"])
    harness = Harness(provider, tools=later if is_async else tools, clock=VirtualClock())
    for text in ("one", "two", "three"):
        harness.run(text)
    assert offered(provider) == [["look"], ["look", "listen"], []]


def test_what_is_added_and_removed_stands_beside_what_a_function_returns() -> None:
    """An own tool joins the listed ones; a listed one that was removed stays away."""
    provider = ScriptedProvider(["a", "b", "c"])
    harness = Harness(provider, tools=lambda: [look, sing], clock=VirtualClock())
    harness.add_tools(listen)
    harness.run("one")
    harness.remove_tools("look")
    harness.run("two")
    harness.remove_tools("sing")
    harness.run("three")
    assert offered(provider) == [["look", "sing", "listen"], ["sing", "listen"], ["listen"]]


def test_a_run_keeps_the_tools_it_began_with() -> None:
    """What changes in the middle of a run counts from the next one on."""

    @tool(read_only=True)
    def meddle() -> str:
        """Change the tools while they are used."""
        harness.add_tools(listen)
        harness.remove_tools("meddle")
        return "done"

    provider = ScriptedProvider([ToolCall("meddle"), "a", "b"])
    harness = Harness(provider, tools=[meddle], clock=VirtualClock())
    harness.run("one")
    harness.run("two")
    assert offered(provider) == [["meddle"], ["meddle"], ["listen"]]


def test_tools_that_stay_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that does not change costs no compilation, one that grows only that of the new tool."""
    import pytest_llmharness.schema

    compiled: list[Any] = []
    original = pytest_llmharness.schema.Schema

    def counting(source: Any, **settings: Any) -> Any:
        compiled.append(source)
        return original(source, **settings)

    monkeypatch.setattr(pytest_llmharness.schema, "Schema", counting)
    lists = [[look], [look], [look, listen], [look, listen]]
    harness = Harness(ScriptedProvider(["done"] * 4), tools=lambda: lists.pop(0), clock=VirtualClock())
    counts = []
    while lists:
        harness.run("go")
        counts.append(len(compiled))
    assert counts == [1, 1, 2, 2]


def test_the_constraints_hold_for_what_comes_later() -> None:
    """B14: a tool that is allowed by name may come later; one that is not stays unknown."""
    provider = ScriptedProvider(["a", "b"])
    config = HarnessConfig(allowed_tools=("listen",))
    harness = Harness(provider, tools=lambda: [look, listen], config=config, clock=VirtualClock())
    harness.run("one")
    assert offered(provider) == [["listen"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda harness: harness.add_tools(look), "two tools have the name 'look'"),
        (lambda harness: harness.add_tools(listen, listen), "two tools have the name 'listen'"),
        (lambda harness: harness.add_tools(len), "is no tool"),
        (lambda harness: harness.remove_tools("dance"), "no tool has the name 'dance'"),
    ],
)
def test_a_change_that_cannot_work_changes_nothing(change: Any, words: str) -> None:
    """The error comes at once, with a fix."""
    provider = ScriptedProvider(["a"])
    harness = Harness(provider, tools=[look], clock=VirtualClock())
    with pytest.raises(ConfigError, match=words) as caught:
        change(harness)
    assert caught.value.fix
    harness.run("go")
    assert offered(provider) == [["look"]]


def test_a_function_that_fails_is_named() -> None:
    """The run does not go on with tools that nobody listed."""

    def tools() -> list[Any]:
        raise OSError("no tool server today")

    with pytest.raises(ConfigError, match="no tool server today") as caught:
        Harness(ScriptedProvider([]), tools=tools).run("go")
    assert "tools=tools" in caught.value.where


def test_tools_outlive_a_change_of_the_file(tmp_path: Path) -> None:
    """D28: what was added stays when the configuration is read again."""
    path = tmp_path / "harness.yaml"
    path.write_text("system: one")
    provider = ScriptedProvider(["a", "b"])
    harness = Harness.from_config(path, provider=provider, tools=[look], clock=VirtualClock())
    harness.add_tools(listen)
    harness.run("go")
    path.write_text("system: another")
    harness.run("go")
    assert offered(provider) == [["look", "listen"]] * 2
    assert provider.prompts[1].messages[0].text == "another"
