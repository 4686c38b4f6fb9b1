"""Sort support tickets: classify, extract, route and score. An application as you might have it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pytest_llmharness import AsyncioExecutor, Clock, Harness, HarnessConfig, LLMResult, Request, SystemClock
from pytest_llmharness.adapters.tracers.logging import LoggingTracer
from pytest_llmharness.harness.batch import Batch, BatchSettings, Progress
from pytest_llmharness.harness.observations import llm_call
from pytest_llmharness.harness.routing import (
    DEFAULT_TIERS,
    Answer,
    Classification,
    ClassifyRules,
    CostBudget,
    Escalation,
    ModelCall,
    Router,
    Signals,
    Tiers,
    classify,
)
from pytest_llmharness.scoring import Case, ScoringSuite, SuiteRun, scored

TICKETS = Path(__file__).with_name("tickets.jsonl")

# Two local models: the small one is asked first, the larger one where the small one is not sure.
TIERS = Tiers({name: DEFAULT_TIERS[name] for name in ("fast", "balanced")})
CATEGORIES = ("billing", "technical", "account", "other")
RULES = ClassifyRules(min_confidence=0.8, max_tokens=256, categories=CATEGORIES)

CLASSIFY = f"""\
You sort support tickets. Answer with JSON: {{"category": ..., "confidence": ...}}.
The category is one of {", ".join(CATEGORIES)}. The confidence is a number from 0 to 1: how sure you are."""

EXTRACT = "You read support tickets. Write down what the ticket says, and null where it does not say it."
FACTS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "problem": {"type": "string", "minLength": 1, "maxLength": 200},
        "product": {"enum": ["app", "website", "invoice", "subscription", "other"]},
        "urgency": {"enum": ["low", "normal", "high"]},
        "order": {"type": ["string", "null"], "maxLength": 20},
        "amount": {"type": ["number", "null"]},
    },
    "required": ["problem", "product", "urgency", "order", "amount"],
    "additionalProperties": False,
}
# What a problem is called is a matter of taste, so it counts little; an order number is right or wrong.
WEIGHTS = {"problem": 0.2, "order": 2.0}


@dataclass(frozen=True)
class Ticket:
    """What a customer wrote, and where somebody has labelled it, what should be made of it."""

    text: str
    category: str | None = None
    facts: Mapping[str, Any] | None = None


def route(classification: Classification) -> str:
    """Return the queue of a ticket. Money goes to billing whoever said so; engineers want to be sure."""
    if classification.category == "billing":
        return "billing-queue"
    if classification.category == "technical" and classification.confidence > 0.8:
        return "engineering-queue"
    return "triage-queue"


class Desk:
    """Sorts tickets with any provider.

    Args:
        provider: who answers; one that names no model of its own is asked for those of `TIERS`.
        make: makes a harness; tests pass their own.
        clock: the time; None leaves it to `make`.
        budget: what may be spent; None only counts.
    """

    def __init__(
        self,
        provider: Any,
        *,
        make: Callable[..., Harness] = Harness,
        clock: Clock | None = None,
        budget: CostBudget | None = None,
    ) -> None:
        self._provider, self._make, self._clock = provider, make, clock
        self._harnesses: dict[tuple[ModelCall, str], Harness] = {}
        self._router = Router(TIERS)
        self._log = LoggingTracer(clock or SystemClock())
        self.escalation = Escalation(clock or SystemClock(), budget=budget)

    async def sort(self, ticket: Ticket) -> dict[str, Any]:
        """Return what becomes of a ticket; whatever the models do, it is in a queue."""
        classification = await self.classified(ticket)
        extraction = await self.extracted(ticket)
        return {
            "ticket": ticket.text[:100],
            "classification": classification.as_dict(),
            "extraction": extraction.unwrap() if extraction is not None else None,
            "route": route(classification),
            "quality_score": extraction.score if extraction is not None else None,
        }

    async def sort_all(
        self,
        tickets: Iterable[Ticket] | AsyncIterable[Ticket],
        *,
        max_workers: int = 3,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> list[dict[str, Any]]:
        """Return what becomes of each ticket, in their order; one that cannot be read goes to a person."""
        settings = BatchSettings(max_workers)
        batch = Batch(self.sort, executor=AsyncioExecutor(), settings=settings, on_progress=on_progress)
        outcomes = await batch.run(tickets)
        return [outcome.unwrap() if outcome.ok else unsorted() for outcome in outcomes]

    async def classified(self, ticket: Ticket) -> Classification:
        """Return the category: from the fast model where it is sure, else from the balanced one."""

        async def attempt(call: ModelCall) -> Answer[LLMResult]:
            return Answer.of(await self._ask("classification", ticket, call))

        return await classify(attempt, self.escalation, tiers=TIERS, rules=RULES)

    async def extracted(self, ticket: Ticket) -> LLMResult | None:
        """Return the facts of a ticket, scored where they are known, or None where no model could."""

        async def attempt(call: ModelCall) -> Answer[LLMResult]:
            # Labels measure an answer; they do not choose it, because in earnest there are none.
            return replace(Answer.of(await self._ask("extraction", ticket, call)), score=None)

        plan = self._router.plan(Signals(ticket.text, task_type="extraction"), self.escalation.budget)
        outcome = await self.escalation.run(attempt, plan)
        return outcome.answer.value if outcome.answer is not None else None

    async def measured(self, tickets: Iterable[Ticket], model: str) -> SuiteRun:
        """Return how well one model extracts the facts of labelled tickets."""
        cases = [Case(ticket.text[:40], ticket.text, FACTS, ticket.facts) for ticket in tickets]

        async def ask(case: Case, model: str) -> LLMResult:
            call = ModelCall("measured", model, max_tokens=1024)
            return await self._ask("extraction", Ticket(case.input), call)

        return await ScoringSuite(cases, weights=WEIGHTS).run(ask, model=model, executor=AsyncioExecutor())

    async def _ask(self, task: str, ticket: Ticket, call: ModelCall) -> LLMResult:
        request = Request(ticket.text, metadata={"task": task})
        result = await self._harness(task, call).arun(request)
        if task == "extraction":
            result = scored(result, ticket.facts, weights=WEIGHTS)
        self._log.event("llm_call", llm_call(result, task))
        return result

    def _harness(self, task: str, call: ModelCall) -> Harness:
        """Return the harness that asks one model for one thing."""
        if (call, task) not in self._harnesses:
            is_extraction = task == "extraction"
            timed = {} if self._clock is None else {"clock": self._clock}
            self._harnesses[call, task] = self._make(
                self._provider,
                system=EXTRACT if is_extraction else CLASSIFY,
                schema=FACTS if is_extraction else None,
                config=call.applied_to(HarnessConfig(timeout_seconds=60)),
                **timed,
            )
        return self._harnesses[call, task]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for harness in self._harnesses.values():
            await harness.aclose()


def unsorted() -> dict[str, Any]:
    """Return what becomes of a ticket that could not even be asked about."""
    nobody_knows = Classification()
    return {
        "ticket": "",
        "classification": nobody_knows.as_dict(),
        "extraction": None,
        "route": route(nobody_knows),
        "quality_score": None,
    }


def read_tickets(path: Path = TICKETS) -> list[Ticket]:
    """Return the tickets of a file, one JSON object a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Ticket(**json.loads(line)) for line in lines if line.strip()]


async def main() -> None:
    async with Desk("ollama") as desk:
        for sorted_ticket in await desk.sort_all(read_tickets()):
            print(json.dumps(sorted_ticket, indent=2))
        print(f"spent: {desk.escalation.budget.spending.cost.total_usd} USD")


if __name__ == "__main__":
    asyncio.run(main())
