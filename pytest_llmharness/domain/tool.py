"""What a model may call, and what it called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, TypeAlias

from .frozen import dataclass

InDoubt: TypeAlias = Literal["idempotent", "lookup", "halt"]


def _object_schema() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The contract of a tool as the model sees it.

    Args:
        name: the name the model calls.
        description: one or two sentences for the model.
        schema: JSON Schema (draft 2020-12) of the arguments, an object schema.
        read_only: whether a call leaves the world as it was.
        in_doubt: what follows when a run is resumed and nobody knows whether a call took effect:
            "idempotent" makes it again with the same idempotency key, "lookup" asks the tool's
            `lookup(key)` what became of it, "halt" ends the run and asks a person. Calls of
            read-only tools are always made again.
        after: tools whose calls of the same answer end first; where one of them fails, a call of this
            tool is not made, and the model is told.
    """

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=_object_schema)
    read_only: bool = False
    in_doubt: InDoubt = "halt"
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model proposes.

    Args:
        name: the tool's name, as the model wrote it.
        arguments: the arguments by name.
        id: the provider's id of the call; None where its dialect has none.
        raw_arguments: the argument text as it came, where it is not a JSON object (cut off by a
            token limit, say); `arguments` is then empty and the call must not run.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    raw_arguments: str | None = None

    @property
    def arguments_text(self) -> str:
        """The arguments as JSON text, byte for byte as they came where they are no object."""
        if self.raw_arguments is not None:
            return self.raw_arguments
        return json.dumps(self.arguments, ensure_ascii=False)
