"""What the session's end says of cassettes: what drifted and why, grouped, and what it takes to mend it.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ..cassette.differences import Difference
from ..cassette.drift import Drift
from ..cassette.orphans import orphaned
from ..cassette.spending import Spending
from ..cassette.words import word_diff
from ..domain.usage import Usage
from .outcome import MISS, PARTIAL, VERDICTS
from .session import LLMSession, tests

_SHOWN = 5


@dataclass(frozen=True)
class Missed:
    """One call that no take answered.

    Attributes:
        test: the id of the test.
        place: the cassette and, where it is known, the line of the nearest take.
        drift: why.
    """

    test: str
    place: str
    drift: Drift


@dataclass
class Cause:
    """Why some calls, of one test or of many, were not answered.

    Attributes:
        missed: the calls.
        records: by test, the flags that record it, and its name behind them.
        spent: by cassette, what its calls have cost.
    """

    missed: list[Missed] = field(default_factory=list)
    records: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    spent: dict[str, Spending] = field(default_factory=dict)

    @property
    def first(self) -> Drift:
        """The drift that stands for all of them."""
        return self.missed[0].drift

    @cached_property
    def again(self) -> Spending:
        """What it costs at most to record the tests again."""
        return sum(self.spent.values(), Spending())

    @property
    def commands(self) -> list[str]:
        """What records the tests again: one command for each engine they were recorded with."""
        named: dict[tuple[str, ...], list[str]] = {}
        for flags, test in self.records.values():
            named.setdefault(flags, []).append(test)
        return [shlex.join(("pytest", *flags, *found)) for flags, found in named.items()]


def causes(outcomes: dict[str, dict[str, Any]]) -> list[Cause]:
    """Group the misses of a session: equal changes are one cause, however many calls they hit."""
    found: dict[Any, Cause] = {}
    for test, told in sorted(outcomes.items()):
        for plain in told.get("drifts", ()):
            drift = Drift(
                **{**plain, "differences": tuple(Difference(**each) for each in plain["differences"])}
            )
            line = f":{drift.line}" if drift.line else ""
            cause = found.setdefault(_key(drift), Cause())
            cause.missed.append(Missed(test, f"{told['cassette']}{line}", drift))
            flags, name = told["record"]
            cause.records[test] = (tuple(flags), name)
            cause.spent[told["cassette"]] = _spending(told["again"])
    return sorted(found.values(), key=lambda cause: -len(cause.missed))


def say_drift(session: LLMSession, reporter: pytest.TerminalReporter) -> None:
    """Write the verdicts, where they are not all well or -v asks for them, and a paragraph a cause."""
    outcomes = session.outcomes
    counts = Counter(told["verdict"] for told in outcomes.values())
    asides = [*_expired(outcomes), *_left_over(session), *_orphans(session)]
    if not (asides or counts[MISS] or counts[PARTIAL] or reporter.verbosity > 0):
        return
    reporter.write_sep("=", "llm cassettes")
    reporter.write_line(", ".join(f"{counts[each]} {each}" for each in VERDICTS if counts[each]))
    for cause in causes(outcomes):
        for number, line in enumerate(_paragraph(cause)):
            reporter.write_line(line, red=number == 0)
    for line in asides:
        reporter.write_line(line, yellow=True)
    if session.drift_json is not None:
        reporter.write_line(f"as JSON: {session.drift_json}")


def write_json(session: LLMSession) -> None:
    """Write one JSON line a cause, where there is a place for it; without drift, leave none behind."""
    lines = [json.dumps(_row(cause), ensure_ascii=False) + "\n" for cause in causes(session.outcomes)]
    given, cache = session.settings["llm_drift_json"], getattr(session.config, "cache", None)
    try:
        if given:
            path = Path(session.config.invocation_params.dir, given)
            path.parent.mkdir(parents=True, exist_ok=True)
        elif cache is not None:  # there is none with -p no:cacheprovider
            path = cache.mkdir("llmharness") / "drift.jsonl"
        else:
            return
        if lines or given:
            path.write_text("".join(lines), "utf-8", "backslashreplace")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:  # a checkout that cannot be written is no reason to fail
        if given:
            session.notes.append(f"--llm-drift-json={given} cannot be written: {error.strerror or error}")
        return
    session.drift_json = path if lines else None


def _row(cause: Cause) -> dict[str, Any]:
    first, again = cause.first, cause.again
    return {
        "causes": list(first.causes),
        "differences": [
            {"part": each.part, "place": each.place, "was": each.was, "now": each.now}
            for each in first.differences
        ],
        "calls": [
            {
                "test": missed.test,
                "call": missed.drift.call,
                "take": missed.drift.nearest,
                "cassette": missed.place,
                "note": missed.drift.note,
            }
            for missed in cause.missed
        ],
        "record_again": {
            "calls": again.calls or None,
            "tokens_in": again.usage.tokens_in if again.silent < again.calls else None,
            "tokens_out": again.usage.tokens_out if again.silent < again.calls else None,
            "cost_usd": again.cost_usd if again.calls and not again.unpriced else None,
            "without_price": list(again.unpriced),
            "commands": cause.commands,
        },
    }


def _paragraph(cause: Cause) -> Iterator[str]:
    count = len(cause.missed)
    calls = "1 call" if count == 1 else f"{count} calls"
    named = ", ".join(cause.first.causes) or "an empty cassette"
    yield f"{calls} of {tests(len(cause.records))}: {named}"
    for line in cause.first.lines():
        yield f"  {line}"
    yield from _clipped([f"  {missed.test}  {missed.place}" for missed in cause.missed])
    yield f"  to record again, at most: {cause.again}"
    for command in cause.commands:
        yield f"  {command}"


def _clipped(lines: list[str]) -> Iterator[str]:
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"  ... and {len(lines) - _SHOWN} more"


def _expired(outcomes: dict[str, dict[str, Any]]) -> Iterator[str]:
    found = {told["expired"][0]: told["expired"][1] for told in outcomes.values() if told.get("expired")}
    yield from _clipped([f"{what}: {fix}" for what, fix in sorted(found.items())])


def _left_over(session: LLMSession) -> Iterator[str]:
    """Name the takes that no test asked for: those of a test that failed may still be."""
    failed = {report.nodeid for report in _stats(session, "failed", "error")}
    lines = []
    for test, told in sorted(session.outcomes.items()):
        if told["verdict"] == PARTIAL and test not in failed:
            takes = ", ".join(f"#{number}" for number in told["unplayed"][:_SHOWN])
            more = f" and {len(told['unplayed']) - _SHOWN} more" if len(told["unplayed"]) > _SHOWN else ""
            lines.append(f"{test} did not ask for {takes}{more} of {told['cassette']}")
    yield from _clipped(lines)


def _orphans(session: LLMSession) -> Iterator[str]:
    """Name the cassettes beside those that were used whose test is gone."""
    start = Path(session.config.invocation_params.dir)
    used = {Path(start, told["cassette"]) for told in session.outcomes.values() if told["cassette"]}
    beside = {path for folder in {path.parent for path in used} for path in folder.glob("*.json")}
    lines = []
    for path in sorted(beside - used):
        why = orphaned(path)
        if why is not None:
            shown = shlex.quote(os.path.relpath(path, start))
            lines.append(f"{why}: llmharness cassette prune --yes {shown}")
    yield from _clipped(lines)


def _stats(session: LLMSession, *kinds: str) -> Iterable[Any]:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return [each for kind in kinds for each in (reporter.stats.get(kind, ()) if reporter else ())]


def _key(drift: Drift) -> Any:
    if drift.why:
        return drift.why
    return tuple(
        (each.part, re.sub(r"\[\d+\]", "[]", each.place), _change(each)) for each in drift.differences
    )


def _change(difference: Difference) -> Any:
    if difference.was is None or difference.now is None:
        return difference.was, difference.now
    return tuple(piece for piece in word_diff(difference.was, difference.now) if piece[0] != "same")


def _spending(told: dict[str, Any]) -> Spending:
    usage = Usage(told["tokens_in"], told["tokens_out"])
    return Spending(told["calls"], usage, told["silent"], told["cost_usd"], tuple(told["unpriced"]))
