"""Article 000's four questions, asked of results: what scores low, is slow, is retried, costs cloud money."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappush, heappushpop, nsmallest
from typing import Any

from ..domain.event import EventKind
from ..domain.result import LLMResult
from ..domain.usage import Usage
from ..errors import ConfigError
from ..harness.routing import DEFAULT_TIERS, PRICES, PriceTable
from ..harness.written import read
from ..ports.session_log import SessionLog

MAX_TASKS = 1_000
"""Task names that are told apart; the runs of further ones are counted as one task."""
UNNAMED, FURTHER = "(no task)", "(further tasks)"


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One kind of task.

    Args:
        task: its name, as `Request.metadata["task"]` has it.
        score: the mean over its runs that have a score; None where none has.
        runs, failed, unscored: how many; a failed run has no score and is not averaged away.
    """

    task: str
    score: float | None
    runs: int
    failed: int
    unscored: int


@dataclass(frozen=True, slots=True)
class Call:
    """One run: which, what it was for, who answered, how long it took, what it cost in retries."""

    session_id: str
    task: str
    model: str
    duration_ms: float
    retries: int


@dataclass(frozen=True, slots=True)
class CloudCost:
    """What cloud models cost.

    Args:
        usd: the sum of what is known.
        runs: runs that asked a cloud model.
        escalated: runs of these that had asked another model first.
        unpriced: runs whose cost nobody knows; while there are any, the sum is a lower bound.
    """

    usd: float = 0.0
    runs: int = 0
    escalated: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class FourAnswers:
    """The answers, each with the worst first. `str()` is a report.

    Args:
        lowest_scoring: tasks by mean score; those without any score are left out.
        slowest: runs by duration.
        most_retried: runs by retries; those without any are left out.
        cloud: what cloud models cost.
        unscored: runs without a score, failed ones included.
        runs: all of them.
    """

    lowest_scoring: tuple[TaskScore, ...]
    slowest: tuple[Call, ...]
    most_retried: tuple[Call, ...]
    cloud: CloudCost
    unscored: int
    runs: int

    def __str__(self) -> str:
        cloud, plus = self.cloud, "at least " if self.cloud.unpriced else ""
        scores = [f"{task.task}: {task.score:.2f}{_behind(task)}" for task in self.lowest_scoring]
        slow = [f"{_name(call)}: {call.duration_ms:,.0f} ms" for call in self.slowest]
        retried = [f"{_name(call)}: {call.retries}" for call in self.most_retried]
        unpriced = f", {cloud.unpriced} without a known price" if cloud.unpriced else ""
        cost = f"{plus}{cloud.usd:.6f} USD in {cloud.runs} of {self.runs} runs"
        return "\n".join(
            [
                *_listed("lowest-scoring tasks", scores, f"no run of {self.runs} has a score"),
                *_listed("slowest calls", slow, "no run"),
                *_listed("most-retried calls", retried, "no retry"),
                "cloud-escalation cost",
                f"  {cost} ({cloud.escalated} escalated{unpriced})",
            ]
        )


def four_questions(
    results: Iterable[LLMResult],
    *,
    top: int = 5,
    prices: PriceTable = PRICES,
    cloud: Callable[[str], bool] | None = None,
) -> FourAnswers:
    """Answer article 000's four questions about a set of runs.

    Where an escalation has put its account into the metadata (`Escalated.metadata`), that is what its
    cloud calls cost; else the tokens of the run count, at the price of the model that answered.

    Args:
        results: read once; `top` of each list are kept, and 1,000 task names.
        top: how long each list is.
        prices: what tokens cost.
        cloud: whether a model leaves this machine; None means that it has a price, or is a cloud tier.

    Raises:
        ConfigError: `top` is below 1.
    """
    if top < 1:
        raise ConfigError(
            f"top={top!r} cannot work", where="four_questions(top=...)", fix="give it a number of at least 1"
        )
    leaves = cloud or (lambda model: prices.price(model) is not None or model in _CLOUD_TIERS)
    tally = _Tally(top, prices, leaves)
    for result in results:
        tally.add(result)
    return tally.answers()


