"""What a conversation remembers beyond one run: the turns in a store, or those of the session's log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..domain.event import EventKind
from ..domain.message import Message
from .journal import Journal
from .state import RunState

if TYPE_CHECKING:
    from ..ports.store import ConversationStore
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
        self.keeps = store is not None
        """Whether turns are saved at all."""
        self._ahead = 0
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
            await self._users.add(user, (state.messages[state.opened], state.last.message))
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

    async def catch_up(self, state: RunState) -> None:
        """Save what a run has said, and a kill has kept from the store: turns are saved after their event."""
        if self._store is None:
            return
        spoken = state.spoken
        # The last answer is saved before its event: it may be there already.
        turns = [*spoken, state.last.message] if state.answered and not state.proposed else spoken
        try:
            stored = await self._store.load_context(state.session_id, len(turns) + 1)
        except Exception as error:  # noqa: BLE001 - see above
            await self._failed(error)
            return
        there = _stored(turns, list(stored), state.messages[: state.opened])
        self._ahead = there - len(spoken)
        await self.save(*spoken[there:])

    async def save(self, *turns: Message) -> None:
        """Save turns of the run, in their order."""
        if self._store is None:
            return
        for turn in turns:
            if self._ahead > 0:
                self._ahead -= 1
                continue
            try:
                await self._store.save_turn(self._journal.state.session_id, turn)
            except Exception as error:  # noqa: BLE001 - see above
                await self._failed(error)
                return

    async def _failed(self, error: Exception) -> None:
        self.facts["store_error"] = f"{type(error).__name__}: {error}"
        await self._journal.tell(EventKind.STORE_ERROR, error=error)


def _stored(turns: Sequence[Message], stored: Sequence[Message], before: Sequence[Message]) -> int:
    """Return how many of the turns a store has that ends with `stored`.

    A store may keep the words alone. Where what came before the turns stands in it, that decides: two
    runs may have begun with the same words.
    """
    said, kept = _words(turns), _words(stored)
    earlier = _words([turn for turn in before if turn.role != "system"][-1:])
    for number in range(len(turns), -1, -1):
        rest = len(kept) - number
        if rest >= 0 and kept[rest:] == said[:number] and kept[:rest][-1:] == earlier:
            return number
    longest = range(min(len(kept), len(said)), 0, -1)
    return next((number for number in longest if kept[-number:] == said[:number]), 0)


def _words(turns: Sequence[Message]) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in turns]
