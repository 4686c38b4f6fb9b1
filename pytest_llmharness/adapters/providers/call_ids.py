"""Tool-call ids for dialects that demand them, where the history came from one without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from ...domain.message import Message
from ...domain.tool import ToolCall


def with_call_ids(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return the messages with an id in every tool call and every tool result.

    A result without an id answers the oldest open call of its tool, else the oldest open call.
    """
    numbers = count(1)
    open_calls: list[ToolCall] = []
    named: list[Message] = []
    for message in messages:
        if message.role == "tool" and message.tool_call_id is None:
            call = _answered(message, open_calls)
            named.append(_answering(message, call.id if call else None))
            continue
        parts = tuple(
            replace(part, id=part.id or f"call_{next(numbers)}") if isinstance(part, ToolCall) else part
            for part in message.parts
        )
        open_calls += [part for part in parts if isinstance(part, ToolCall)]
        named.append(
            Message(message.role, parts, tool_call_id=message.tool_call_id, tool_name=message.tool_name)
        )
    return tuple(named)


def _answered(message: Message, open_calls: list[ToolCall]) -> ToolCall | None:
    same = [call for call in open_calls if call.name == message.tool_name]
    call = next(iter(same or open_calls), None)
    if call is not None:
        open_calls.remove(call)
    return call


def _answering(message: Message, call_id: str | None) -> Message:
    return Message("tool", message.parts, tool_call_id=call_id, tool_name=message.tool_name)