async def results_in(log: SessionLog, session_ids: Iterable[str]) -> AsyncIterator[LLMResult]:
    """Yield the results that a session log holds, in the order of the runs.

    Raises:
        SessionLogError: an event cannot be read.
    """
    for session_id in session_ids:
        async for _, event in log.read(session_id):
            if event.kind is EventKind.ORCHESTRATE_COMPLETE:
                yield read(event).data["result"]


_CLOUD_TIERS = frozenset(tier.model for tier in DEFAULT_TIERS.values() if tier.cloud)


@dataclass(slots=True)
class _Task:
    total: float = 0.0
    scored: int = 0
    failed: int = 0
    runs: int = 0


@dataclass(slots=True)
class _Worst:
    """The largest of a stream; of equals, those that came first."""

    size: int
    heap: list[tuple[float, int, Call]] = field(default_factory=list)
    seen: int = 0

    def add(self, amount: float, call: Call) -> None:
        self.seen += 1
        entry = (amount, -self.seen, call)
        (heappush if len(self.heap) < self.size else heappushpop)(self.heap, entry)

    def in_order(self) -> tuple[Call, ...]:
        return tuple(call for *_, call in sorted(self.heap, reverse=True))


class _Tally:
    """Counts results one by one."""

    def __init__(self, top: int, prices: PriceTable, cloud: Callable[[str], bool]) -> None:
        self._top, self._prices, self._leaves = top, prices, cloud
        self._tasks: dict[str, _Task] = {}
        self._slowest, self._retried = _Worst(top), _Worst(top)
        self._usd, self._cloud_runs, self._escalated, self._unpriced = 0.0, 0, 0, 0

    def add(self, result: LLMResult) -> None:
        """Count one."""
        facts = result.metadata
        name = str(facts.get("request", {}).get("task") or UNNAMED)
        if name not in self._tasks and len(self._tasks) >= MAX_TASKS:
            name = FURTHER
        task = self._tasks.setdefault(name, _Task())
        task.runs += 1
        task.failed += not result.success
        if result.success and result.score is not None:
            task.scored += 1
            task.total += result.score
        session = str(facts.get("session_id", ""))
        call = Call(session, name, result.model, result.duration_ms, result.retries)
        self._slowest.add(result.duration_ms, call)
        if result.retries:
            self._retried.add(result.retries, call)
        self._add_cost(result, facts)

    def answers(self) -> FourAnswers:
        """Return the answers so far."""
        tasks = [
            TaskScore(name, task.total / task.scored, task.runs, task.failed, task.runs - task.scored)
            for name, task in self._tasks.items()
            if task.scored
        ]
        runs = sum(task.runs for task in self._tasks.values())
        return FourAnswers(
            lowest_scoring=tuple(nsmallest(self._top, tasks, key=lambda task: task.score or 0.0)),
            slowest=self._slowest.in_order(),
            most_retried=self._retried.in_order(),
            cloud=CloudCost(round(self._usd, 9), self._cloud_runs, self._escalated, self._unpriced),
            unscored=runs - sum(task.scored for task in self._tasks.values()),
            runs=runs,
        )

    def _add_cost(self, result: LLMResult, facts: dict[str, Any]) -> None:
        if "cloud_cost_usd" in facts:
            asked, known = facts["cloud_calls"] > 0, facts["unpriced_cloud_calls"] == 0
            usd = facts["cloud_cost_usd"]
        else:
            cost = self._prices.cost(result.model, Usage(result.tokens_in, result.tokens_out))
            asked, known = self._leaves(result.model), cost is not None
            usd = cost.total_usd if cost is not None and asked else 0.0
        if asked:
            others = facts.get("models_tried", facts.get("tried", ()))
            self._cloud_runs += 1
            self._escalated += len(set(others)) > 1
            self._unpriced += not known
            self._usd += usd


def _listed(title: str, lines: list[str], none: str) -> list[str]:
    return [title, *(f"  {line}" for line in lines or [none])]


def _name(call: Call) -> str:
    return f"{call.task}, {call.model or 'no model'}, session {call.session_id or 'unknown'}"


def _behind(task: TaskScore) -> str:
    failed = f", {task.failed} failed" if task.failed else ""
    return f" ({task.runs - task.unscored} of {task.runs} runs scored{failed})"
