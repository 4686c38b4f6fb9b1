"""Context layer: the knowledge a request needs and no more, and the history, within the budget.

Names load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import names_of

if TYPE_CHECKING:
    from .assembler import Assembled as Assembled
    from .assembler import ContextAssembler as ContextAssembler
    from .assembler import ContextSteps as ContextSteps
    from .contract_law import CONTRACT_LAW as CONTRACT_LAW
    from .estimate import ByteEstimate as ByteEstimate
    from .history import Trimmed as Trimmed
    from .history import trimmed as trimmed
    from .library import Library as Library
    from .packing import is_context as is_context
    from .settings import KEEP_10_TURNS as KEEP_10_TURNS
    from .settings import TRIM_20_MESSAGES as TRIM_20_MESSAGES
    from .settings import ContextSettings as ContextSettings
    from .settings import HistoryWindow as HistoryWindow
    from .snippet import Ask as Ask
    from .snippet import Snippet as Snippet
    from .snippet import StepReport as StepReport
    from .snippet import unchanged as unchanged
    from .steps import assembled as assembled
    from .steps import compressed as compressed
    from .steps import ranked as ranked
    from .steps import relevant as relevant
    from .summary import ExtractiveSummarizer as ExtractiveSummarizer
    from .summary import ModelSummarizer as ModelSummarizer
    from .tokens import message_tokens as message_tokens
    from .tokens import prompt_tokens as prompt_tokens
    from .topics import Subject as Subject
    from .topics import Topic as Topic

_HOMES = {
    "Assembled": "assembler",
    "ContextAssembler": "assembler",
    "ContextSteps": "assembler",
    "CONTRACT_LAW": "contract_law",
    "ByteEstimate": "estimate",
    "Trimmed": "history",
    "trimmed": "history",
    "Library": "library",
    "is_context": "packing",
    "KEEP_10_TURNS": "settings",
    "TRIM_20_MESSAGES": "settings",
    "ContextSettings": "settings",
    "HistoryWindow": "settings",
    "Ask": "snippet",
    "Snippet": "snippet",
    "StepReport": "snippet",
    "unchanged": "snippet",
    "assembled": "steps",
    "compressed": "steps",
    "ranked": "steps",
    "relevant": "steps",
    "ExtractiveSummarizer": "summary",
    "ModelSummarizer": "summary",
    "message_tokens": "tokens",
    "prompt_tokens": "tokens",
    "Subject": "topics",
    "Topic": "topics",
}

__all__ = [
    "CONTRACT_LAW",
    "KEEP_10_TURNS",
    "TRIM_20_MESSAGES",
    "Ask",
    "Assembled",
    "ByteEstimate",
    "ContextAssembler",
    "ContextSettings",
    "ContextSteps",
    "ExtractiveSummarizer",
    "HistoryWindow",
    "Library",
    "ModelSummarizer",
    "Snippet",
    "StepReport",
    "Subject",
    "Topic",
    "Trimmed",
    "assembled",
    "compressed",
    "is_context",
    "message_tokens",
    "prompt_tokens",
    "ranked",
    "relevant",
    "trimmed",
    "unchanged",
]


__getattr__ = names_of(__name__, _HOMES)
