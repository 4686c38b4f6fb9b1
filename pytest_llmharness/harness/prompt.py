"""Turns a request into the first prompt, and a failed answer into the next one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ..domain.message import Message
from ..domain.prompt import Options
from ..domain.request import Request
from .config import HarnessConfig

if TYPE_CHECKING:
    from ..schema import Schema

_SCHEMA_ORDER = "Answer with JSON that satisfies this JSON Schema, and with nothing else:\n"


def opening(
    request: Request, *, system: str | None, schema: Schema | None, history: Sequence[Message] = ()
) -> tuple[Message, ...]:
    """Return the messages of the first call; nothing of the request is changed.

    Args:
        request: what the user asks.
        system: the standing instruction.
        schema: what the answer must satisfy; the model is told in words, too.
        history: earlier turns of the session, before those of the request.
    """
    orders = [system] if system else []
    if schema is not None:
        orders.append(_order(schema))
    head = (Message.system("\n\n".join(orders)),) if orders else ()
    return (*head, *history, *request.history, Message.user(request.text))


@lru_cache(maxsize=64)
def _order(schema: Schema) -> str:
    return _SCHEMA_ORDER + json.dumps(schema.source, ensure_ascii=False)


def options_of(config: HarnessConfig, schema: Schema | None) -> Callable[[bool], Options]:
    """Return a function from "is this a repair?" to the options of a call."""
    free = Options(
        model=config.model,
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        top_p=config.top_p,
        seed=config.seed,
        json_mode=config.json_mode,
        timeout_s=None,  # the harness keeps the time itself, on its own clock
    )
    if schema is None or not isinstance(schema.source, dict) or config.structured_output == "never":
        return lambda repairing: free  # noqa: ARG005
    bound = replace(free, output_schema=schema.source)
    if config.structured_output == "always":
        return lambda repairing: bound  # noqa: ARG005
    return lambda repairing: bound if repairing else free
