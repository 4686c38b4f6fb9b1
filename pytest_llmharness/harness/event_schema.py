"""What a session log holds: the JSON Schema of every event in its written form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..domain.event import EventKind
from ..domain.result import FailureReason
from .written import VERSION

_TEXT: Mapping[str, Any] = {"type": "string"}
_NAME: Mapping[str, Any] = {"type": ["string", "null"]}
_COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_NUMBER: Mapping[str, Any] = {"type": ["number", "null"]}
_YES: Mapping[str, Any] = {"type": "boolean"}
_OBJECT: Mapping[str, Any] = {"type": "object"}


def _all(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False}


def _and(record: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {**record, "properties": {**record["properties"], **optional}}


def _many(each: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": each}


_CALL = _all(name=_TEXT, arguments=_OBJECT, id=_NAME, raw=_NAME)
_MESSAGE = _all(
    role={"enum": ["system", "user", "assistant", "tool"]},
    parts=_many({"anyOf": [_TEXT, {"$ref": "#/$defs/call"}]}),
    tool_call_id=_NAME,
    tool_name=_NAME,
)
_MESSAGES = _many({"$ref": "#/$defs/message"})
_RANGE: Mapping[str, Any] = {"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2}
# A message, or from where to where in what the session had before.
_PIECES = _many({"anyOf": [{"$ref": "#/$defs/message"}, _RANGE]})
_REQUEST = _all(
    text=_TEXT, history=_MESSAGES, session_id=_NAME, metadata=_OBJECT, documents=_OBJECT, user=_NAME
)
_COMPLETION = _all(
    text=_TEXT,
    tool_calls=_many({"$ref": "#/$defs/call"}),
    finish={"enum": ["stop", "length", "tool_calls", "content_filter", "unknown"]},
    usage={"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2},
    timing={"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
    model=_TEXT,
)
_ERROR = _and(_all(type=_TEXT, facts=_OBJECT), cause={"$ref": "#/$defs/error"})
_RESULT = _all(
    content=_TEXT,
    model=_TEXT,
    tokens_in=_COUNT,
    tokens_out=_COUNT,
    duration_ms={"type": "number"},
    ttft_ms={"type": "number"},
    success=_YES,
    retries=_COUNT,
    score=_NUMBER,
    metadata={
        "type": "object",
        "properties": {
            "session_id": _TEXT,
            "failure_reason": {"enum": [reason.value for reason in FailureReason]},
            "layer": _TEXT,
        },
        "required": ["session_id", "attempts"],
    },
)
_DEFS = {"call": _CALL, "message": _MESSAGE, "error": _ERROR}

EVENTS: Mapping[EventKind, dict[str, Any]] = {
    EventKind.ORCHESTRATE_START: _all(version={"const": VERSION}, session_id=_TEXT, request=_REQUEST),
    EventKind.ROUTED: _all(
        tier=_TEXT,
        model=_TEXT,
        why=_TEXT,
        complexity=_NUMBER,
        tiers=_many(_TEXT),
        dropped=_many(_TEXT),
        tokens_in=_COUNT,
    ),
    EventKind.CONTEXT: _all(messages=_PIECES, notes=_OBJECT),
    EventKind.PROVIDER_CALL: _all(call=_COUNT, endpoint=_TEXT, model=_NAME),
    EventKind.PROVIDER_ANSWER: _and(
        _all(call=_COUNT, completion=_COMPLETION),
        cached=_YES,
        stale_age_s=_NUMBER,
        spent={"type": "array", "prefixItems": [_TEXT, _COUNT, _COUNT], "minItems": 3, "maxItems": 3},
    ),
    EventKind.PROVIDER_FAILED: _all(
        call=_COUNT,
        endpoint=_TEXT,
        error={"$ref": "#/$defs/error"},
        next={"enum": ["retry", "fall_back", "give_up"]},
    ),
    EventKind.VALIDATION_FAILED: _all(call=_COUNT, problems=_many(_TEXT)),
    EventKind.REPAIR: _all(retry=_COUNT, prompt=_TEXT, places=_many(_COUNT)),
    EventKind.ESCALATED: _all(
        tier=_TEXT,
        model=_TEXT,
        score=_NUMBER,
        cost_usd=_NUMBER,
        problem=_NAME,
        to=_NAME,
        rung={"type": ["integer", "null"]},
        keep=_YES,
        facts=_OBJECT,
    ),
    EventKind.TOOL_EXECUTION: _all(
        position=_COUNT,
        tool=_TEXT,
        arguments=_OBJECT,
        id=_NAME,
        key=_TEXT,
        writes=_YES,
        cost={"type": "number"},
        at_s={"type": "number"},
    ),
    EventKind.TOOL_RESULT: _all(position=_COUNT, tool=_TEXT, id=_NAME, ok=_YES, text=_TEXT),
    EventKind.ORCHESTRATE_COMPLETE: _all(result=_RESULT),
    EventKind.RESUMED: _all(again=_many(_COUNT)),
}
"""The events that are written down, each with the schema of its data; the others are only told."""


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line of a log: `{"kind": ..., "data": {...}}`."""
    lines = [
        {"properties": {"kind": {"const": kind.value}, "data": data}, "required": ["kind", "data"]}
        for kind, data in EVENTS.items()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pytest-llmharness: an event of a session log",
        "type": "object",
        "oneOf": lines,
        "$defs": _DEFS,
    }
