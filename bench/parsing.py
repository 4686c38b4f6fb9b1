"""Tool calls out of model output, whole and streamed, beside what people write by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pytest_llmharness import OutputParser

from .row import Row, together

CALL = {"name": "get_weather", "arguments": {"city": "Reykjavik", "days": 3, "unit": "c"}}
PROSE = "I looked at the forecast for you, and here is what I will ask next. "
_PAIR = re.compile("<tool_call>(.*?)</tool_call>", re.DOTALL)


def rows() -> Iterator[Row]:
    """Yield whole texts in every format, then one text that grows chunk by chunk."""
    parser = OutputParser()
    text = PROSE * 30 + f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
    assert [(call.name, call.arguments) for call in parser.parse(text).tool_calls] == _by_hand(text)
    ours, peer = together(lambda: parser.parse(text), lambda: _by_hand(text))
    yield Row("call in 2 KB, any of 37 formats", "re + json.loads, one format", ours, peer, slower=10)
    for prose in (600, 1200):
        yield _streamed(parser, PROSE * prose + f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>")


def _streamed(parser: OutputParser, text: str) -> Row:
    chunks = [text[at : at + 20] for at in range(0, len(text), 20)]

    def streamed() -> list[Any]:
        stream = parser.stream()
        calls = [event.call for chunk in chunks for event in stream.feed(chunk) if event.call]
        stream.close()
        return [(call.name, call.arguments) for call in calls]

    def by_hand() -> list[Any]:
        so_far = ""
        for chunk in chunks:
            so_far += chunk
            found = _by_hand(so_far)
        return found

    assert streamed() == by_hand() == _by_hand(text)
    ours, peer = together(streamed, by_hand)
    work = f"call streamed, {len(text) / 1000:.0f} KB, {len(chunks):,} chunks"
    return Row(work, "re + json.loads for each chunk", ours, peer, faster=2)


def _by_hand(text: str) -> list[Any]:
    found = (json.loads(body) for body in _PAIR.findall(text))
    return [(call["name"], call["arguments"]) for call in found]
