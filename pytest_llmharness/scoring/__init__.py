"""Scoring layer: how good an answer is, what a suite of them adds up to, and whether it got worse.

Names load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import names_of

if TYPE_CHECKING:
    from .drift import Drift as Drift
    from .drift import DriftBounds as DriftBounds
    from .drift import compare as compare
    from .extraction import ExtractionScore as ExtractionScore
    from .extraction import score_extraction as score_extraction
    from .extraction import scored as scored
    from .extraction import value_of as value_of
    from .matching import similarity as similarity
    from .records import Aggregate as Aggregate
    from .records import Case as Case
    from .records import Record as Record
    from .records import aggregate as aggregate
    from .suite import Ask as Ask
    from .suite import ScoringSuite as ScoringSuite
    from .suite import SuiteRun as SuiteRun

_NAMES = {
    "drift": ("Drift", "DriftBounds", "compare"),
    "extraction": ("ExtractionScore", "score_extraction", "scored", "value_of"),
    "matching": ("similarity",),
    "records": ("Aggregate", "Case", "Record", "aggregate"),
    "suite": ("Ask", "ScoringSuite", "SuiteRun"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "Aggregate",
    "Ask",
    "Case",
    "Drift",
    "DriftBounds",
    "ExtractionScore",
    "Record",
    "ScoringSuite",
    "SuiteRun",
    "aggregate",
    "compare",
    "score_extraction",
    "scored",
    "similarity",
    "value_of",
]


__getattr__ = names_of(__name__, _HOMES)
