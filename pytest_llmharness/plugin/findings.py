"""What the modes verify and script have found, as the terminal shows it.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

_COLORS: Mapping[str, dict[str, bool]] = {"error": {"red": True}, "warning": {"yellow": True}, "info": {}}


def say_mismatches(mismatches: Iterable[tuple[str, str]], reporter: pytest.TerminalReporter) -> None:
    """List each call that asked something else than the take it got."""
    rows = sorted(mismatches)
    if not rows:
        return
    reporter.section("cassettes played as a script", sep="-")
    test = ""
    for nodeid, words in rows:
        if nodeid != test:
            reporter.write_line(nodeid)
            test = nodeid
        reporter.write_line(f"  {words}", yellow=True)
    calls = "1 call" if len(rows) == 1 else f"{len(rows)} calls"
    reporter.write_line(
        f"{calls} asked something else than the take they got; record only these: --llm-record-mode=changed"
    )


def say_verified(verified: Sequence[Mapping[str, Any]], reporter: pytest.TerminalReporter) -> None:
    """Show how the shapes of live answers differ from their takes."""
    if not verified:
        return
    reporter.section("cassettes beside live answers", sep="-")
    for row in sorted(verified, key=lambda each: (each["test"], each["call"])):
        found = row["differences"]
        outcome = "no take" if found is None else "same shape" if not found else ""
        reporter.write_line(f"{row['test']}  call {row['call']}  {row['request']}  {outcome}".rstrip())
        for each in found or ():
            line = f"  {each['severity']:<8} {each['place'] or 'the answer'}: {each['what']}"
            reporter.write_line(line, **_COLORS[each["severity"]])
    counts = {kind: _count(verified, kind) for kind in _COLORS}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    calls = "1 call" if len(verified) == 1 else f"{len(verified)} calls"
    reporter.write_line(f"{calls} verified: {told}; nothing was written")


def _count(verified: Iterable[Mapping[str, Any]], severity: str) -> int:
    return sum(each["severity"] == severity for row in verified for each in row["differences"] or ())
