"""Agents of exactly the shape that LangGraph 1.2, CrewAI 1.15 and AutoGen 0.7 showed when they were run.

The real ones are asked beside this, where they are installed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

Think = Callable[[str], Any]


def answering(*answers: str) -> Think:
    """A mind that says these one after the other, and the last one from then on."""
    left = list(answers)

    def think(said: str) -> str:
        return left.pop(0) if len(left) > 1 else left[0]

    return think


class Graph:
    """A compiled StateGraph over MessagesState: state in, state out, usage on the model's messages."""

    def __init__(self, think: Think, names: Iterable[str] = ("messages",)) -> None:
        self.think, self.names, self.states = think, names, list[Mapping[str, Any]]()

    def get_input_jsonschema(self, config: Any = None) -> dict[str, Any]:
        return {"type": "object", "properties": {name: {} for name in self.names}}

    def invoke(self, input: Any, config: Any = None) -> Any:
        raise AssertionError("the async face is the one to call")

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> dict[str, Any]:
        self.states.append(input)
        content = self.think(input["messages"][-1]["content"])
        if isinstance(content, Awaitable):
            content = await content
        step = SimpleNamespace(content="", usage_metadata={"input_tokens": 3, "output_tokens": 4})
        last = SimpleNamespace(content=content, usage_metadata={"input_tokens": 5, "output_tokens": 6})
        return {"messages": [*input["messages"], step, last]}


class ChatModel:
    """A BaseChatModel, or a chain that begins with one: takes the messages themselves."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Mapping[str, Any]]] = []

    def get_input_jsonschema(self, config: Any = None) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, {"type": "array"}]}

    def invoke(self, input: Sequence[Mapping[str, Any]], config: Any = None) -> Any:
        self.asked.append(input)
        blocks = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "two "}, "blocks"]
        return SimpleNamespace(content=blocks, usage_metadata=None)


class Crew:
    """A Crew: fills the inputs into its tasks, blocks, and counts tokens from the day it was made."""

    def __init__(self, think: Think, description: str = "Do: {input}") -> None:
        self.think = think
        self.tasks = [SimpleNamespace(description=description, _original_description=None)]
        self.runs, self.at_once, self.most_at_once = 0, 0, 0
        self._lock = threading.Lock()

    def calculate_usage_metrics(self) -> Any:
        return SimpleNamespace(prompt_tokens=3 * self.runs, completion_tokens=4 * self.runs, total_tokens=0)

    def kickoff(self, inputs: dict[str, Any] | None = None, input_files: Any = None) -> Any:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            task = self.tasks[0]
            task._original_description = task._original_description or task.description
            task.description = task._original_description.replace("{input}", (inputs or {})["input"])
            raw = self.think(task.description)
        finally:
            with self._lock:
                self.at_once -= 1
        self.runs += 1
        return SimpleNamespace(raw=raw, token_usage=self.calculate_usage_metrics())


class LoneAgent:
    """A CrewAI Agent without a crew: takes messages."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def kickoff(self, messages: Any, response_format: Any = None) -> Any:
        self.asked.append(messages)
        return SimpleNamespace(raw="alone", usage_metrics={"prompt_tokens": 3, "completion_tokens": 4})


class Team:
    """A RoundRobinGroupChat: remembers its runs, and makes one at a time."""

    def __init__(self, think: Think) -> None:
        self.think, self.running, self.seen = think, False, list[str]()

    async def reset(self) -> None:
        if self.running:
            raise RuntimeError(
                "The group chat is currently running. It must be stopped before it can be reset."
            )
        self.seen.clear()

    async def run(
        self, *, task: str | None = None, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> Any:
        if self.running:
            raise ValueError("The team is already running, it cannot run again until it is stopped.")
        self.running = True
        self.seen.append(task or "")
        content = self.think(task or "")
        if isinstance(content, Awaitable):
            content = await content
        await asyncio.sleep(0)
        self.running = False
        usage = SimpleNamespace(prompt_tokens=3, completion_tokens=4)
        asked = SimpleNamespace(content=task, models_usage=None)
        return SimpleNamespace(messages=[asked, SimpleNamespace(content=content, models_usage=usage)])


class Assistant(Team):
    """An AssistantAgent: the same `run`, and another name for its reset."""

    reset = None  # type: ignore[assignment]

    async def on_reset(self, cancellation_token: Any) -> None:
        self.seen.clear()
