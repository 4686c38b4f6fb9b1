"""A suite of cases, asked of one model and scored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from ..domain.result import LLMResult
from ..errors import ConfigError
from ..harness.batch.outcome import ItemOutcome, failed_result
from ..harness.batch.runner import Batch
from ..harness.batch.settings import BatchSettings
from ..ports.executor import Executor
from .extraction import scored
from .records import Aggregate, Case, Record, aggregate

Ask: TypeAlias = Callable[[Case, str], Awaitable[LLMResult]]
"""Asks one case of one model, as `async (case, model) -> LLMResult`."""


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of a suite, which can be kept as JSON and compared with another.

    Args:
        model: the model that was asked.
        records: one for each case, in the order of the cases.
    """

    model: str
    records: tuple[Record, ...] = ()

    @property
    def aggregate(self) -> Aggregate:
        """What the records add up to."""
        return aggregate(self.model, self.records)

    def to_json(self) -> str:
        """Return it as text, the same for the same run."""
        records = [asdict(record) for record in self.records]
        return json.dumps({"model": self.model, "records": records}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SuiteRun:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: the text is something else.
        """
        try:
            kept = json.loads(text)
            return cls(kept["model"], tuple(Record(**record) for record in kept["records"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                f"the text is no run of a suite: {error}",
                where="SuiteRun.from_json",
                fix="write it again with SuiteRun.to_json()",
            ) from error


class ScoringSuite:
    """Cases with what is expected of them.

    ```python
    suite = ScoringSuite([Case("rain", "Will it rain?", expected={"rain": True})])
    run = await suite.run(ask, model="qwen3:4b", executor=AsyncioExecutor())
    assert run.aggregate.avg_score >= 0.9
    ```

    Args:
        cases: what is asked; each name stands once.
        weights: how much a field counts.

    Raises:
        ConfigError: a name stands twice.
    """

    def __init__(self, cases: Iterable[Case], *, weights: Mapping[str, float] | None = None) -> None:
        self.cases = tuple(cases)
        self._weights = weights
        twice = [name for name, count in Counter(case.name for case in self.cases).items() if count > 1]
        if twice:
            raise ConfigError(
                f"the case {twice[0]!r} stands twice",
                where="ScoringSuite(cases=...)",
                fix="give each case a name of its own, so that runs can be compared",
            )

    async def run(
        self,
        ask: Ask,
        *,
        model: str,
        executor: Executor,
        settings: BatchSettings | None = None,
    ) -> SuiteRun:
        """Ask every case of `model` and score the answers.

        A case that raises is a failed record, and the others go on.

        Args:
            ask: asks one case of the model it is given.
            model: the model that every case is asked of.
            executor: where the cases run.
            settings: how many at once.
        """

        async def job(case: Case) -> LLMResult:
            return await ask(case, model)

        outcomes = await Batch(job, executor=executor, settings=settings).run(self.cases)
        records = map(self._record, self.cases, outcomes)
        return SuiteRun(model, tuple(records))

    def _record(self, case: Case, outcome: ItemOutcome[LLMResult]) -> Record:
        result = outcome.unwrap() if outcome.ok else failed_result(outcome.error)
        result = scored(result, case.expected, weights=self._weights)
        fields: Any = result.metadata.get("field_scores", {})
        return Record(
            name=case.name,
            score=result.score if result.success else None,
            success=result.success,
            duration_ms=result.duration_ms,
            tokens_out=result.tokens_out,
            reason="" if result.success else str(result.metadata.get("failure_reason", "unknown")),
            field_scores=fields,
        )
