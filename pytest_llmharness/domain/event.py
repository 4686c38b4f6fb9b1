"""What happened during a run: the one vocabulary of streams, traces and logs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from .frozen import dataclass


class Stage(StrEnum):
    """Article 000's five stages, in their order."""

    PREPROCESS = "preprocess"
    EXECUTE = "execute"
    POSTPROCESS = "post-process"
    ROUTE = "route"
    OUTPUT = "output"


class EventKind(StrEnum):
    """The kinds of event a run can emit, in the order of the flow: at least one for each layer."""

    ORCHESTRATE_START = "orchestrate_start"
    NORMALIZE = "normalize"
    ROUTED = "routed"
    CONTEXT = "context"
    CONSTRAIN = "constrain"
    PROMPT = "prompt"
    CACHE_HIT = "cache_hit"
    CACHE_MISS = "cache_miss"
    RATE_LIMIT_ACQUIRED = "rate_limit_acquired"
    PROVIDER_CALL = "provider_call"
    TEXT_DELTA = "text_delta"
    TOOL_CALL = "tool_call"
    PROVIDER_ANSWER = "provider_answer"
    PROVIDER_FAILED = "provider_failed"
    FALLBACK = "fallback"
    PARSED = "parsed"
    VALIDATED = "validated"
    VALIDATION_FAILED = "validation_failed"
    REPAIR = "repair"
    JUDGED = "judged"
    ESCALATED = "escalated"
    GATE = "gate"
    REFUSED = "refused"
    TOOL_EXECUTION = "tool_execution"
    TOOL_RESULT = "tool_result"
    ORCHESTRATE_COMPLETE = "orchestrate_complete"
    RESUMED = "resumed"
    STORE_ERROR = "store_error"

    @property
    def stage(self) -> Stage:
        """The stage of the run that it belongs to; tools are run to execute the request."""
        return _STAGES.get(self, Stage.EXECUTE)


_STAGES = {
    EventKind.ORCHESTRATE_START: Stage.PREPROCESS,
    EventKind.RESUMED: Stage.PREPROCESS,
    EventKind.NORMALIZE: Stage.PREPROCESS,
    EventKind.ROUTED: Stage.PREPROCESS,
    EventKind.CONTEXT: Stage.PREPROCESS,
    EventKind.CONSTRAIN: Stage.PREPROCESS,
    EventKind.PROMPT: Stage.PREPROCESS,
    EventKind.PARSED: Stage.POSTPROCESS,
    EventKind.VALIDATED: Stage.POSTPROCESS,
    EventKind.VALIDATION_FAILED: Stage.POSTPROCESS,
    EventKind.REPAIR: Stage.POSTPROCESS,
    EventKind.JUDGED: Stage.ROUTE,
    EventKind.ESCALATED: Stage.ROUTE,
    EventKind.ORCHESTRATE_COMPLETE: Stage.OUTPUT,
}


@dataclass(frozen=True, slots=True, init=False)
class Event:
    """One thing that happened. `data` holds JSON values, and the result in the last event."""

    kind: EventKind
    data: Mapping[str, Any]

    def __init__(self, kind: EventKind, data: Mapping[str, Any] | None = None) -> None:
        # By hand, because four of them are made in a turn and a generated one takes twice as long.
        _set(self, "kind", kind)
        _set(self, "data", {} if data is None else data)


_set = object.__setattr__
