"""A tracer that costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_NOTHING: AbstractContextManager[None] = nullcontext()


class NullTracer:
    """Takes everything and keeps nothing."""

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Open nothing."""
        return _NOTHING

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Note nothing."""
