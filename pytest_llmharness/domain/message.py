"""A conversation: messages made of text and tool-call parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from .frozen import dataclass
from .tool import ToolCall

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A stretch of plain text inside a message."""

    text: str


Part: TypeAlias = TextPart | ToolCall

_set = object.__setattr__  # named once: three times as quick as to look it up for every field


def _made(
    kind: type[Message],
    role: Role,
    parts: tuple[Part, ...],
    tool_call_id: str | None = None,
    tool_name: str | None = None,
) -> Message:
    """Return a message whose parts are known to be parts."""
    message = object.__new__(kind)
    _fill(message, role, parts, tool_call_id, tool_name)
    return message


def _fill(
    message: Message, role: Role, parts: tuple[Part, ...], tool_call_id: str | None, tool_name: str | None
) -> None:
    _set(message, "role", role)
    _set(message, "parts", parts)
    _set(message, "tool_call_id", tool_call_id)
    _set(message, "tool_name", tool_name)


def _parts(content: str | Iterable[Part]) -> tuple[Part, ...]:
    return (TextPart(content),) if isinstance(content, str) else tuple(content)


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
        _fill(self, role, _parts(content), tool_call_id, tool_name)

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
        return _made(cls, "assistant", (TextPart(text), *tool_calls) if text else tuple(tool_calls))

    @classmethod
    def tool(cls, call: ToolCall, text: str) -> Message:
        """What a tool returned for one call."""
        return _made(cls, "tool", (TextPart(text),), call.id, call.name)

    @property
    def text(self) -> str:
        """The text parts, joined."""
        parts = self.parts
        if len(parts) == 1 and isinstance(parts[0], TextPart):
            return parts[0].text
        return "".join([part.text for part in parts if isinstance(part, TextPart)])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool-call parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))
