"""The ten-turn tool loop in pydantic-ai; prints the seconds of its best run."""

from __future__ import annotations

import asyncio
import time

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

CALLS, RUNS = 9, 40


def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:  # noqa: ARG001 - its signature
    """Call the tool nine times, then answer."""
    if len(messages) > 2 * CALLS:
        return ModelResponse(parts=[TextPart("done")])
    return ModelResponse(parts=[ToolCallPart("add", {"a": 1, "b": 2})])


async def main() -> float:
    """Return the best time of a run."""
    called = 0

    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        nonlocal called
        called += 1
        return a + b

    agent = Agent(FunctionModel(model), tools=[add])
    best = float("inf")
    for _ in range(RUNS):
        called, began = 0, time.perf_counter()
        result = await agent.run("go")
        best = min(best, time.perf_counter() - began)
        assert (result.output, called) == ("done", CALLS)
    return best


print(asyncio.run(main()))
