"""What happened during a run: the one vocabulary of streams, traces and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The kinds of event a run can emit, in the order of the flow."""

    ORCHESTRATE_START = "orchestrate_start"
    NORMALIZE = "normalize"
    ROUTED = "routed"
    CONTEXT = "context"
    CACHE_HIT = "cache_hit"
    CACHE_MISS = "cache_miss"
    RATE_LIMIT_ACQUIRED = "rate_limit_acquired"
    PROVIDER_CALL = "provider_call"
    TEXT_DELTA = "text_delta"
    TOOL_CALL = "tool_call"
    PROVIDER_ANSWER = "provider_answer"
    PROVIDER_FAILED = "provider_failed"
    FALLBACK = "fallback"
    VALIDATION_FAILED = "validation_failed"
    REPAIR = "repair"
    ESCALATED = "escalated"
    REFUSED = "refused"
    TOOL_EXECUTION = "tool_execution"
    TOOL_RESULT = "tool_result"
    ORCHESTRATE_COMPLETE = "orchestrate_complete"
    RESUMED = "resumed"
    STORE_ERROR = "store_error"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `data` holds JSON values, and the result in the last event."""

    kind: EventKind
    data: Mapping[str, Any] = field(default_factory=dict)
