"""Events as JSON and back: what a session log keeps, so that any process can go on from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import errors
from ..domain.completion import Completion
from ..domain.event import Event, EventKind
from ..domain.message_json import (
    call_from_json,
    call_to_json,
    message_from_json,
    message_to_json,
)
from ..domain.request import Request
from ..domain.result import LLMResult
from ..domain.usage import Timing, Usage
from ..errors import HarnessError, SessionLogError
from .json_form import json_form

VERSION = 1
"""Of the written form; it stands in the first event of every session."""


def written(kind: EventKind, data: Mapping[str, Any]) -> Event:
    """Return an event with JSON values only.

    What users put into `Request.metadata` and what stands in `LLMResult.metadata` may be anything. What
    JSON does not know of it is written in its JSON form (a Pydantic model, a dataclass, a set) or as its
    text (a Fraction, a date, NaN), and comes back as that.
    """
    name = _LIVE.get(kind)
    if name is not None:
        data = {**data, name: _WRITE[name](data[name])}
    if kind is EventKind.ORCHESTRATE_START:
        data = {"version": VERSION, **data}
    return Event(kind, data)


def read(event: Event) -> Event:
    """Return the event as it was before `written`.

    Raises:
        SessionLogError: a later version wrote it, or nothing of ours did.
    """
    data = dict(event.data)
    if event.kind is EventKind.ORCHESTRATE_START and data.pop("version", None) != VERSION:
        raise SessionLogError(
            f"the session was written in form {event.data.get('version')!r}; this version reads {VERSION}",
            where=f"session {data.get('session_id')!r}",
            fix="install the version of pytest-llmharness that wrote it",
        )
    try:
        name = _LIVE.get(event.kind)
        live = data if name is None else {**data, name: _READ[name](data[name])}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SessionLogError(
            f"the event {event.kind} cannot be read: {type(error).__name__}: {error}",
            where="session log",
            fix="restore the log from a copy; it was changed by another program",
        ) from error
    return Event(event.kind, live)


def _completion(completion: Completion) -> dict[str, Any]:
    return {
        "text": completion.text,
        "tool_calls": [call_to_json(call) for call in completion.tool_calls],
        "finish": completion.finish,
        "usage": [completion.usage.tokens_in, completion.usage.tokens_out],
        "timing": [completion.timing.ttft_ms, completion.timing.total_ms],
        "model": completion.model,
    }


def _to_completion(data: Mapping[str, Any]) -> Completion:
    return Completion(
        text=data["text"],
        tool_calls=tuple(map(call_from_json, data["tool_calls"])),
        finish=data["finish"],
        usage=Usage(*data["usage"]),
        timing=Timing(*data["timing"]),
        model=data["model"],
    )


def _request(request: Request) -> dict[str, Any]:
    return {
        "text": json_form(request.text),
        "history": [message_to_json(message) for message in request.history],
        "session_id": request.session_id,
        "metadata": json_form(request.metadata),
        "documents": {str(name): json_form(text) for name, text in request.documents.items()},
        "user": request.user,
    }


def _to_request(data: Mapping[str, Any]) -> Request:
    history = tuple(map(message_from_json, data["history"]))
    facts = data["text"], history, data["session_id"], data["metadata"]
    return Request(*facts, data.get("documents", {}), data.get("user"))  # earlier versions knew neither


def _error(error: HarnessError) -> dict[str, Any]:
    facts = {name: json_form(value) for name, value in vars(error).items()}
    cause = error.__cause__
    told = {"type": type(error).__name__, "facts": facts}
    return {**told, "cause": _error(cause)} if isinstance(cause, HarnessError) else told


def _to_error(data: Mapping[str, Any]) -> HarnessError:
    named = getattr(errors, data["type"], None)
    kind = named if isinstance(named, type) and issubclass(named, HarnessError) else HarnessError
    made = kind.__new__(kind)
    # Not by its constructor: an error may have learnt facts that this does not take.
    vars(made).update(data["facts"])
    made.args = (made.what,)
    if "cause" in data:
        made.__cause__ = _to_error(data["cause"])
    return made


_FACTS = (
    *("content", "model", "tokens_in", "tokens_out", "duration_ms", "ttft_ms"),
    *("success", "retries", "score"),
)


def _result(result: LLMResult) -> dict[str, Any]:
    metadata = {
        str(name): _error(value) if isinstance(value, HarnessError) else json_form(value)
        for name, value in result.metadata.items()
        if name != "edits"
    }
    if "edits" in result.metadata:
        metadata["edits"] = [[*edit.span, edit.rule] for edit in result.metadata["edits"]]
    return {**{name: getattr(result, name) for name in _FACTS}, "metadata": metadata}


def _to_result(data: Mapping[str, Any]) -> LLMResult:
    metadata = dict(data["metadata"])
    if isinstance(metadata.get("error"), dict) and "type" in metadata["error"]:
        metadata["error"] = _to_error(metadata["error"])
    if "edits" in metadata:
        from ..parsing import Edit

        metadata["edits"] = tuple(Edit((start, end), rule) for start, end, rule in metadata["edits"])
    return LLMResult(**{**data, "metadata": metadata})


_LIVE: Mapping[EventKind, str] = {
    EventKind.ORCHESTRATE_START: "request",
    EventKind.CONTEXT: "messages",
    EventKind.PROVIDER_ANSWER: "completion",
    EventKind.PROVIDER_FAILED: "error",
    EventKind.VALIDATION_FAILED: "problems",
    EventKind.ORCHESTRATE_COMPLETE: "result",
}
"""What of an event's data is no JSON value; of other events all is."""
_WRITE: Mapping[str, Callable[[Any], Any]] = {
    "request": _request,
    "messages": lambda messages: [message_to_json(message) for message in messages],
    "completion": _completion,
    "error": _error,
    "result": _result,
    "problems": list,
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    "request": _to_request,
    "messages": lambda messages: tuple(map(message_from_json, messages)),
    "completion": _to_completion,
    "error": _to_error,
    "result": _to_result,
    "problems": tuple,
}
