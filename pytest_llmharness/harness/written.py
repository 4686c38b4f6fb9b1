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
from ..errors import Explained, HarnessError, SessionLogError

VERSION = 1
"""Of the written form; it stands in the first event of every session."""


def written(kind: EventKind, data: Mapping[str, Any]) -> Event:
    """Return an event with JSON values only.

    Values that are none (what a validator returned, say) are left to the log, which refuses them.
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
        "text": request.text,
        "history": [message_to_json(message) for message in request.history],
        "session_id": request.session_id,
        "metadata": request.metadata,
    }


def _to_request(data: Mapping[str, Any]) -> Request:
    history = tuple(map(message_from_json, data["history"]))
    return Request(data["text"], history, data["session_id"], data["metadata"])


def _error(error: HarnessError) -> dict[str, Any]:
    facts = {name: value for name, value in vars(error).items() if _is_plain(value)}
    return {"type": type(error).__name__, **facts}


def _to_error(data: Mapping[str, Any]) -> HarnessError:
    facts = dict(data)
    kind = getattr(errors, facts.pop("type"), None)
    known = isinstance(kind, type) and issubclass(kind, Explained) and issubclass(kind, HarnessError)
    made: HarnessError = (kind if known else HarnessError)(**facts)  # type: ignore[misc]
    return made


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


_FACTS = (
    *("content", "model", "tokens_in", "tokens_out", "duration_ms", "ttft_ms"),
    *("success", "retries", "score"),
)


def _result(result: LLMResult) -> dict[str, Any]:
    metadata = dict(result.metadata)
    if isinstance(metadata.get("error"), HarnessError):
        metadata["error"] = _error(metadata["error"])
    metadata["edits"] = [[*edit.span, edit.rule] for edit in metadata.get("edits", ())]
    return {**{name: getattr(result, name) for name in _FACTS}, "metadata": metadata}


def _to_result(data: Mapping[str, Any]) -> LLMResult:
    metadata = dict(data["metadata"])
    if isinstance(metadata.get("error"), dict):
        metadata["error"] = _to_error(metadata["error"])
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
