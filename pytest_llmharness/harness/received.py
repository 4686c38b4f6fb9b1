"""What a model sent, made fit to be kept and sent back; what cannot be is a named error."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isfinite
from typing import Any, get_args

from ..domain.completion import Completion, FinishReason
from ..domain.tool import ToolCall
from ..domain.usage import Timing, Usage
from ..errors import MalformedResponse

_FINISHES = get_args(FinishReason)


def received(answer: Any, provider: str) -> Completion:
    """Return the answer as the rest of the harness may rely on it.

    Halves of characters are mended; arguments that JSON cannot express are kept as text, so that the
    call is refused; ids are made unique within the answer; counts and times that are none are 0.

    Args:
        answer: whatever the provider returned.
        provider: its name, for the error.

    Raises:
        MalformedResponse: it is no Completion, its text is no str, or its calls are no calls.
    """
    if not isinstance(answer, Completion):
        raise _malformed(provider, f"returned a {type(answer).__name__}, and no Completion")
    text = "" if answer.text is None else answer.text
    if not isinstance(text, str):
        raise _malformed(provider, f"returned a text of type {type(text).__name__}")
    sound = Completion(
        text=whole(text),
        tool_calls=_calls(answer.tool_calls, provider) if answer.tool_calls else (),
        finish=answer.finish if answer.finish in _FINISHES else "unknown",
        usage=_usage(answer.usage),
        timing=_timing(answer.timing),
        model=whole(answer.model) if isinstance(answer.model, str) else "",
    )
    return answer if sound == answer else sound


def whole(text: str) -> str:
    """Return the text with halves of characters joined, or replaced where the other half is missing."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _calls(calls: Any, provider: str) -> tuple[ToolCall, ...]:
    if not isinstance(calls, tuple | list) or not all(
        isinstance(call, ToolCall) and isinstance(call.name, str) for call in calls
    ):
        raise _malformed(provider, "returned tool calls that are no ToolCalls with a name")
    seen: dict[str, int] = {}
    return tuple(_call(call, seen) for call in calls)


def _call(call: ToolCall, seen: dict[str, int]) -> ToolCall:
    name = whole(call.name)
    own_id = None if call.id is None else _unique(whole(str(call.id)), seen)
    arguments, raw = call.arguments, call.raw_arguments
    if raw is not None or not is_json_object(arguments):
        raw = whole(raw if isinstance(raw, str) else _as_text(arguments))
        return replace(call, name=name, arguments={}, id=own_id, raw_arguments=raw)
    return replace(call, name=name, id=own_id)


def is_json_object(arguments: Any) -> bool:
    """Whether arguments are what JSON can express: no NaN, no half characters, no endless nesting."""
    from ..schema.source import first_inexpressible  # with the first call: it brings the schema room along

    return isinstance(arguments, dict) and first_inexpressible(arguments) is None


def _unique(given: str, seen: dict[str, int]) -> str:
    unique = given
    while unique in seen:
        seen[given] += 1
        unique = f"{given}_{seen[given]}"
    seen[unique] = 1
    return unique


def _as_text(arguments: Any) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a value of type {type(arguments).__name__}"


def _usage(usage: Any) -> Usage:
    counts = (usage.tokens_in, usage.tokens_out) if isinstance(usage, Usage) else ()
    sound = counts and all(isinstance(count, int) and count >= 0 for count in counts)
    return usage if sound else Usage()


def _timing(timing: Any) -> Timing:
    if not isinstance(timing, Timing):
        return Timing()
    ttft_ms = timing.ttft_ms if _is_time(timing.ttft_ms) else None
    return Timing(ttft_ms, timing.total_ms if _is_time(timing.total_ms) else 0.0)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _malformed(provider: str, what: str) -> MalformedResponse:
    return MalformedResponse(
        f"the provider {what}",
        where=f"provider {provider}",
        fix="mend the adapter: the ProviderContract tests say what it has to return",
        provider=provider,
    )
