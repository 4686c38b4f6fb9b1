"""Events as JSON and back: what a session log keeps, so that any process can go on from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import errors
from .._native.json_text import json_of
from ..domain.completion import Completion
from ..domain.event import Event, EventKind
from ..domain.message import Message
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
from .carried import read_pieces, written_pieces
from .json_form import json_form

VERSION = 2
"""Of the written form; it stands in the first event of every run."""
_READABLE = (1, VERSION)  # in the first, every prompt held all of its messages


def written(kind: EventKind, data: Mapping[str, Any], before: Sequence[Message] = ()) -> Event:
    """Return an event with JSON values only.

    What users put into `Request.metadata` and what stands in `LLMResult.metadata` may be anything. What
    JSON does not know of it is written in its JSON form (a Pydantic model, a dataclass, a set) or as its
    text (a Fraction, a date, NaN), and comes back as that.

    Args:
        kind: what happened.
        data: what there is to know about it.
        before: the messages of the session so far, to which a prompt refers.
    """
    live = _LIVE.get(kind)
    if live is None:
        if kind is EventKind.CONTEXT:
            data = {**data, "messages": written_pieces(data["messages"], before)}
        return Event(kind, data)
    name, write, _ = live
    data = {**data, name: write(data[name])}
    return Event(kind, {"version": VERSION, **data} if kind is EventKind.ORCHESTRATE_START else data)


def read(event: Event, before: Sequence[Message] = ()) -> Event:
    """Return the event as it was before `written`.

    Args:
        event: what was written.
        before: the messages of the session up to this event.

    Raises:
        SessionLogError: a later version wrote it, or nothing of ours did.
    """
    data = dict(event.data)
    if event.kind is EventKind.ORCHESTRATE_START and data.pop("version", None) not in _READABLE:
        form = event.data.get("version")
        raise SessionLogError(
            f"the session was written in form {form!r}; this version reads up to {VERSION}",
            where=f"session {data.get('session_id')!r}",
            fix="install the version of pytest-llmharness that wrote it",
        )
    try:
        live = _LIVE.get(event.kind)
        if event.kind is EventKind.CONTEXT:
            data["messages"] = read_pieces(data["messages"], before)
        elif live is not None:
            name, _, revive = live
            data[name] = revive(data[name])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SessionLogError(
            f"the event {event.kind} cannot be read: {type(error).__name__}: {error}",
            where="session log",
            fix="restore the log from a copy; it was changed by another program",
        ) from error
    return Event(event.kind, data)


def _completion(completion: Completion) -> dict[str, Any]:
    usage, timing = completion.usage, completion.timing
    return {
        "text": completion.text,
        "tool_calls": list(map(call_to_json, completion.tool_calls)),
        "finish": completion.finish,
        "usage": [usage.tokens_in, usage.tokens_out],
        "timing": [timing.ttft_ms, timing.total_ms],
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
    if isinstance(made, errors.InvalidAnswer):
        from ..schema import Violation

        made.violations = tuple(
            Violation(**{**facts, "span": tuple(facts["span"]) if facts["span"] else None})
            for facts in made.violations
        )
    made.args = (made.what,)
    if "cause" in data:
        made.__cause__ = _to_error(data["cause"])
    return made


_FACTS = (
    *("content", "model", "tokens_in", "tokens_out", "duration_ms", "ttft_ms"),
    *("success", "retries", "score"),
)


def _result(result: LLMResult) -> dict[str, Any]:
    metadata = dict(result.metadata)
    if "edits" in metadata:
        metadata["edits"] = [[*edit.span, edit.rule] for edit in metadata["edits"]]
    if json_of(metadata) is None:
        metadata = {
            str(name): _error(value) if isinstance(value, HarnessError) else json_form(value)
            for name, value in metadata.items()
        }
    return {**{name: getattr(result, name) for name in _FACTS}, "metadata": metadata}


def _to_result(data: Mapping[str, Any]) -> LLMResult:
    metadata = dict(data["metadata"])
    if isinstance(metadata.get("error"), dict) and "type" in metadata["error"]:
        metadata["error"] = _to_error(metadata["error"])
    if "edits" in metadata:
        from ..parsing import Edit

        metadata["edits"] = tuple(Edit((start, end), rule) for start, end, rule in metadata["edits"])
    return LLMResult(**{**data, "metadata": metadata})


_LIVE: Mapping[EventKind, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    EventKind.ORCHESTRATE_START: ("request", _request, _to_request),
    EventKind.PROVIDER_ANSWER: ("completion", _completion, _to_completion),
    EventKind.PROVIDER_FAILED: ("error", _error, _to_error),
    EventKind.VALIDATION_FAILED: ("problems", list, tuple),
    EventKind.ORCHESTRATE_COMPLETE: ("result", _result, _to_result),
}
"""What of an event's data is no JSON value, how it is written and how read; see `carried` for a prompt."""
