"""What became of a test's cassette, in plain data: it travels with the test's report.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from ..cassette.drift import Drift
from ..cassette.spending import spending
from ..errors import CassetteMiss
from .case import Case
from .commands import record_words

HIT, PARTIAL, MISS, RECORDED, LIVE = "HIT", "PARTIAL", "MISS", "RECORDED", "LIVE"
VERDICTS = (HIT, PARTIAL, MISS, RECORDED, LIVE)
"""All calls were answered; takes are left over; a call had no take; calls were recorded; no cassette."""


def outcome(case: Case) -> dict[str, Any] | None:
    """Return the verdict on a test and what there is to say of its cassette, or None for no verdict."""
    recording = case.recording
    if recording is None:
        return {"verdict": LIVE, "cassette": ""} if case.plan.means == "live" else None
    misses = recording.misses[case.before.misses :]
    played, recorded = recording.played - case.before.played, recording.recorded - case.before.recorded
    drifts = [miss.drift for miss in misses if isinstance(miss, CassetteMiss) and miss.drift]
    unplayed = _unplayed(case)
    if misses:
        verdict = MISS
    elif recorded:
        verdict = RECORDED
    elif unplayed:
        verdict = PARTIAL
    elif played:
        verdict = HIT
    else:
        return None
    path = _shown(case.cassette_path, case.item.config.invocation_params.dir)
    told: dict[str, Any] = {
        "verdict": verdict,
        "cassette": path,
        "takes": len(recording.takes),
        "played": played,
        "recorded": recorded,
        "unplayed": unplayed,
        "expired": [case.expired.what, case.expired.fix] if case.expired is not None else [],
    }
    if drifts:
        words, test = record_words(case)
        told |= {
            "drifts": [_plain(drift) for drift in drifts],
            "again": _plain_spending(case),
            "record": [list(words), test],
        }
    return told


def _unplayed(case: Case) -> list[int]:
    """Return the takes that were left over; in a file of several tests, those that are this test's."""
    found: list[int] = case.recording.unplayed()
    if case.settings.scope == "function" and case.settings.name is None:
        return found
    takes = case.recording.takes
    mine = (case.item.nodeid,) if case.settings.scope != "function" else (case.item.nodeid, "")
    return [number for number in found if takes[number - 1].test in mine]


def _plain(drift: Drift) -> dict[str, Any]:
    return {**asdict(drift), "differences": [asdict(each) for each in drift.differences]}


def _plain_spending(case: Case) -> dict[str, Any]:
    found = spending(case.recording.takes)
    return {
        "calls": found.calls,
        "tokens_in": found.usage.tokens_in,
        "tokens_out": found.usage.tokens_out,
        "silent": found.silent,
        "cost_usd": found.cost_usd,
        "unpriced": list(found.unpriced),
    }


@lru_cache(maxsize=4)  # asked for at each report of a test
def _shown(path: os.PathLike[str], folder: os.PathLike[str]) -> str:
    """Return a path as it can be clicked from where pytest was started."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # another drive
        return str(path)
