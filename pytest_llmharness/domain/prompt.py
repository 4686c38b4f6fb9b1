"""What is sent to a model: messages, tools and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .frozen import dataclass
from .message import Message
from .tool import ToolSpec


@dataclass(frozen=True, slots=True)
class Options:
    """How the model is to answer. None leaves the server's default.

    Args:
        model: model name; None means the provider's own.
        temperature: sampling temperature; None leaves it to the server.
        max_tokens: the most tokens to generate.
        top_p, seed, stop: as every dialect knows them.
        json_mode: ask for any JSON value (JSON mode).
        output_schema: ask for JSON of this schema (structured output); wins over json_mode.
        timeout_s: seconds after which the call is cancelled.
    """

    model: str | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 1024
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_mode: bool = False
    output_schema: Mapping[str, Any] | None = None
    timeout_s: float | None = 120.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model, complete in itself."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: Options = Options()
