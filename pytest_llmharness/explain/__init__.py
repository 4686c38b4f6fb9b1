"""What explains runs: article 000's four questions, three metrics, reliability, and the five mistakes.

Names load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import names_of

if TYPE_CHECKING:
    from .lints import Finding as Finding
    from .lints import lint as lint
    from .metrics import Metrics as Metrics
    from .metrics import metrics as metrics
    from .questions import FourAnswers as FourAnswers
    from .questions import four_questions as four_questions
    from .questions import results_in as results_in
    from .reliability import Odds as Odds
    from .reliability import interval as interval
    from .source_lines import code_lines as code_lines

_NAMES = {
    "lints": ("Finding", "lint"),
    "metrics": ("Metrics", "metrics"),
    "questions": ("FourAnswers", "four_questions", "results_in"),
    "reliability": ("Odds", "interval"),
    "source_lines": ("code_lines",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "Finding",
    "FourAnswers",
    "Metrics",
    "Odds",
    "code_lines",
    "four_questions",
    "interval",
    "lint",
    "metrics",
    "results_in",
]


__getattr__ = names_of(__name__, _HOMES)
