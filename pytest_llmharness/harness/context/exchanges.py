"""Cuts a conversation where it may be cut: never between a call and its results."""

from __future__ import annotations

from collections.abc import Sequence

from ...domain.message import Message


def exchanges(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Return the smallest stretches that may leave a conversation on their own, in order.

    A message that calls tools, the results of its calls and whatever stands between them are one
    stretch, and so are results without a call with what stands before them. Every other message is
    a stretch of its own. Linear in the number of messages.

    Example:
        >>> call = ToolCall("look", id="c1")
        >>> talk = [Message.user("hi"), Message.assistant("", [call]), Message.tool(call, "4")]
        >>> [len(stretch) for stretch in exchanges(talk)]
        [1, 2]
    """
    ends = _ends(messages)
    stretches: list[tuple[Message, ...]] = []
    start = 0
    while start < len(messages):
        end = inner = start
        while inner <= end:
            end = max(end, ends[inner])
            inner += 1
        while end + 1 < len(messages) and messages[end + 1].role == "tool":
            end += 1
        stretches.append(tuple(messages[start : end + 1]))
        start = end + 1
    return stretches


def _ends(messages: Sequence[Message]) -> list[int]:
    """Return for each message the place of the last result that belongs to it, or its own."""
    last_result: dict[str, int] = {}
    ends = list(range(len(messages)))
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if message.role == "tool" and message.tool_call_id is not None:
            last_result.setdefault(message.tool_call_id, place)
        for call in message.tool_calls:
            # Taken out, so that an id used again later is not mistaken for this one's.
            if call.id is not None:
                ends[place] = max(ends[place], last_result.pop(call.id, place))
    return ends
