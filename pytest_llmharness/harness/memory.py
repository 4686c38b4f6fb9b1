"""What a conversation remembers beyond one run: the turns in a store, or those of the session's log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..domain.event import EventKind
from ..domain.message import Message
from ..ports.store import ConversationStore
from .journal import Journal
from .state import RunState
from .user_memory import UserMemory

_TURNS = 50
"""The most turns recalled; the context layer trims them to its budget."""


class Memory:
    """Recalls earlier turns, and saves those of the run.

    Args:
        store: keeps turns by conversation; None recalls what the session's log holds and saves nothing.
        users: what the user's earlier sessions said; None tells nothing of them.
        journal: told of a store that fails; the run goes on without it.
    """

    def __init__(self, store: ConversationStore | None, users: UserMemory | None, journal: Journal) -> None:
        self._store, self._users, self._journal = store, users, journal
        self.facts: dict[str, Any] = {}

    async def recall(self, state: RunState) -> Sequence[Message]:
        """Return the turns before this run, oldest first, after the summary of earlier sessions."""
        turns = await self._turns(state)
        user = state.request.user if state.request is not None else None
        if self._users is None or user is None:
            return turns
        try:
            summary = await self._users.recall(user)
        except Exception as error:  # noqa: BLE001 - see below
            await self._failed(error)
            return turns
        from .context.history import is_summary

        return turns if summary is None else [summary, *(turn for turn in turns if not is_summary(turn))]

    async def remember(self, state: RunState) -> None:
        """Let later sessions of the user know what was asked and answered."""
        user = state.request.user if state.request is not None else None
        if self._users is None or user is None:
            return
        try:
            await self._users.add(user, (state.messages[state.opened - 1], state.last.message))
        except Exception as error:  # noqa: BLE001 - see below
            await self._failed(error)

    async def _turns(self, state: RunState) -> Sequence[Message]:
        if self._store is None:
            return [message for message in state.messages if message.role != "system"]
        try:
            turns = await self._store.load_context(state.session_id, _TURNS)
        except Exception as error:  # noqa: BLE001 - a store may fail in any way, and that ends no run
            await self._failed(error)
            return []
        # A window may begin in the middle of a round of calls; results without their call mean nothing.
        first = next((at for at, turn in enumerate(turns) if turn.role == "user"), len(turns))
        return turns[first:]

    async def save(self, *turns: Message) -> None:
        """Save turns of the run, in their order."""
        if self._store is None:
            return
        for turn in turns:
            try:
                await self._store.save_turn(self._journal.state.session_id, turn)
            except Exception as error:  # noqa: BLE001 - see above
                await self._failed(error)
                return

    async def _failed(self, error: Exception) -> None:
        self.facts["store_error"] = f"{type(error).__name__}: {error}"
        await self._journal.tell(EventKind.STORE_ERROR, error=error)
