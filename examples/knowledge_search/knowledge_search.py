"""Answer questions over a knowledge graph and a folder of files: an application as you might have it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from file_metadata import FileMetadata
from knowledge_graph import KnowledgeGraph, KnowledgeSearch

from pytest_llmharness import Harness, LLMResult, Request

HERE = Path(__file__).parent
CONFIG, GRAPH, FILES = HERE / "harness.yaml", HERE / "knowledge.json", HERE / "files"


def assistant(
    files: Path = FILES, *, graph: KnowledgeGraph | None = None, config: Path = CONFIG, **parts: Any
) -> Harness:
    """Make the assistant as its configuration file says; tests replace single parts."""
    tools = [KnowledgeSearch(graph or KnowledgeGraph.load(GRAPH)), FileMetadata(files)]
    return Harness.from_config(config, tools=tools, **parts)


async def show(harness: Harness, request: Request | str, write: Callable[[str], object]) -> LLMResult:
    """Write an answer while it comes, with what is looked up on the way; return the result."""
    async with aclosing(harness.stream(request)) as events:
        async for event in events:
            if event.kind == "text_delta":
                write(event.data["text"])
            elif event.kind == "tool_execution":
                write(f"\n[{event.data['tool']} {event.data['arguments']}]\n")
            elif event.kind == "tool_result" and not event.data["ok"]:
                write(f"[{event.data['text']}]\n")
    result: LLMResult = event.data["result"]  # of the last event
    if not result.success:
        write(f"\n[no answer: {result.metadata['failure_reason']}: {result.content}]")
    return result


async def main(words: list[str]) -> int:
    if not words or words == ["--resume"]:
        print("usage: python knowledge_search.py QUESTION | --resume SESSION", file=sys.stderr)
        return 2
    async with assistant() as harness:
        if words[0] == "--resume":
            result = await harness.aresume(words[1])
            print(result.content)
        else:
            result = await show(harness, " ".join(words), partial(print, end="", flush=True))
        print(f"\n[session {result.metadata['session_id']}]")
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
