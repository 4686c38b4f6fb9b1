"""Validation layer: an answer is accepted, or every fault in it is named. Names load when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import names_of

if TYPE_CHECKING:
    from .checking import Check as Check
    from .checking import acheck as acheck
    from .checking import check as check
    from .combining import at as at
    from .combining import fail_fast as fail_fast
    from .combining import in_turn as in_turn
    from .complaints import FailFast as FailFast
    from .complaints import Validator as Validator
    from .rules import consistency_validator as consistency_validator
    from .rules import range_validator as range_validator
    from .semantic import semantic_validator as semantic_validator
    from .structure import json_validator as json_validator
    from .structure import schema_validator as schema_validator

_NAMES = {
    "checking": ("Check", "acheck", "check"),
    "combining": ("at", "fail_fast", "in_turn"),
    "complaints": ("FailFast", "Validator"),
    "rules": ("consistency_validator", "range_validator"),
    "semantic": ("semantic_validator",),
    "structure": ("json_validator", "schema_validator"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "Check",
    "FailFast",
    "Validator",
    "acheck",
    "at",
    "check",
    "consistency_validator",
    "fail_fast",
    "in_turn",
    "json_validator",
    "range_validator",
    "schema_validator",
    "semantic_validator",
]


__getattr__ = names_of(__name__, _HOMES)
