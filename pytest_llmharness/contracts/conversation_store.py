"""The contract of the conversation store port: every turn, whole, in order."""

from __future__ import annotations

import asyncio

import pytest

from ..domain.message import Message
from ..domain.tool import ToolCall
from ..ports.store import ConversationStore
from .contract import Contract

_CALL = ToolCall("look", {"what": "größer \u2028 \U0001f600", "deep": [1, 2.5, None, {"a": True}]}, "call_1")
_CUT = ToolCall("look", {}, "call_2", raw_arguments='{"what": "cut o')
_TURNS = (
    Message.user("Hello\n\nthere"),
    Message.assistant("Let me look.", [_CALL, _CUT]),
    Message.tool(_CALL, "seen"),
    Message.assistant("Done."),
)


class ConversationStoreContract(Contract):
    """Subclass it, define the fixture `store`, and pytest proves your adapter."""

    def test_turns_come_back_whole_and_in_order(self, store: ConversationStore) -> None:
        """Users', assistants' and tools' turns, with calls, ids and text as they were."""

        async def clause() -> None:
            for turn in _TURNS:
                await store.save_turn("c", turn)
            assert list(await store.load_context("c", 100)) == list(_TURNS)

        self.run(clause())

    def test_half_a_character_is_kept(self, store: ConversationStore) -> None:
        """A file name that is no UTF-8, say: the turn is saved, and comes back as it was."""

        async def clause() -> None:
            await store.save_turn("c", Message.user("half \ud83d of it"))
            assert [turn.text for turn in await store.load_context("c", 9)] == ["half \ud83d of it"]

        self.run(clause())

    @pytest.mark.parametrize("k", [0, 1, 3, 4, 5])
    def test_the_last_turns_oldest_first(self, store: ConversationStore, k: int) -> None:
        """As many as asked for, or as there are."""

        async def clause() -> None:
            for turn in _TURNS:
                await store.save_turn("c", turn)
            assert list(await store.load_context("c", k)) == list(_TURNS[len(_TURNS) - min(k, 4) :])

        self.run(clause())

    def test_turns_saved_at_one_moment_keep_their_order(self, store: ConversationStore) -> None:
        """A hundred in a row: the order is that of saving, not of a clock's ticks."""

        async def clause() -> None:
            for number in range(100):
                await store.save_turn("c", Message.user(str(number)))
            told = [message.text for message in await store.load_context("c", 100)]
            assert told == [str(number) for number in range(100)]

        self.run(clause())

    def test_conversations_do_not_mix(self, store: ConversationStore) -> None:
        """Each has its own turns, and one that nobody began has none."""

        async def clause() -> None:
            names = ("a", "b", "a'; drop table turn; --", "")
            await asyncio.gather(*(store.save_turn(name, Message.user(name or "-")) for name in names))
            for name in names:
                assert [message.text for message in await store.load_context(name, 9)] == [name or "-"]
            assert list(await store.load_context("nobody", 9)) == []

        self.run(clause())
