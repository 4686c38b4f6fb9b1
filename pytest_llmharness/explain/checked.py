"""Which of a run's answers passed their check, as its result tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..domain.result import FailureReason, LLMResult

_REFUSED = (FailureReason.OUTPUT_BLOCKED.value, FailureReason.OUTPUT_TOO_LARGE.value)


def checks(result: LLMResult) -> list[bool]:
    """Return for each answer that was checked, in order, whether it passed.

    Answers that call tools are no candidates, and neither are failed calls. An answer that the guardrails
    refuse has failed its check; one that was valid, and not good enough for its tier, has passed it.
    """
    facts = result.metadata
    told = (_check(attempt, facts.get("tier")) for attempt in facts.get("attempts", ()))
    found = [passed for passed in told if passed is not None]
    return [*found, False] if facts.get("failure_reason") in _REFUSED else found


def _check(attempt: Mapping[str, Any], final_tier: str | None) -> bool | None:
    outcome = attempt.get("outcome")
    if outcome in ("accepted", "rejected"):
        return bool(outcome == "accepted")
    # An answer that was left, and taken up again for want of a better one, is the one accepted at the end.
    left = outcome == "escalated" and attempt.get("problem") is None
    return True if left and attempt.get("tier") != final_tier else None
