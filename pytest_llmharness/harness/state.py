"""State layer: what a run knows is what its events say, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..domain.completion import Completion
from ..domain.event import Event, EventKind
from ..domain.message import Message
from ..domain.request import Request
from ..domain.result import LLMResult
from ..domain.tool import ToolCall
from ..domain.usage import Usage


class Step(Enum):
    """What a run does next."""

    ASK = "ask"
    USE_TOOLS = "use tools"
    CHECK = "check"
    STOP = "stop"


@dataclass(slots=True)
class RunState:
    """One run, folded from its events: the same events always give the same state.

    `next_step` follows from the state alone, so a run that was interrupted anywhere goes on from
    its log as if it had not been.

    Attributes:
        messages: the conversation as the next model call sees it.
        calls, retries, depth: model calls, calls a failure cost, rounds of tool calls so far.
        proposed: the calls of the last answer, in order; empty where it had none.
        begun: positions of proposed calls whose execution began.
        results: the answers to proposed calls by position.
        repairing: whether the next call is a repair.
        events: how many events were applied; the number of the next one.
    """

    session_id: str = ""
    request: Request | None = None
    messages: list[Message] = field(default_factory=list)
    calls: int = 0
    retries: int = 0
    depth: int = 0
    usage: Usage = Usage()
    last: Completion = Completion()
    proposed: tuple[ToolCall, ...] = ()
    begun: set[int] = field(default_factory=set)
    results: dict[int, Message] = field(default_factory=dict)
    answered: bool = False
    repairing: bool = False
    attempts: list[dict[str, Any]] = field(default_factory=list)
    outcome: LLMResult | None = None
    events: int = 0

    @property
    def next_step(self) -> Step:
        """What follows from what happened."""
        if self.outcome is not None:
            return Step.STOP
        if self.proposed:
            return Step.USE_TOOLS
        return Step.CHECK if self.answered else Step.ASK

    @property
    def in_doubt(self) -> list[int]:
        """Positions of calls that began and have no result: nobody knows whether they took effect."""
        return sorted(self.begun - set(self.results))

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        self.events += 1
        change = _CHANGES.get(event.kind)
        if change is not None:
            change(self, event.data)

    def note(self, outcome: str, **facts: Any) -> None:
        """Add a line to the story that `LLMResult.metadata["attempts"]` tells."""
        self.attempts.append({"call": self.calls, "model": self.last.model, "outcome": outcome, **facts})


def _started(state: RunState, data: Mapping[str, Any]) -> None:
    state.session_id, state.request = data["session_id"], data["request"]
    state.messages = list(data["messages"])


def _asked(state: RunState, data: Mapping[str, Any]) -> None:
    # A call that was interrupted and is made again is one call more, and not one number more.
    state.calls = data["call"]


def _answered(state: RunState, data: Mapping[str, Any]) -> None:
    state.last = data["completion"]
    state.usage += state.last.usage
    state.proposed = state.last.tool_calls
    state.answered = True


def _failed(state: RunState, data: Mapping[str, Any]) -> None:
    state.note("failed", error=data["error"].what)
    state.retries += bool(data["again"])


def _executing(state: RunState, data: Mapping[str, Any]) -> None:
    state.begun.add(data["position"])


def _executed(state: RunState, data: Mapping[str, Any]) -> None:
    state.results[data["position"]] = data["message"]
    if len(state.results) == len(state.proposed):
        state.note("tool_calls")
        state.messages.append(state.last.message)
        state.messages.extend(state.results[position] for position in range(len(state.proposed)))
        state.depth += 1
        state.proposed, state.begun, state.results, state.answered = (), set(), {}, False


def _rejected(state: RunState, data: Mapping[str, Any]) -> None:
    state.note("rejected", problems=data["problems"])


def _repairing(state: RunState, data: Mapping[str, Any]) -> None:
    state.messages.extend(data["messages"])
    state.retries = data["retry"]
    state.answered, state.repairing = False, True


def _completed(state: RunState, data: Mapping[str, Any]) -> None:
    state.outcome = data["result"]


_CHANGES: Mapping[EventKind, Callable[[RunState, Mapping[str, Any]], None]] = {
    EventKind.ORCHESTRATE_START: _started,
    EventKind.PROVIDER_CALL: _asked,
    EventKind.PROVIDER_ANSWER: _answered,
    EventKind.PROVIDER_FAILED: _failed,
    EventKind.TOOL_EXECUTION: _executing,
    EventKind.TOOL_RESULT: _executed,
    EventKind.VALIDATION_FAILED: _rejected,
    EventKind.REPAIR: _repairing,
    EventKind.ORCHESTRATE_COMPLETE: _completed,
}
