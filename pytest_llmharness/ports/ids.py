"""The port to fresh identifiers."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """Makes identifiers that never repeat."""

    def new(self) -> str:
        """Return a fresh identifier."""
        ...
