"""Article 000's five mistakes, looked for in a harness and in what it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from ..domain.prompt import Prompt
from ..domain.result import LLMResult
from ..harness.batch.settings import too_parallel
from ..harness.degrade.ladder import Endpoint
from ..harness.parts import Parts
from .source_lines import code_lines

MAX_LINES = 400
"""Article 000: a harness is 200 to 400 lines."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One of the five mistakes.

    Args:
        lint: which: "no_validator", "identical_retry", "no_scoring", "over_parallel" or "framework".
        what: what was found.
        where: the setting, the run or the file.
        fix: what to do about it.
    """

    lint: str
    what: str
    where: str
    fix: str

    def __str__(self) -> str:
        return f"{self.lint}: {self.what}\n  where: {self.where}\n  fix:   {self.fix}"


class Made(Protocol):
    """What has parts: a `Harness`."""

    @property
    def parts(self) -> Parts:
        """What it is made of."""
        ...


def lint(
    harness: Made,
    results: Sequence[LLMResult] = (),
    *,
    prompts: Sequence[Prompt] | None = None,
    max_workers: int = 3,
    source: ModuleType | str | PathLike[str] | None = None,
    max_lines: int = MAX_LINES,
) -> list[Finding]:
    """Look for article 000's five mistakes.

    ```python
    assert lint(harness, results, source=my_harness) == []
    ```

    Args:
        harness: the harness.
        results: what it answered, one run after the other.
        prompts: what its model was asked in these runs; None takes what a `ScriptedProvider` has noted.
            Without them nothing can be said about retries.
        max_workers: how many requests your batches run at once.
        source: the code around it, as a module, package, file or folder; None leaves its size alone.
        max_lines: how much code that may be.

    Raises:
        ConfigError: `source` is no Python source.
    """
    parts = harness.parts
    return [
        *_no_validator(parts),
        *_identical_retry(_calls(parts, results, prompts)),
        *_no_scoring(results),
        *_over_parallel(parts, max_workers),
        *_framework(source, max_lines),
    ]


def _no_validator(parts: Parts) -> Iterator[Finding]:
    if parts.validate is None or (parts.schema is None and not parts.validators):
        yield Finding(
            "no_validator",
            "nothing checks what the model answers",
            "Harness(schema=..., validators=...)",
            "give it a schema, or validators=[json_validator] for a start",
        )


Asked: TypeAlias = list[tuple[LLMResult, list[Prompt]]]


def _calls(parts: Parts, results: Sequence[LLMResult], prompts: Sequence[Prompt] | None) -> Asked:
    """Return each result with the prompts of its calls; nothing where they do not go together."""
    tried = [list(result.metadata.get("tried", ())) for result in results]
    if prompts is not None:
        noted, who = {0: list(prompts)}, dict.fromkeys(chain(*tried), 0)
    else:
        owners = {(endpoint.name, id(endpoint.provider)): endpoint.provider for endpoint in _endpoints(parts)}
        noted = {id(owner): list(getattr(owner, "prompts", ())) for owner in owners.values()}
        who = dict(owners.keys())
        if len(who) < len(owners):
            return []
    asked = Counter(who.get(name) for name in chain(*tried))
    if asked != Counter({key: len(all_) for key, all_ in noted.items() if all_}):
        return []
    each = {key: iter(all_) for key, all_ in noted.items()}
    runs = zip(results, tried, strict=True)
    return [(result, [next(each[who[name]]) for name in calls]) for result, calls in runs]


def _endpoints(parts: Parts) -> list[Endpoint]:
    tiers = () if parts.routes is None else parts.routes.endpoints.values()
    return [*parts.endpoints, *tiers]


def _identical_retry(asked: Asked) -> Iterator[Finding]:
    """Find prompts that were sent again to the same model although the answer to them was invalid.

    After a call that failed on its way, an equal prompt is right; so is one after a run that succeeded.
    """
    refused: set[str] = set()
    for result, prompts in asked:
        invalid = {attempt["call"] for attempt in _attempts(result) if attempt.get("outcome") == "rejected"}
        for number, prompt in enumerate(prompts, start=1):
            sent = repr((prompt.options.model, prompt.messages))
            if sent in refused:
                session = result.metadata.get("session_id", "unknown")
                yield Finding(
                    "identical_retry",
                    "a prompt was sent again unchanged, though the answer to it had been invalid",
                    f"session {session}, model call {number}",
                    "let the harness repair (HarnessConfig(max_retries=2)): its prompt says what was wrong",
                )
            if number in invalid:
                refused.add(sent)
        if result.success:
            refused.clear()


def _no_scoring(results: Sequence[LLMResult]) -> Iterator[Finding]:
    succeeded = [result for result in results if result.success]
    if succeeded and all(result.score is None for result in succeeded):
        yield Finding(
            "no_scoring",
            f"none of {len(succeeded)} successful results has a score: nobody would notice them get worse",
            "LLMResult.score",
            "scored(result, expected), or a ScoringSuite, from pytest_llmharness.scoring",
        )


def _over_parallel(parts: Parts, max_workers: int) -> Iterator[Finding]:
    for name in dict.fromkeys(provider.name for provider in parts.providers):
        warning = too_parallel(name, max_workers)
        if warning is not None:
            what, _, fix = warning.rpartition("; ")
            yield Finding("over_parallel", what, f"batch(max_workers={max_workers})", fix)


def _framework(source: ModuleType | str | PathLike[str] | None, max_lines: int) -> Iterator[Finding]:
    lines = 0 if source is None else code_lines(source)
    if lines > max_lines:
        yield Finding(
            "framework",
            f"the code around the model is {lines:,} lines, more than {max_lines:,}: it becomes a framework",
            str(getattr(source, "__name__", source)),
            "keep what is yours, and take single parts of pytest_llmharness.harness for the rest",
        )


def _attempts(result: LLMResult) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = result.metadata.get("attempts", ())
    return found
