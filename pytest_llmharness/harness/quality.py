"""How good a valid answer is, asked of whoever scores: what they say must not harm a run that is valid."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from .foreign import said
from .json_form import json_form

if TYPE_CHECKING:
    from ..domain.request import Request
    from .layers import Score

_TAKEN = frozenset(
    (
        "value",
        "success",
        "content",
        "edits",
        "score",
        "error",
        "tier",
        "session_id",
        "needs_review",
        "attempts",
    )
)


async def quality_of(
    score: Score | None, request: Request, value: Any
) -> tuple[float | None, dict[str, Any]]:
    """Return the score, from 0 to 1 or None, and facts about it as JSON values.

    A score that fails, or is none, is None, and `score_error` says why.
    """
    if score is None:
        return None, {}
    try:
        quality = score(request, value)
        if isawaitable(quality):
            quality = await quality
        number, facts = quality if isinstance(quality, tuple) else (quality, {})
        told = _told(facts)
        if number is None:
            return None, told
        if not 0 <= number <= 1:
            return None, {**told, "score_error": f"a score is from 0 to 1, and this is {number!r}"}
        return float(number), told
    except Exception as error:  # noqa: BLE001 - users write it, and the answer is valid without it
        return None, {"score_error": said(error)}


def _told(facts: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the facts under names that the result's metadata has not taken."""
    return {f"score_{name}" if name in _TAKEN else str(name): json_form(fact) for name, fact in facts.items()}
