"""The port to conversations that outlive a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..domain.message import Message


class ConversationStore(Protocol):
    """Keeps the turns of conversations."""

    async def save_turn(self, conversation_id: str, message: Message) -> None:
        """Append a turn; it is durable when this returns."""

    async def load_context(self, conversation_id: str, k: int) -> Sequence[Message]:
        """Return the last `k` turns, oldest first."""
        ...
