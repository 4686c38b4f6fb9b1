"""The port to observability."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Tracer(Protocol):
    """Takes spans and events; it never fails a run."""

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Open a span that ends with the context."""
        ...

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Note something that happened now."""
