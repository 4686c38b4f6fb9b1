"""The contract of the note store port: whole texts, kept apart, and swapped by one at a time."""

from __future__ import annotations

import asyncio

import pytest

from ..ports.notes import NoteStore
from .contract import Contract

_NAMES = (
    *("maria", "Maria", "", ".", "..", "../maria"),
    *("a/b", "a\\b", "con", "x" * 300, "größer", "maria.md", "a\0b"),
)
_TEXTS = ("a line", "", "größer \u2028 \U0001f600\r\n\tand\x00 so on\n", "x" * 100_000)
_SWAPS = 20


class NoteStoreContract(Contract):
    """Subclass it, define the fixture `notes`, and pytest proves your adapter."""

    @pytest.mark.parametrize("text", _TEXTS, ids=len)
    def test_a_text_comes_back_as_it_was(self, notes: NoteStore, text: str) -> None:
        """Line ends, controls and all; what was never written is empty."""

        async def clause() -> None:
            assert await notes.read("maria", "pad") == ""
            assert await notes.swap("maria", "pad", "", text)
            assert await notes.read("maria", "pad") == text

        self.run(clause())

    def test_who_has_an_old_text_changes_nothing(self, notes: NoteStore) -> None:
        """A swap counts only where the text still reads as its writer has seen it."""

        async def clause() -> None:
            assert await notes.swap("maria", "pad", "", "first")
            assert not await notes.swap("maria", "pad", "", "second")
            assert not await notes.swap("maria", "pad", "First", "second")
            assert await notes.read("maria", "pad") == "first"
            assert await notes.swap("maria", "pad", "first", "")
            assert await notes.read("maria", "pad") == ""

        self.run(clause())

    def test_owners_and_names_do_not_mix(self, notes: NoteStore) -> None:
        """Whatever they are called: paths, other cases, nothing at all."""

        async def clause() -> None:
            places = [(owner, name) for owner in _NAMES for name in ("pad", *_NAMES[:6])]
            for place in places:
                assert await notes.swap(*place, "", repr(place))
            for place in places:
                assert await notes.read(*place) == repr(place)

        self.run(clause())

    def test_of_writers_at_once_none_is_lost(self, notes: NoteStore) -> None:
        """Each reads and swaps until it succeeds; all of them are in the text."""

        async def add(number: int) -> None:
            while True:
                old = await notes.read("maria", "pad")
                if await notes.swap("maria", "pad", old, f"{old} {number}"):
                    return
                await asyncio.sleep(0)

        async def clause() -> None:
            await asyncio.gather(*map(add, range(_SWAPS)))
            assert sorted(map(int, (await notes.read("maria", "pad")).split())) == list(range(_SWAPS))

        self.run(clause())
