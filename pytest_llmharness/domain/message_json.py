"""Messages as JSON values and back, for whatever keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .message import Message, TextPart
from .tool import ToolCall


def call_to_json(call: ToolCall) -> dict[str, Any]:
    """Return a tool call as JSON values."""
    return {"name": call.name, "arguments": call.arguments, "id": call.id, "raw": call.raw_arguments}


def call_from_json(data: Mapping[str, Any]) -> ToolCall:
    """Return the call that `call_to_json` wrote."""
    return ToolCall(data["name"], data["arguments"], data["id"], data["raw"])


def message_to_json(message: Message) -> dict[str, Any]:
    """Return a message as JSON values."""
    parts = [part.text if isinstance(part, TextPart) else call_to_json(part) for part in message.parts]
    return {
        "role": message.role,
        "parts": parts,
        "tool_call_id": message.tool_call_id,
        "tool_name": message.tool_name,
    }


def message_from_json(data: Mapping[str, Any]) -> Message:
    """Return the message that `message_to_json` wrote."""
    parts = [TextPart(part) if isinstance(part, str) else call_from_json(part) for part in data["parts"]]
    return Message(data["role"], parts, tool_call_id=data["tool_call_id"], tool_name=data["tool_name"])
