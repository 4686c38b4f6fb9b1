"""Constraint layer: which tools a model sees, and which of its calls may run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Set
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from typing import Any

from ..domain.message import Message
from ..domain.tool import ToolCall, ToolSpec
from ..errors import ConfigError
from ..ports.clock import Clock
from ..ports.tool import Tool
from ..schema import Schema


class Toolbox:
    """The tools of one harness, each with its compiled argument schema.

    Args:
        tools: what can be called.
        clock: limits each call to `timeout_s`; None leaves the time to the tools.
        timeout_s: seconds after which a call is cancelled and answered with an error.
    """

    def __init__(
        self, tools: Iterable[Tool] = (), *, clock: Clock | None = None, timeout_s: float | None = 30
    ) -> None:
        self._clock, self._timeout_s = clock, timeout_s
        self._tools: dict[str, tuple[Tool, Schema]] = {}
        for tool in tools:
            spec = _spec_of(tool)
            if spec.name in self._tools:
                raise ConfigError(
                    f"two tools have the name {spec.name!r}",
                    where="Harness(tools=...)",
                    fix="rename one: @tool(name='...')",
                )
            self._tools[spec.name] = (tool, Schema(dict(spec.schema)))

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told, in the order given."""
        return tuple(tool.spec for tool, _ in self._tools.values())

    def refusal(self, call: ToolCall) -> str | None:
        """Return why the call must not run, in words for the model, or None where it may."""
        if call.name not in self._tools:
            known = ", ".join(self._tools) or "none"
            return f"unknown tool {call.name!r}; the tools are: {known}"
        if call.raw_arguments is not None:
            return "the arguments are no JSON object; send one complete object"
        verdict = self._tools[call.name][1].check_value(call.arguments)
        return None if verdict.valid else f"invalid arguments: {verdict.hint()}"

    async def invoke(self, call: ToolCall) -> tuple[Message, bool]:
        """Run an allowed call and return (the answer to the model, whether it succeeded).

        A refused call and a failing tool answer with "Error: ..."; neither ends the run.
        """
        refused = self.refusal(call)
        if refused is not None:
            return Message.tool(call, f"Error: {refused}"), False
        try:
            async with nullcontext() if self._clock is None else self._clock.timeout(self._timeout_s):
                value = await self._tools[call.name][0].invoke(call.arguments)
            return Message.tool(call, answer_text(value)), True
        except TimeoutError as error:
            late = str(error) or f"the tool did not answer within {self._timeout_s:g} s"
            return Message.tool(call, f"Error: TimeoutError: {late}"), False
        except Exception as error:  # noqa: BLE001 - a tool may fail in any way; the model is told
            return Message.tool(call, f"Error: {type(error).__name__}: {error}"), False


def _spec_of(tool: Tool) -> ToolSpec:
    spec = getattr(tool, "spec", None)
    if not isinstance(spec, ToolSpec):
        raise ConfigError(
            f"{tool!r} is no tool",
            where="Harness(tools=...)",
            fix="decorate the function with @tool, or give the object a spec: ToolSpec",
        )
    return spec


def answer_text(value: Any) -> str:
    """Return what the model is told of a tool's value: text as it is, anything else as JSON.

    Raises:
        TypeError: the value is, or holds, an object that has neither a JSON form nor a text of its own.
        ValueError: the value holds itself.
        RecursionError: the value is nested too deeply.
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_json_form)


def _json_form(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if hasattr(value, "model_dump"):  # Pydantic
        return value.model_dump(mode="json")
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if isinstance(value, Set):
        return sorted(value, key=repr)
    kind: Any = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        # Its only text is an address, another one in each run.
        raise TypeError(f"{kind.__qualname__} has no JSON form; a tool returns text or JSON data")
    return str(value)
