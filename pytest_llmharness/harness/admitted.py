"""A call that may run."""

from __future__ import annotations

from typing import NamedTuple

from ..domain.tool import ToolCall, ToolSpec
from .gate.budgets import Charge


class Admitted(NamedTuple):
    """A call that may run, at its place in the answer, with what it was charged to budget and quota."""

    position: int
    call: ToolCall
    spec: ToolSpec
    charge: Charge
    quota: Charge | None = None
