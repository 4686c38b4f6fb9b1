"""What one part takes by itself, its output asserted; beside it, what article 003 gives for it.

The article's figures (41, 1.8 and 325 ns) were taken of parts that had next to nothing to do, and
nothing was asserted of what they returned: they are no targets, and stand here to be compared.
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

from .row import Row, together

SCHEMA = Schema({"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]})
REQUEST = Request("When do refunds arrive?", history=(Message.user("hello"), Message.assistant("hi")))
FAQ = {
    "refunds": "Refunds arrive within five days. " * 8,
    "jobs": "We hire cooks and drivers all year. " * 8,
    "opening": "The shop opens at nine and closes at six. " * 8,
}


def rows() -> Iterator[Row]:
    """Yield the first prompt, the assembled context and a cached answer."""
    yield _row("build the first prompt", _prompt, 41e-9)
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

        yield _row("assemble context of 3 documents", lambda: runner.run(assembled()), 1.8e-9)
        yield _row("get out of a full cache", lambda: runner.run(kept()), 325e-9, calls=100)


def _prompt() -> None:
    messages = opening(REQUEST, system="Be brief.", schema=SCHEMA, history=REQUEST.history[:1])
    assert [message.role for message in messages] == ["system", "user", "user", "assistant", "user"]
    assert '"days"' in messages[0].text


def _row(work: str, part: Callable[[], object], article_s: float, calls: int = 1) -> Row:
    [best] = together(part)
    return Row(work, "article 003, nothing asserted", best / calls, article_s)
