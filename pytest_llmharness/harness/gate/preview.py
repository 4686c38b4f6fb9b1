"""Dry runs: what a call would do, told without doing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

from ...domain.tool import ToolCall

Previewer: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Says in a sentence what a call with these arguments would do; it must do nothing itself."""

_LONGEST = 2_000


async def preview(call: ToolCall, previewer: Previewer | None, notes: tuple[str, ...] = ()) -> str:
    """Return what a call would do, in words for a person.

    The tool's own words come after the call itself, so that a tool cannot hide what was asked of it.
    """
    arguments = call.arguments_text
    lines = [f"would call {call.name} with {_clip(arguments)}", *notes]
    if previewer is not None:
        try:
            lines.append(_clip(await previewer(deepcopy(call.arguments))))
        except Exception as error:  # noqa: BLE001 - a preview may fail in any way; the call is still shown
            lines.append(f"its preview failed: {type(error).__name__}")
    return "\n".join(lines)


def _clip(text: str) -> str:
    """Shorten in the middle: what matters may stand at either end."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} [{len(text) - _LONGEST} more] {text[-half:]}"
