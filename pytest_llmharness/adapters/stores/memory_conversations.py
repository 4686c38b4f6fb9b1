"""Conversations in memory: gone with the process."""

from __future__ import annotations

from collections.abc import Sequence

from ...domain.message import Message


class MemoryConversationStore:
    """Keeps the turns of each conversation in a list."""

    def __init__(self) -> None:
        self._turns: dict[str, list[Message]] = {}

    async def save_turn(self, conversation_id: str, message: Message) -> None:
        """Append a turn."""
        self._turns.setdefault(conversation_id, []).append(message)

    async def load_context(self, conversation_id: str, k: int) -> Sequence[Message]:
        """Return the last `k` turns, oldest first."""
        return self._turns.get(conversation_id, [])[-k:] if k > 0 else []

    async def aclose(self) -> None:
        """Nothing to release."""
