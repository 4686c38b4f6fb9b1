"""What a model sent, made fit to be kept and sent back; what cannot be is a named error."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isfinite
from typing import Any, get_args

from .._native.json_text import json_of
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
    if _is_sound(answer):
        return answer  # type: ignore[no-any-return]
    if not isinstance(answer, Completion):
        raise _malformed(provider, f"returned a {type(answer).__name__}, and no Completion")
    text = "" if answer.text is None else answer.text
    if not isinstance(text, str):
        raise _malformed(provider, f"returned a text of type {type(text).__name__}")
    return Completion(
        text=whole(text),
        tool_calls=_calls(answer.tool_calls, provider) if answer.tool_calls else (),
        finish=answer.finish if answer.finish in _FINISHES else "unknown",
        usage=_usage(answer.usage),
        timing=_timing(answer.timing),
        model=whole(answer.model) if isinstance(answer.model, str) else "",
    )


def _is_sound(answer: Any) -> bool:
    """Return whether it is surely what a provider is to return, with nothing to mend; most answers are."""
    if type(answer) is not Completion or type(answer.tool_calls) is not tuple:
        return False
    calls, usage, timing = answer.tool_calls, answer.usage, answer.timing
    return (
        type(answer.text) is str
        and whole(answer.text) is answer.text
        and answer.finish in _FINISHES
        and type(usage) is Usage
        and type(usage.tokens_in) is type(usage.tokens_out) is int
        and usage.tokens_in >= 0 <= usage.tokens_out
        and type(timing) is Timing
        and (timing.ttft_ms is None or _is_time(timing.ttft_ms))
        and _is_time(timing.total_ms)
        and type(answer.model) is str
        and whole(answer.model) is answer.model
        and (not calls or all(map(_is_sound_call, calls)))
        and (len(calls) < 2 or len({call.id for call in calls}) == len(calls))
    )


def _is_sound_call(call: Any) -> bool:
    return (
        type(call) is ToolCall
        and type(call.name) is str
        and whole(call.name) is call.name
        and call.raw_arguments is None
        and (call.id is None or (type(call.id) is str and whole(call.id) is call.id))
        and type(call.arguments) is dict
        and json_of(call.arguments) is not None
    )


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
    if raw is not None or not (isinstance(arguments, dict) and is_json(arguments)):
        raw = whole(raw if isinstance(raw, str) else _as_text(arguments))
        return replace(call, name=name, arguments={}, id=own_id, raw_arguments=raw)
    return replace(call, name=name, id=own_id)


def is_json(value: Any) -> bool:
    """Return whether JSON can express the value."""
    if json_of(value) is not None:
        return True
    from ..schema.source import first_inexpressible  # only now: it brings the schema room along

    return first_inexpressible(value) is None


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
    return (type(value) is float or isinstance(value, int | float)) and isfinite(value)


def _malformed(provider: str, what: str) -> MalformedResponse:
    return MalformedResponse(
        f"the provider {what}",
        where=f"provider {provider}",
        fix="mend the adapter: the ProviderContract tests say what it has to return",
        provider=provider,
    )
