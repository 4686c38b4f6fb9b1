"""An answer as bytes for a cache, and back; what cannot be read back is no answer."""

from __future__ import annotations

import json
from typing import get_args

from ..domain.completion import Completion, FinishReason
from ..domain.tool import ToolCall
from ..domain.usage import Usage

_VERSION = 1


def pack(answer: Completion) -> bytes:
    """Return an answer as bytes. Its times are left out: they were those of another call."""
    calls = [[call.name, call.arguments, call.id, call.raw_arguments] for call in answer.tool_calls]
    usage = [answer.usage.tokens_in, answer.usage.tokens_out]
    return json.dumps([_VERSION, answer.text, calls, answer.finish, usage, answer.model]).encode("ascii")


def unpack(data: bytes | None) -> Completion | None:
    """Return the answer, or None where the bytes are not what `pack` makes."""
    try:
        version, text, calls, finish, usage, model = json.loads(data or b"")
        if version != _VERSION or finish not in get_args(FinishReason):
            return None
        return Completion(
            text=str(text),
            tool_calls=tuple(ToolCall(one[0], dict(one[1]), one[2], one[3]) for one in calls),
            finish=finish,
            usage=Usage(int(usage[0]), int(usage[1])),
            model=str(model),
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return None
