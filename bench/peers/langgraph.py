"""The ten-turn tool loop in langgraph; prints the seconds of its best run."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

CALLS, RUNS = 9, 40


async def model(state: MessagesState) -> dict[str, Any]:
    """Call the tool nine times, then answer."""
    asked = len(state["messages"])
    if asked > 2 * CALLS:
        return {"messages": [AIMessage("done")]}
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call_{asked}", "type": "tool_call"}
    return {"messages": [AIMessage("", tool_calls=[call])]}


async def main() -> float:
    """Return the best time of a run."""
    called = 0

    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        nonlocal called
        called += 1
        return a + b

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    graph.add_node("tools", ToolNode([add]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    graph.add_edge("tools", "model")
    app = graph.compile()
    best = float("inf")
    for _ in range(RUNS):
        called, began = 0, time.perf_counter()
        result = await app.ainvoke({"messages": [("user", "go")]}, {"recursion_limit": 50})
        best = min(best, time.perf_counter() - began)
        assert (result["messages"][-1].content, called) == ("done", CALLS)
    return best


print(asyncio.run(main()))
