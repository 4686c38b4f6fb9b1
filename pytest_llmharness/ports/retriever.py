"""The port to knowledge outside the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Retriever(Protocol):
    """Finds snippets for a query."""

    async def retrieve(self, query: str, limit: int) -> Sequence[tuple[str, float]]:
        """Return at most `limit` (text, score) pairs, best first."""
        ...
