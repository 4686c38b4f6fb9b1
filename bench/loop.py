"""A turn of a ten-turn tool loop, beside the same loop written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from pytest_llmharness import Harness, HarnessConfig, ScriptedProvider, ToolCall, tool

from .row import Row, together

TURNS = 10


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def rows() -> Iterator[Row]:
    """Yield the one row."""
    with asyncio.Runner() as runner:
        ours, bare = together(lambda: runner.run(_ours()), lambda: runner.run(_bare()))
    yield Row("a turn of a tool loop", "a bare asyncio loop", ours / TURNS, bare / TURNS, slower=8)


async def _ours() -> None:
    calls = [ToolCall("add", {"a": 1, "b": 2})] * (TURNS - 1)
    config = HarnessConfig(max_iterations=20, max_tool_depth=20)
    result = await Harness(ScriptedProvider([*calls, "done"]), tools=[add], config=config).arun("go")
    assert result.content == "done"
    assert len(result.metadata["attempts"]) == TURNS


async def _bare() -> None:
    async def model(messages: list[Any]) -> dict[str, Any]:
        return {"text": "done"} if len(messages) >= 2 * TURNS - 1 else {"call": {"a": 1, "b": 2}}

    async def call(arguments: dict[str, int]) -> int:
        return arguments["a"] + arguments["b"]

    messages: list[Any] = [{"role": "user", "content": "go"}]
    while "text" not in (answer := await model(messages)):
        messages += [answer, {"role": "tool", "content": await call(answer["call"])}]
    assert len(messages) == 2 * TURNS - 1
