"""What a harness answers, and the closed list of ways in which it can fail."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Any

from ..errors import HarnessError
from .frozen import dataclass


class FailureReason(StrEnum):
    """Every value that `metadata["failure_reason"]` can take."""

    INVALID_REQUEST = "invalid_request"
    VALIDATION = "validation_failed_after_retries"
    FAIL_FAST = "validation_failed_fast"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    MAX_ITERATIONS = "max_iterations"
    MAX_TOOL_DEPTH = "max_tool_depth"
    MAX_RUN_SECONDS = "max_run_seconds"
    MAX_RUN_TOKENS = "max_run_tokens"
    MAX_RUN_COST_USD = "max_run_cost_usd"
    NO_PROGRESS = "no_progress"
    OUTPUT_BLOCKED = "output_blocked"
    OUTPUT_TOO_LARGE = "output_too_large"
    BUDGET_SPENT = "budget_spent"
    PENDING_APPROVAL = "pending_approval"
    IN_DOUBT = "in_doubt"

    @property
    def layer(self) -> str:
        """The layer of the harness that ended the run."""
        return _LAYERS.get(self, "degrade")

    @property
    def is_limit(self) -> bool:
        """Whether the run came to one of its own limits."""
        return self is FailureReason.NO_PROGRESS or self.layer == "orchestrate"

    @property
    def waits(self) -> bool:
        """Whether the run goes on once a person has decided."""
        return self in (FailureReason.PENDING_APPROVAL, FailureReason.IN_DOUBT)


_LAYERS = {
    FailureReason.INVALID_REQUEST: "normalize",
    FailureReason.VALIDATION: "validate",
    FailureReason.FAIL_FAST: "validate",
    FailureReason.NO_PROGRESS: "validate",
    FailureReason.OUTPUT_BLOCKED: "validate",
    FailureReason.OUTPUT_TOO_LARGE: "validate",
    FailureReason.MAX_ITERATIONS: "orchestrate",
    FailureReason.MAX_TOOL_DEPTH: "orchestrate",
    FailureReason.MAX_RUN_SECONDS: "orchestrate",
    FailureReason.MAX_RUN_TOKENS: "orchestrate",
    FailureReason.MAX_RUN_COST_USD: "orchestrate",
    FailureReason.BUDGET_SPENT: "route",
    FailureReason.PENDING_APPROVAL: "gate",
    FailureReason.IN_DOUBT: "state",
}


@dataclass(frozen=True, slots=True)
class LLMResult:
    """The outcome of one run (article 000's ten fields).

    Args:
        content: the answer's text; on failure what the user may read.
        model: the model that answered last.
        tokens_in, tokens_out: over all calls of the run.
        duration_ms: wall time of the run on the clock port.
        ttft_ms: time to first token of the last call; 0.0 where nothing reported it.
        success: whether the answer passed every check.
        retries: model calls beyond the first that a failure made necessary.
        score: quality in 0..1, or None where nothing scored it.
        metadata: "value" (the validated object), "edits" (what was mended to read it, with the
            bytes of the answer without its thinking), "session_id", "failure_reason", "error",
            "attempts", and as "request" the request's own metadata. Where a run failed,
            "user_message" is what to tell the user; where it was stopped, "tool_results" is what its
            tools had found.
    """

    content: str
    model: str
    tokens_in: int
    tokens_out: int
    duration_ms: float
    ttft_ms: float
    success: bool
    retries: int = 0
    score: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def unwrap(self) -> Any:
        """Return the validated value (the text where no schema was given).

        Raises:
            HarnessError: what failed; `MaxRetriesExceeded` where no attempt was valid.
        """
        if self.success:
            return self.metadata.get("value", self.content)
        error = self.metadata.get("error")
        if isinstance(error, HarnessError):
            raise error
        raise HarnessError(
            f"the run failed: {self.metadata.get('failure_reason', 'no reason was recorded')}",
            where=f"session {self.metadata.get('session_id', 'unknown')}",
            fix="read result.metadata, or check result.success before unwrap()",
        )
