"""One attempt to answer with one model, and what a series of them came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from ...domain.frozen import dataclass
from ...domain.result import LLMResult
from ...domain.usage import Usage
from .costs import Cost
from .tiers import ModelCall

Value = TypeVar("Value")
Ending: TypeAlias = Literal["accepted", "quality", "failed", "refused", "budget", "calls", "deadline"]


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What one attempt came to.

    Args:
        value: whatever the attempt is for.
        score: its quality in 0..1; None where nothing scored it.
        usage: its tokens; with a known price they become its cost.
        cost: what it cost, where the attempt knows better than the price table.
        calls: the model calls it took, retries and repairs included.
        success: whether the value may be used at all.
        error: why not.
    """

    value: Value
    score: float | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    calls: int = 1
    success: bool = True
    error: BaseException | None = None

    @classmethod
    def of(cls, result: LLMResult) -> Answer[LLMResult]:
        """Take a harness's result as the answer of one attempt."""
        return Answer(
            result,
            result.score,
            Usage(result.tokens_in, result.tokens_out),
            calls=result.retries + 1,
            success=result.success,
            error=result.metadata.get("error"),
        )


Attempt: TypeAlias = Callable[[ModelCall], Awaitable[Answer[Value]]]


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt, as the account of an escalation keeps it.

    Args:
        call: what was asked.
        score: the answer's score.
        cost: what it cost; None where nobody knows.
        duration_ms: how long it took on the clock port.
        accepted: whether the answer was good enough.
        error: why there was no answer.
    """

    call: ModelCall
    score: float | None
    cost: Cost | None
    duration_ms: float
    accepted: bool = False
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Escalated(Generic[Value]):
    """The outcome of an escalation.

    Args:
        answer: the answer that was kept; None where every attempt failed.
        call: which call gave it.
        ending: "accepted", or why it ended without: the top tier was too low ("quality"), all attempts
            failed ("failed"), the request itself was refused ("refused"), or the "budget", the "calls"
            or the "deadline" forbade the next one.
        tries: every attempt, in order.
    """

    answer: Answer[Value] | None
    call: ModelCall | None
    ending: Ending
    tries: tuple[Try, ...] = ()

    @property
    def needs_review(self) -> bool:
        """Whether a person should look at it: always where nothing was accepted, never silently."""
        return self.ending != "accepted"

    @property
    def cost(self) -> Cost:
        """The sum of the known costs of all attempts."""
        return sum((attempt.cost for attempt in self.tries if attempt.cost), Cost())

    @property
    def metadata(self) -> dict[str, Any]:
        """What a result's metadata says about it, as JSON values."""
        cloud = [attempt for attempt in self.tries if attempt.call.cloud]
        return {
            "tier": self.call.tier if self.call else None,
            "models_tried": [attempt.call.model for attempt in self.tries],
            "scores": [attempt.score for attempt in self.tries],
            "cost_usd": self.cost.total_usd,
            "unpriced_calls": sum(attempt.cost is None for attempt in self.tries),
            "cloud_calls": len(cloud),
            "cloud_cost_usd": sum((attempt.cost for attempt in cloud if attempt.cost), Cost()).total_usd,
            "unpriced_cloud_calls": sum(attempt.cost is None for attempt in cloud),
            "needs_review": self.needs_review,
            "escalation": self.ending,
        }
