"""Which of a run's answers passed their check, as its result tells."""

from __future__ import annotations

from ..domain.result import FailureReason, LLMResult

_REFUSED = (FailureReason.OUTPUT_BLOCKED.value, FailureReason.OUTPUT_TOO_LARGE.value)


def checks(result: LLMResult) -> list[bool]:
    """Return for each answer that was checked, in order, whether it passed.

    Answers that call tools are no candidates, and neither are failed calls. An answer that the guardrails
    refuse has failed its check.
    """
    outcomes = (attempt.get("outcome") for attempt in result.metadata.get("attempts", ()))
    found = [outcome == "accepted" for outcome in outcomes if outcome in ("accepted", "rejected")]
    return [*found, False] if result.metadata.get("failure_reason") in _REFUSED else found
