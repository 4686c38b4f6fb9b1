"""Constraint layer: which tools a model sees, and which of its calls may run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..domain.message import Message
from ..domain.tool import ToolCall, ToolSpec
from ..errors import ConfigError
from ..ports.tool import Tool
from ..schema import Schema


class Toolbox:
    """The tools of one harness, each with its compiled argument schema."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
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
            value = await self._tools[call.name][0].invoke(call.arguments)
        except Exception as error:  # noqa: BLE001 - a tool may fail in any way; the model is told
            return Message.tool(call, f"Error: {type(error).__name__}: {error}"), False
        return Message.tool(call, _as_text(value)), True


def _spec_of(tool: Tool) -> ToolSpec:
    spec = getattr(tool, "spec", None)
    if not isinstance(spec, ToolSpec):
        raise ConfigError(
            f"{tool!r} is no tool",
            where="Harness(tools=...)",
            fix="decorate the function with @tool, or give the object a spec: ToolSpec",
        )
    return spec


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
