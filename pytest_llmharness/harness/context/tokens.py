"""What a prompt costs in tokens: texts, calls, tools, and what a chat template puts round them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...domain.message import Message, TextPart
from ...domain.prompt import Prompt
from ...domain.tool import ToolSpec

if TYPE_CHECKING:
    from ...ports.counter import TokenCounter

# ChatML and Llama 3 spend 5 tokens on a message's frame, OpenAI's templates 4; opening the answer
# costs 3 to 5. The larger number keeps a prompt inside its window.
MESSAGE_FRAME = 5
PROMPT_FRAME = 5


def message_tokens(message: Message, counter: TokenCounter) -> int:
    """Return what one message costs, its frame included."""
    parts = message.parts
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return MESSAGE_FRAME + counter.count(parts[0].text)
    tokens = MESSAGE_FRAME + counter.count(message.text)
    for call in message.tool_calls:
        tokens += MESSAGE_FRAME + counter.count(call.name) + counter.count(call.arguments_text)
    return tokens


def tool_tokens(tools: Iterable[ToolSpec], counter: TokenCounter) -> int:
    """Return what the tool descriptions cost, written as JSON."""
    return sum(MESSAGE_FRAME + counter.count(_written(tool)) for tool in tools)


def prompt_tokens(prompt: Prompt, counter: TokenCounter) -> int:
    """Return what a whole prompt costs; the answer is not counted."""
    return messages_tokens(prompt.messages, counter) + tool_tokens(prompt.tools, counter)


def messages_tokens(messages: Iterable[Message], counter: TokenCounter) -> int:
    """Return what a prompt costs without its tools."""
    return PROMPT_FRAME + sum([message_tokens(message, counter) for message in messages])


def _written(tool: ToolSpec) -> str:
    fields = {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}
    return json.dumps(fields, ensure_ascii=False, default=str)
