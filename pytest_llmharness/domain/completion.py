"""What a model answered: whole, or chunk by chunk."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from .frozen import dataclass
from .message import Message
from .tool import ToolCall
from .usage import Timing, Usage

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's whole answer."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason = "stop"
    usage: Usage = Usage()
    timing: Timing = Timing()
    model: str = ""

    @property
    def message(self) -> Message:
        """The answer as a turn of the conversation."""
        return Message.assistant(self.text, self.tool_calls)


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. `index` tells the calls of one answer apart."""

    index: int
    name: str = ""
    arguments: str = ""
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer. What a chunk does not say is empty or None."""

    text: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish: FinishReason | None = None
    usage: Usage | None = None
    timing: Timing | None = None
    model: str = ""


def tool_call(name: str, arguments: str, id: str | None = None) -> ToolCall:
    """Read a call whose arguments are JSON text; text that is no JSON object is kept raw."""
    try:
        value: Any = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return ToolCall(name, value, id)
    return ToolCall(name, {}, id, raw_arguments=arguments)


class ChunkCollector:
    """Adds up the chunks of one stream; `completion()` equals what an unstreamed call returns."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, _OpenCall] = {}
        self._finish: FinishReason = "unknown"
        self._ended = False
        self._usage = Usage()
        self._timing = Timing()
        self._model = ""
        self._waiting: set[int] = set()

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def ended(self) -> bool:
        """Whether the chunk came that says how the answer ended."""
        return self._ended

    def feed(self, chunk: Chunk) -> None:
        """Take the next chunk."""
        if chunk.text:
            self._text.append(chunk.text)
        for delta in chunk.tool_calls:
            if delta.index not in self._calls:
                self._calls[delta.index] = _OpenCall()
                self._waiting.add(delta.index)
            self._calls[delta.index].feed(delta)
        self._ended = self._ended or chunk.finish is not None
        self._finish = chunk.finish or self._finish
        self._usage = chunk.usage or self._usage
        self._timing = chunk.timing or self._timing
        self._model = chunk.model or self._model

    def new_calls(self) -> list[ToolCall]:
        """Return the calls that became whole since this was last asked, in order, each once.

        A call is whole when its arguments are a complete object, or when something follows it.
        """
        calls = []
        waiting = sorted(self._waiting)
        for index in waiting:
            follows = index != waiting[-1] or self._ended
            if not follows and not self._calls[index].is_whole:
                break
            calls.append(self._calls[index].close())
            self._waiting.remove(index)
        return calls

    def completion(self) -> Completion:
        """The answer that the chunks so far add up to."""
        return Completion(
            text=self.text,
            tool_calls=tuple(self._calls[index].close() for index in sorted(self._calls)),
            finish=self._finish,
            usage=self._usage,
            timing=self._timing,
            model=self._model,
        )


class _OpenCall:
    def __init__(self) -> None:
        self._name = ""
        self._id: str | None = None
        self._arguments: list[str] = []

    def feed(self, delta: ToolCallDelta) -> None:
        self._name = self._name or delta.name
        self._id = self._id or delta.id
        self._arguments.append(delta.arguments)

    @property
    def is_whole(self) -> bool:
        if not self._arguments or not self._arguments[-1].rstrip().endswith("}"):
            return False
        return self.close().raw_arguments is None

    def close(self) -> ToolCall:
        return tool_call(self._name, "".join(self._arguments), self._id)
