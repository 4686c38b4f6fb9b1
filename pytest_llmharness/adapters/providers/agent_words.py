"""What an agent is told and what it says: conversations, answers and token counts in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...domain.message import Message
from ...domain.usage import Usage
from ...harness.constrain import answer_text


class NoReply(ValueError):
    """What an agent returned holds no answer."""


def transcript(messages: Sequence[Message]) -> str:
    """Return a conversation as one text; a single message is its own text."""
    if len(messages) == 1:
        return messages[0].text
    return "\n\n".join(f"{message.role.capitalize()}:\n{words_of(message)}" for message in messages)


def words_of(message: Message) -> str:
    """Return a message as text, its calls too."""
    calls = [f"(calls {call.name} with {call.arguments_text})" for call in message.tool_calls]
    return "\n".join(filter(None, [message.text, *calls]))


def turn(message: Message) -> dict[str, Any]:
    """Return a message in the form that LangChain reads."""
    turn: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        calls = [{"name": call.name, "args": call.arguments, "id": call.id} for call in message.tool_calls]
        turn["tool_calls"] = calls
    if message.role == "tool":
        turn |= {"tool_call_id": message.tool_call_id or "", "name": message.tool_name}
    return turn


def content_of(message: Any) -> str:
    """Return what a message of another framework says; of blocks of content, those that are text.

    Raises:
        NoReply: it says nothing that has a text.
    """
    content = getattr(message, "content", message)
    if not isinstance(content, list):
        return answer(content)
    texts = [block.get("text") if isinstance(block, Mapping) else block for block in content]
    return "".join(text for text in texts if isinstance(text, str))


def answer(value: Any) -> str:
    """Return a value as text, records as JSON.

    Raises:
        NoReply: there is nothing, or nothing that has a text.
    """
    if value is None:
        raise NoReply("it returned None")
    try:
        return answer_text(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise NoReply(str(error)) from error


def counted(reports: Iterable[Any]) -> Usage:
    """Add up what a framework says of tokens, under the names that there are; what is none counts 0."""
    total = Usage()
    for report in reports:
        told = report if isinstance(report, Mapping) else getattr(report, "__dict__", {})
        total += Usage(
            _count(told, "input_tokens", "prompt_tokens"), _count(told, "output_tokens", "completion_tokens")
        )
    return total


def _count(told: Mapping[str, Any], *names: str) -> int:
    return next((told[name] for name in names if isinstance(told.get(name), int)), 0)
