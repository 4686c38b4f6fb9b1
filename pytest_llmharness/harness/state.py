"""State layer: what a run knows is what its events say, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from ..domain.completion import Completion
from ..domain.event import Event, EventKind
from ..domain.frozen import dataclass
from ..domain.message import Message
from ..domain.request import Request
from ..domain.result import FailureReason, LLMResult
from ..domain.tool import ToolCall
from ..domain.usage import Usage
from .gate.budgets import Charge
from .repair import repair_messages


class Step(StrEnum):
    """What a run does next."""

    PREPARE = "prepare"
    ASK = "ask"
    USE_TOOLS = "use tools"
    CHECK = "check"
    STOP = "stop"


@dataclass(slots=True)
class RunState:
    """One session, folded from its events: the same events always give the same state.

    `next_step` follows from the state alone, so a run that was interrupted anywhere goes on from
    its log as if it had not been.

    Attributes:
        request: what the run under way was asked.
        messages: the conversation as the next model call sees it.
        opened: the place in `messages` where the run under way begins.
        asides: places in `messages` of what was said to repair an answer.
        tokens_in, tokens_out: what the answers of the run cost, as the server counts.
        calls, retries, repairs, depth: model calls, calls a failure cost (repairs among them),
            repairs, rounds of tool calls of the run so far.
        proposed: the calls of the last answer, in order; empty where it had none.
        begun: positions of proposed calls whose execution began.
        early: calls that began while their answer was still being written: tool and arguments by position.
        unmade: positions of proposed calls that failed, or were refused.
        results: the answers to proposed calls by position.
        rejected: whether the last answer was found invalid.
        effects: whether a tool that may write was called.
        charges: every call that ran in the session, for quotas and budgets.
        runs: how many runs the session had, this one among them.
        turns: the last answers of the run with what came of them, for the no-progress check.
        tried: the endpoints that were asked, in order.
        fallen, retried: endpoints given up, and retries at the one in use.
        plan, rung: the tiers this run may ask, from the first, and the place of the one in use.
        rung_began: model calls and tokens of the run when it came to this tier.
        tokens_expected: the estimate of the input's tokens, for what a call may cost.
        tries: what came of the tiers that were left.
        kept, kept_score, kept_tier, kept_facts: the best answer that was not good enough.
        dropped: whether the budget left out a tier that the run might have asked.
        settled: the tier of that answer, where the run ends with it; "" else.
        base: how many messages stood there before the answers to the question at hand.
        cached, stale_age_s: whether a kept answer was used; its age where it was past its time.
        spent: where a budget counts, what each call took: the model, tokens in, tokens out.
        notes: what preparing the request found, for the result's metadata.
        events: how many events were applied; the number of the next one.
    """

    session_id: str = ""
    request: Request | None = None
    messages: list[Message] = field(default_factory=list)
    opened: int = 0
    asides: set[int] = field(default_factory=set)
    prepared: bool = False
    calls: int = 0
    retries: int = 0
    repairs: int = 0
    depth: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    last: Completion = Completion()
    proposed: tuple[ToolCall, ...] = ()
    begun: set[int] = field(default_factory=set)
    early: dict[int, tuple[str, Any]] = field(default_factory=dict)
    unmade: set[int] = field(default_factory=set)
    results: dict[int, Message] = field(default_factory=dict)
    answered: bool = False
    rejected: bool = False
    effects: bool = False
    charges: list[Charge] = field(default_factory=list)
    runs: int = 0
    turns: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    fallen: int = 0
    retried: int = 0
    plan: tuple[str, ...] = ()
    rung: int = 0
    rung_began: tuple[int, Usage] = (0, Usage())
    tokens_expected: int = 0
    tries: list[dict[str, Any]] = field(default_factory=list)
    kept: Completion | None = None
    kept_score: float | None = None
    kept_tier: str = ""
    kept_facts: Mapping[str, Any] = field(default_factory=dict)
    dropped: bool = False
    settled: str = ""
    base: int = 0
    cached: bool = False
    stale_age_s: float | None = None
    spent: list[tuple[str, int, int]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    outcome: LLMResult | None = None
    events: int = 0

    @classmethod
    def folded(cls, events: Iterable[Event]) -> RunState:
        """Return the state that these events, from the first, lead to."""
        state = cls()
        for event in events:
            state.apply(event.kind, event.data)
        return state

    @property
    def next_step(self) -> Step:
        """What follows from what happened."""
        if self.outcome is not None:
            return Step.STOP
        if not self.prepared:
            return Step.PREPARE
        if self.proposed:
            return Step.USE_TOOLS
        return Step.CHECK if self.answered else Step.ASK

    @property
    def usage(self) -> Usage:
        """What the answers of the run cost, as the server counts."""
        return Usage(self.tokens_in, self.tokens_out)

    @property
    def in_doubt(self) -> list[int]:
        """Positions of calls that began and have no result: nobody knows whether they took effect."""
        return sorted(self.begun - self.results.keys()) if self.begun and self.proposed else []

    @property
    def answers(self) -> list[Message]:
        """The tool results of the round that has just ended."""
        last = len(self.messages)
        while last and self.messages[last - 1].role == "tool":
            last -= 1
        return self.messages[last:]

    @property
    def spoken(self) -> list[Message]:
        """The turns of the run so far that belong to the conversation: all but its repairs."""
        if not self.prepared:
            return []
        places = range(self.opened, len(self.messages))
        turns = [self.messages[place] for place in places if place not in self.asides]
        return [*turns, self.last.message] if self.proposed else turns

    @property
    def found(self) -> list[dict[str, str]]:
        """What the run's tools returned, in order, those of a round that has not ended among them."""
        answers = [each for each in self.messages[self.opened :] if each.role == "tool"]
        answers += [self.results[position] for position in sorted(self.results)]
        return [{"tool": each.tool_name or "", "text": each.text} for each in answers]

    @property
    def waits(self) -> bool:
        """Whether the run ended only until a person has decided."""
        failed = None if self.outcome is None else self.outcome.metadata.get("failure_reason")
        return failed is not None and FailureReason(failed).waits

    def apply(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Take in the next event."""
        self.events += 1
        change = _CHANGES.get(kind)
        if change is not None:
            change(self, data)

    def note(self, outcome: str, **facts: Any) -> None:
        """Add a line to the story that `LLMResult.metadata["attempts"]` tells."""
        self.attempts.append({"call": self.calls, "model": self.last.model, "outcome": outcome, **facts})


def _started(state: RunState, data: Mapping[str, Any]) -> None:
    state.session_id, state.request = data["session_id"], data["request"]
    state.runs += 1
    state.calls = state.retries = state.repairs = state.depth = 0
    state.tokens_in, state.tokens_out, state.last, state.outcome = 0, 0, Completion(), None
    state.proposed, state.begun, state.results = (), set(), {}
    state.prepared = state.answered = state.effects = False
    state.attempts, state.turns, state.tried, state.notes = [], [], [], {}
    state.fallen, state.retried, state.cached, state.stale_age_s = 0, 0, False, None
    state.early, state.unmade, state.spent = {}, set(), []
    if state.plan:
        state.plan, state.tries, state.kept, state.settled = (), [], None, ""


def _prepared(state: RunState, data: Mapping[str, Any]) -> None:
    state.messages, state.notes = list(data["messages"]), dict(data.get("notes", {}))
    state.prepared, state.base = True, len(state.messages)
    state.opened, state.asides = state.base - 1, set()


def _routed(state: RunState, data: Mapping[str, Any]) -> None:
    state.plan, state.rung, state.rung_began = tuple(data["tiers"]), 0, (0, Usage())
    state.tokens_expected, state.dropped = data["tokens_in"], bool(data["dropped"])
    state.tries, state.kept, state.kept_score, state.kept_facts, state.settled = [], None, None, {}, ""


def _asked(state: RunState, data: Mapping[str, Any]) -> None:
    # A call that was interrupted and is made again is one call more, and not one number more.
    state.calls = data["call"]
    state.tried.append(data["endpoint"])


def _answered(state: RunState, data: Mapping[str, Any]) -> None:
    state.last = last = data["completion"]
    state.tokens_in += last.usage.tokens_in
    state.tokens_out += last.usage.tokens_out
    state.proposed = last.tool_calls
    if state.early:
        said = {at: (call.name, call.arguments) for at, call in enumerate(last.tool_calls)}
        state.begun -= {at for at, call in state.early.items() if said.get(at) != call}
        state.early = {}
    if "spent" in data:
        model, tokens_in, tokens_out = data["spent"]
        state.spent.append((model, tokens_in, tokens_out))
    state.answered, state.rejected = True, False
    if "cached" in data:
        state.cached |= data["cached"]
        state.stale_age_s = data.get("stale_age_s", state.stale_age_s)
    if not last.tool_calls:
        state.turns.append((last.text, ()))


def _failed(state: RunState, data: Mapping[str, Any]) -> None:
    state.note("failed", error=data["error"].what)
    state.retries += data["next"] != "give_up"
    state.retried += data["next"] == "retry"
    if data["next"] == "fall_back":
        state.fallen, state.retried = state.fallen + 1, 0


def _executing(state: RunState, data: Mapping[str, Any]) -> None:
    position = data["position"]
    if not state.proposed:
        call = data["tool"], data["arguments"]
        if state.early.get(position, call) != call:
            state.begun.discard(position)
        state.early[position] = call
    if position not in state.begun:  # made again after a crash, it is still one call
        state.charges.append(Charge(data["at_s"], data["tool"], data["cost"]))
        state.begun.add(position)
    state.effects |= data["writes"]


def _executed(state: RunState, data: Mapping[str, Any]) -> None:
    position, proposed, results, said = data["position"], state.proposed, state.results, state.last.text
    results[position] = Message.tool(proposed[position], data["text"])
    if not data["ok"]:
        state.unmade.add(position)
    if len(results) < len(proposed):
        return
    answers = [results[place] for place in range(len(results))] if len(results) > 1 else results.values()
    moved: tuple[str, ...] = ()
    if said:
        moved = tuple(f"{call.name} {call.arguments_text}" for call in proposed)
        moved += tuple(answer.text for answer in answers)
    state.turns.append((said, moved))
    state.note("tool_calls")
    state.messages.append(state.last.message)
    state.messages += answers
    state.depth += 1
    state.base = len(state.messages)
    state.proposed, state.begun, state.results, state.answered = (), set(), {}, False
    if state.unmade:
        state.unmade = set()


def _rejected(state: RunState, data: Mapping[str, Any]) -> None:
    state.rejected = True
    state.note("rejected", problems=list(data["problems"]))


def _repairing(state: RunState, data: Mapping[str, Any]) -> None:
    before = len(state.messages)
    state.messages.extend(repair_messages(state.last, data["prompt"], data.get("places", ())))
    state.asides.update(range(before, len(state.messages)))
    state.retries += 1
    state.repairs += 1
    state.answered = False


def _escalated(state: RunState, data: Mapping[str, Any]) -> None:
    made = {name: data[name] for name in ("tier", "model", "score", "cost_usd", "problem")}
    state.note("escalated", **made)
    state.tries.append(made)
    if data["keep"]:
        state.kept, state.kept_score, state.kept_facts = state.last, data["score"], dict(data["facts"])
        state.kept_tier = data["tier"]
    # Rounds of tools stay, for they may have had effects; the answers and repairs after them go.
    del state.messages[state.base :]
    state.asides = {place for place in state.asides if place < state.base}
    state.rejected, state.turns, state.proposed = False, [], ()
    if data["to"] is None:
        assert state.kept is not None
        state.last, state.answered, state.settled = state.kept, True, state.kept_tier
        return
    state.rung, state.rung_began = data["rung"], (state.calls, state.usage)
    state.answered, state.repairs, state.fallen, state.retried = False, 0, 0, 0
    state.retries += 1


def _completed(state: RunState, data: Mapping[str, Any]) -> None:
    state.outcome = result = data["result"]
    if result.success:
        state.messages.append(state.last.message)


def _resumed(state: RunState, data: Mapping[str, Any]) -> None:
    state.outcome = None
    for position in set(data["again"]).intersection(state.in_doubt):
        state.begun.discard(position)
        _uncharge(state.charges, state.proposed[position].name)


def _uncharge(charges: list[Charge], tool: str) -> None:
    for place in range(len(charges) - 1, -1, -1):
        if charges[place].tool == tool:
            del charges[place]
            return


_CHANGES: Mapping[EventKind, Callable[[RunState, Mapping[str, Any]], None]] = {
    EventKind.ORCHESTRATE_START: _started,
    EventKind.ROUTED: _routed,
    EventKind.CONTEXT: _prepared,
    EventKind.PROVIDER_CALL: _asked,
    EventKind.PROVIDER_ANSWER: _answered,
    EventKind.PROVIDER_FAILED: _failed,
    EventKind.TOOL_EXECUTION: _executing,
    EventKind.TOOL_RESULT: _executed,
    EventKind.VALIDATION_FAILED: _rejected,
    EventKind.REPAIR: _repairing,
    EventKind.ESCALATED: _escalated,
    EventKind.ORCHESTRATE_COMPLETE: _completed,
    EventKind.RESUMED: _resumed,
}
