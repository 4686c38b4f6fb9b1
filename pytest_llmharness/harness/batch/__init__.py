"""Batch layer: one job over many items, side by side, in order, and one bad item kept apart.

Names load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import names_of

if TYPE_CHECKING:
    from .outcome import ItemOutcome as ItemOutcome
    from .outcome import Progress as Progress
    from .outcome import failed_result as failed_result
    from .outcome import results as results
    from .runner import Batch as Batch
    from .settings import PROVIDER_WORKERS as PROVIDER_WORKERS
    from .settings import BatchSettings as BatchSettings
    from .settings import too_parallel as too_parallel
    from .slots import ModelSlots as ModelSlots

_NAMES = {
    "outcome": ("ItemOutcome", "Progress", "failed_result", "results"),
    "runner": ("Batch",),
    "settings": ("PROVIDER_WORKERS", "BatchSettings", "too_parallel"),
    "slots": ("ModelSlots",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "PROVIDER_WORKERS",
    "Batch",
    "BatchSettings",
    "ItemOutcome",
    "ModelSlots",
    "Progress",
    "failed_result",
    "results",
    "too_parallel",
]


__getattr__ = names_of(__name__, _HOMES)
