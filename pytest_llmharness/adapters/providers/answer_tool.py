"""JSON answers by a forced tool call, for servers of a dialect without a JSON mode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...domain.prompt import Options

NAME = "json_answer"
_WRAPPED = "answer"
_DEFINITIONS = ("$defs", "definitions")


@dataclass(frozen=True, slots=True)
class AnswerTool:
    """The tool that a model calls to answer. Its arguments are the answer.

    Args:
        schema: the schema of the arguments, always an object's.
        wrapped: whether the answer is one property of the arguments, because it is no object.
    """

    schema: Mapping[str, Any]
    wrapped: bool

    def text(self, arguments: str) -> str:
        """Return the answer inside the arguments; what cannot be unwrapped stays as it is."""
        if not self.wrapped:
            return arguments
        try:
            return json.dumps(json.loads(arguments)[_WRAPPED], ensure_ascii=False)
        except (ValueError, TypeError, LookupError, RecursionError):
            return arguments


def answer_tool(options: Options) -> AnswerTool | None:
    """Return the tool that gives the JSON asked for; None where none is."""
    schema = options.output_schema
    if schema is None:
        return AnswerTool({"type": "object"}, wrapped=False) if options.json_mode else None
    if schema.get("type") == "object":
        return AnswerTool(schema, wrapped=False)
    kept = {name: schema[name] for name in _DEFINITIONS if name in schema}
    inner = {name: value for name, value in schema.items() if name not in kept}
    outer = {"type": "object", "properties": {_WRAPPED: inner}, "required": [_WRAPPED]}
    return AnswerTool({**outer, **kept}, wrapped=True)
