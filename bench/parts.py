"""What one part takes by itself, its output and the memory it keeps asserted; beside it, article 003.

The article's figures were taken of parts that had next to nothing to do, and nothing was asserted of
what they returned. They are no targets, and stand here to be compared: 41 ns filled a struct with two
messages, 1.8 ns returned at once because its budget allowed no snippet, 325 ns was always a hit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from pytest_llmharness import Message, Request, Schema
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.harness.context import ContextAssembler
from pytest_llmharness.harness.prompt import opening

from .row import Row, retained_bytes, together

SCHEMA = Schema({"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]})
REQUEST = Request("When do refunds arrive?", history=(Message.user("hello"), Message.assistant("hi")))
FAQ = {
    "refunds": "Refunds arrive within five days. " * 8,
    "jobs": "We hire cooks and drivers all year. " * 8,
    "opening": "The shop opens at nine and closes at six. " * 8,
}

MOST_KEPT_BYTES = 64
"""What a call may leave behind: the odd integer of the interpreter, and nothing of ours."""


def rows() -> Iterator[Row]:
    """Yield the first prompt, the assembled context and a cached answer."""
    yield _row("build the first prompt", _prompt, 41e-9, 200e-6)
    with asyncio.Runner() as runner:
        layer, prompt = ContextAssembler(), Prompt((Message.user(REQUEST.text),))
        cache = LRUCache(SystemClock(), capacity=1000)
        for number in range(1000):
            runner.run(cache.set(f"key {number}", b"answer %d" % number, 3600))

        async def assembled() -> None:
            done = await layer.assemble(prompt, documents=FAQ)
            assert "five days" in done.prompt.messages[0].text

        async def kept(times: int = 100) -> None:
            for number in range(times):
                assert await cache.get(f"key {number}") == b"answer %d" % number

        yield _row("assemble context of 3 documents", lambda: runner.run(assembled()), 1.8e-9, 20e-3)
        yield _row("get out of a full cache", lambda: runner.run(kept()), 325e-9, 50e-6, calls=100)


def _prompt() -> None:
    messages = opening(REQUEST, system="Be brief.", schema=SCHEMA, history=REQUEST.history[:1])
    assert [message.role for message in messages] == ["system", "user", "user", "assistant", "user"]
    assert '"days"' in messages[0].text


def _row(work: str, part: Callable[[], object], article_s: float, within_s: float, *, calls: int = 1) -> Row:
    [best] = together(part)
    kept = retained_bytes(part)
    assert kept < MOST_KEPT_BYTES, f"{work} keeps {kept:.0f} bytes a call"
    return Row(work, "article 003, nothing asserted", best / calls, article_s, within_s=within_s)
