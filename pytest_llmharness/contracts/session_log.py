"""The contract of the session log port: order, no gaps, one winner, nothing accepted is lost."""

from __future__ import annotations

import asyncio

import pytest

from ..domain.event import Event, EventKind
from ..errors import SessionConflict
from ..ports.session_log import SessionLog
from .contract import Contract

_DATA = {"text": "größer \u2028 \U0001f600", "nested": {"list": [1, 2.5, None, True, ""]}, "big": 2**53}


def _event(number: int) -> Event:
    return Event(EventKind.TOOL_RESULT, {"number": number})


async def _all(log: SessionLog, session_id: str, after: int = -1) -> list[tuple[int, Event]]:
    return [entry async for entry in log.read(session_id, after)]


class SessionLogContract(Contract):
    """Subclass it, define the fixture `log`, and pytest proves your adapter."""

    def test_events_come_back_in_order(self, log: SessionLog) -> None:
        """What was appended is read, in order, from wherever the reader stopped."""

        async def clause() -> None:
            for number in range(600):
                await log.append("s", number, _event(number))
            assert await _all(log, "s") == [(number, _event(number)) for number in range(600)]
            assert await _all(log, "s", 597) == [(598, _event(598)), (599, _event(599))]
            assert await _all(log, "s", 599) == []

        self.run(clause())

    def test_data_is_kept_as_it_was(self, log: SessionLog) -> None:
        """Unicode, nesting, numbers and null come back equal."""

        async def clause() -> None:
            await log.append("s", 0, Event(EventKind.ORCHESTRATE_START, _DATA))
            assert await _all(log, "s") == [(0, Event(EventKind.ORCHESTRATE_START, _DATA))]

        self.run(clause())

    def test_an_unknown_session_is_empty(self, log: SessionLog) -> None:
        """Reading what nobody wrote gives nothing, and is no error."""
        assert self.run(_all(log, "nobody")) == []

    def test_sessions_do_not_mix(self, log: SessionLog) -> None:
        """Each session counts for itself."""

        async def clause() -> None:
            for session_id in ("a", "b", "a'; drop table event; --"):
                await log.append(session_id, 0, _event(0))
                assert await _all(log, session_id) == [(0, _event(0))]

        self.run(clause())

    @pytest.mark.parametrize("seq", [0, 1, 3, -1])
    def test_only_the_next_number_is_accepted(self, log: SessionLog, seq: int) -> None:
        """A number again, or one that leaves a gap, is refused and changes nothing."""

        async def clause() -> None:
            for number in range(2):
                await log.append("s", number, _event(number))
            with pytest.raises(SessionConflict, match="the next number is 2"):
                await log.append("s", seq, _event(99))
            assert [number for number, _ in await _all(log, "s")] == [0, 1]
            await log.append("s", 2, _event(2))

        self.run(clause())

    def test_of_many_writers_of_one_number_one_wins(self, log: SessionLog) -> None:
        """Compare-and-append is the only coordination: fifty at once, one accepted."""

        async def clause() -> None:
            appends = (log.append("s", 0, _event(number)) for number in range(50))
            outcomes = await asyncio.gather(*appends, return_exceptions=True)
            winners = [number for number, outcome in enumerate(outcomes) if outcome is None]
            assert len(winners) == 1, f"{len(winners)} writers were told that they won"
            assert all(isinstance(each, SessionConflict) for each in outcomes if each is not None)
            assert await _all(log, "s") == [(0, _event(winners[0]))]

        self.run(clause())

    def test_many_sessions_at_once(self, log: SessionLog) -> None:
        """A hundred sessions append at the same time, and each is whole."""

        async def session(name: str) -> None:
            for number in range(10):
                await log.append(name, number, _event(number))

        async def clause() -> None:
            names = [f"session {number}" for number in range(100)]
            await asyncio.gather(*map(session, names))
            for name in names:
                assert [number for number, _ in await _all(log, name)] == list(range(10))

        self.run(clause())
