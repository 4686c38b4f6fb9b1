"""Turns a request into the first prompt, and a failed answer into the next one."""

from __future__ import annotations

import json
from dataclasses import replace

from ..domain.message import Message
from ..domain.prompt import Options, Prompt
from ..domain.request import Request
from ..domain.tool import ToolSpec
from ..schema import Schema
from .config import HarnessConfig

_SCHEMA_ORDER = "Answer with JSON that satisfies this JSON Schema, and with nothing else:\n"


def first_prompt(
    request: Request,
    *,
    system: str | None,
    tools: tuple[ToolSpec, ...],
    schema: Schema | None,
    config: HarnessConfig,
    model: str | None,
) -> Prompt:
    """Build the prompt of the first call; nothing of the request is changed."""
    orders = [system] if system else []
    if schema is not None:
        orders.append(_SCHEMA_ORDER + json.dumps(schema.source, ensure_ascii=False))
    head = (Message.system("\n\n".join(orders)),) if orders else ()
    options = Options(
        model=model or config.model,
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        json_mode=config.json_mode,
        timeout_s=None,  # the harness keeps the time itself, on its own clock
    )
    prompt = Prompt((*head, *request.history, Message.user(request.text)), tools, options)
    return constrained(prompt, schema) if config.structured_output == "always" else prompt


def constrained(prompt: Prompt, schema: Schema | None) -> Prompt:
    """Return the prompt with the schema given to the model's decoder."""
    if schema is None or not isinstance(schema.source, dict):
        return prompt
    return replace(prompt, options=replace(prompt.options, output_schema=schema.source))


def extended(prompt: Prompt, *messages: Message) -> Prompt:
    """Return the prompt with more turns at its end."""
    return replace(prompt, messages=(*prompt.messages, *messages))
