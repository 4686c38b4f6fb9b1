"""A conversation: messages made of text and tool-call parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .tool import ToolCall

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A stretch of plain text inside a message."""

    text: str


Part: TypeAlias = TextPart | ToolCall


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """One turn of a conversation.

    Args:
        role: "system", "user", "assistant" or "tool".
        content: text, or the parts in order.
        tool_call_id: on a tool message, the id of the call it answers.
        tool_name: on a tool message, the tool that answered (the Ollama dialect needs it).
    """

    role: Role
    parts: tuple[Part, ...]
    tool_call_id: str | None = None
    tool_name: str | None = None

    def __init__(
        self,
        role: Role,
        content: str | Iterable[Part] = (),
        *,
        tool_call_id: str | None = None,
        tool_name: str | None = None,
    ) -> None:
        parts = (TextPart(content),) if isinstance(content, str) else tuple(content)
        object.__setattr__(self, "role", role)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "tool_call_id", tool_call_id)
        object.__setattr__(self, "tool_name", tool_name)

    @classmethod
    def system(cls, text: str) -> Message:
        """The standing instruction."""
        return cls("system", text)

    @classmethod
    def user(cls, text: str) -> Message:
        """What the user said."""
        return cls("user", text)

    @classmethod
    def assistant(cls, text: str = "", tool_calls: Iterable[ToolCall] = ()) -> Message:
        """What the model answered: its text, then the calls it proposed."""
        head: tuple[Part, ...] = (TextPart(text),) if text else ()
        return cls("assistant", (*head, *tool_calls))

    @classmethod
    def tool(cls, call: ToolCall, text: str) -> Message:
        """What a tool returned for one call."""
        return cls("tool", text, tool_call_id=call.id, tool_name=call.name)

    @property
    def text(self) -> str:
        """The text parts, joined."""
        if len(self.parts) == 1 and isinstance(self.parts[0], TextPart):
            return self.parts[0].text
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool-call parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))
