"""The output parser: one machine for whole texts and for streams."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..domain.tool import ToolCall, ToolSpec
from ..errors import ConfigError
from .core import load
from .grammar import grammars as known_grammars
from .output import ParsedOutput, ParseEvent, Reading

if TYPE_CHECKING:
    from .._native import _core as native

_SCHEMA_KEYS = ("schema", "parameters", "input_schema", "inputSchema", "arguments")


class OutputParser:
    """Reads model output: text, thinking, tool calls and JSON documents; usable in threads.

    Args:
        grammars: "auto" reads every format it knows; a list of names reads only those
            (`pytest_llmharness.parsing.grammars()` lists them).
        tools: the tools that may be called. Their schemas give the types of arguments where the
            format has none, so `"02134"` stays a string; where nothing but its shape makes a text
            a call, only these tools are called.
        strict: take only exactly the documented wire formats: end tags, valid JSON, known tools.

    Raises:
        ConfigError: a grammar or a tool that is none.
        CoreMissing: this installation has no compiled core.
    """

    __slots__ = ("_parser", "_recipe")

    def __init__(
        self,
        grammars: Literal["auto"] | Iterable[str] = "auto",
        tools: Iterable[ToolSpec | Mapping[str, Any]] = (),
        *,
        strict: bool = False,
    ) -> None:
        core = load("OutputParser")
        names = None if grammars == "auto" else list(grammars)
        specs = [_spec(tool) for tool in tools]
        self._recipe = (names, specs, strict)
        try:
            self._parser: native.OutputParser = core.OutputParser(names, specs, strict)
        except ValueError as error:
            raise ConfigError(
                f"{error.args[0]!r} is no grammar",
                where="OutputParser(grammars=...)",
                fix=f'use "auto" or some of {", ".join(row.name for row in known_grammars())}',
            ) from None

    def parse(self, text: str) -> ParsedOutput:
        """Read a whole text; whatever it is, there is a result."""
        try:
            return _output(self._parser.parse(text))
        except UnicodeEncodeError:
            return _output(self._parser.parse(_encodable(text)))

    def stream(self) -> OutputStream:
        """Start to read one text piece by piece."""
        return OutputStream(self._parser)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, self._recipe


class OutputStream:
    """One text that is read piece by piece; any chunking gives what `parse` gives.

    Not for several threads at once: the chunks of a text have an order.

    Attributes:
        last_events: what `close` decided, once it was called.
    """

    __slots__ = ("_output", "_stream", "last_events")

    def __init__(self, parser: native.OutputParser) -> None:
        self._stream: native.OutputStream = load("OutputStream").OutputStream(parser)
        self._output: ParsedOutput | None = None
        self.last_events: tuple[ParseEvent, ...] = ()

    def feed(self, chunk: str) -> list[ParseEvent]:
        """Take the next piece; a call is an event as soon as its last byte is there."""
        if self._output is not None:
            raise ConfigError(
                "a closed stream takes no more text",
                where="OutputStream.feed",
                fix="start another one: OutputParser(...).stream()",
            )
        try:
            events = self._stream.feed(chunk)
        except UnicodeEncodeError:
            events = self._stream.feed(_encodable(chunk))
        return [_event(*event) for event in events]

    def close(self) -> ParsedOutput:
        """Say that the text is over, and return what it held."""
        if self._output is None:
            events, output = self._stream.close()
            self.last_events = tuple(_event(*event) for event in events)
            self._output = _output(output)
        return self._output


def _rebuilt(names: list[str] | None, specs: list[tuple[str, str]], strict: bool) -> OutputParser:
    tools = [{"name": name, "schema": json.loads(schema)} for name, schema in specs]
    return OutputParser("auto" if names is None else names, tools, strict=strict)


def _encodable(text: str) -> str:
    """A text whose half surrogate pairs, which no UTF-8 has, are replaced."""
    return text.encode("utf-8", "replace").decode()


def _spec(tool: ToolSpec | Mapping[str, Any]) -> tuple[str, str]:
    """The name of a tool, and the JSON Schema of its arguments as text."""
    if isinstance(tool, ToolSpec):
        return tool.name, json.dumps(tool.schema, default=dict)
    inner = tool.get("function") or tool.get("toolSpec") or tool
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"{tool!r} is no tool: it has no name",
            where="OutputParser(tools=...)",
            fix='pass ToolSpec(name, schema=...) or {"name": ..., "parameters": {...}}',
        )
    schema: Any = next((inner[key] for key in _SCHEMA_KEYS if inner.get(key) is not None), {})
    return name, json.dumps(schema, default=str)


def _call(call: Any) -> ToolCall:
    name, arguments, raw, call_id, _span = call
    return ToolCall(name, arguments or {}, call_id, raw_arguments=raw)


def _event(kind: Any, value: Any) -> ParseEvent:
    if kind == "tool_call":
        return ParseEvent(kind, call=_call(value))
    if kind == "document":
        return ParseEvent(kind, value=value)
    return ParseEvent(kind, text=value or "")


def _output(output: Any) -> ParsedOutput:
    text, thinking, calls, documents, edits, readings = output
    return ParsedOutput(
        text=text,
        thinking="\n\n".join(part for part in (thought.strip() for thought in thinking) if part),
        tool_calls=tuple(map(_call, calls)),
        documents=tuple(documents),
        _edits=edits,
        readings=tuple(Reading(span, tuple(names)) for span, names in readings),
    )
