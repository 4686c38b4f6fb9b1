"""What model output holds: text, thinking, tool calls, documents, and what was changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from ..domain.tool import ToolCall
from .repairing import Edit, Edited

if TYPE_CHECKING:
    from .._native._core import Edits

Kind: TypeAlias = Literal["text", "thinking", "tool_call", "document", "text_was_thinking"]


class Reading(NamedTuple):
    """How one stretch of calls was read.

    Args:
        span: the bytes of the UTF-8 text that hold the calls, (start, end).
        grammars: the formats that fit, the one that was used first. More than one means that the
            text does not say which model wrote it.
    """

    span: tuple[int, int]
    grammars: tuple[str, ...]


class ParseEvent(NamedTuple):
    """Something that a chunk decided.

    Args:
        kind: "text" and "thinking" carry `text`, "tool_call" carries `call`, "document" carries
            `value`; "text_was_thinking" says that all text so far was thinking, because its end
            came without a start.
    """

    kind: Kind
    text: str = ""
    call: ToolCall | None = None
    value: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class ParsedOutput(Edited):
    """What a model's output holds.

    Args:
        text: what is neither thinking nor call; documents stay in it.
        thinking: the thinking, blocks joined by a blank line.
        tool_calls: the calls in the order in which they came.
        documents: the JSON values that stand in the text.
        readings: which formats fit which stretch of the text.
    """

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    documents: tuple[Any, ...] = ()
    _edits: Edits | tuple[Edit, ...] = field(default=(), repr=False)
    readings: tuple[Reading, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether some calls fit more than one format."""
        return any(len(reading.grammars) > 1 for reading in self.readings)
