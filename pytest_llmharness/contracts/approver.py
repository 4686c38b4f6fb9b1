"""The contract of the approver port: a yes is for one action, and is used once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar, TypeAlias

import pytest

from ..domain.tool import ToolCall
from ..ports.approver import Approver
from ..ports.clock import Clock
from .contract import Contract, needs

Person: TypeAlias = Callable[[bool | None], None]
"""Makes the person answer so from now on, the open questions too; None means not at all."""

_CALL = ToolCall("pay", {"amount": 10, "to": "bob"}, id="call_1")
_WHY = "the tool is of high risk\nwould call pay"


class ApproverContract(Contract):
    """Subclass it, define the fixtures `approver` and `person`, and pytest proves your adapter.

    `person` is a function: `person(True)` makes whoever is asked say yes from now on. Where questions
    end (`expires_s`), define the fixture `clock` too.
    """

    expires_s: ClassVar[float | None] = None
    """Seconds after which a question without an answer is a no; None where it never is."""

    answers_later: ClassVar[bool] = False
    """Whether `approve` returns None at first, and the answer comes from elsewhere."""

    @pytest.fixture
    def approver(self) -> Approver:
        """The adapter under test."""
        pytest.fail(f"define the fixture `approver` in {type(self).__name__}")

    @pytest.fixture
    def person(self) -> Person:
        """Whoever answers."""
        pytest.fail(f"define the fixture `person` in {type(self).__name__}")

    @pytest.fixture
    def clock(self) -> Clock:
        """The clock by which questions end."""
        pytest.fail(f"define the fixture `clock` in {type(self).__name__}")

    def proves(self, clause: Callable[[], Awaitable[None]]) -> None:
        """Run a clause on a loop of its own."""

        async def bounded() -> None:
            await self.within_patience(clause(), "An approver must answer, or return None.")

        self.run(bounded())

    async def asked(
        self, approver: Approver, person: Person, answer: bool, call: ToolCall = _CALL, session: str = "s1"
    ) -> bool | None:
        """Ask, let the person answer, and ask again where the answer comes later."""
        person(None if self.answers_later else answer)
        first = await approver.approve(session, call, _WHY)
        if not self.answers_later or first is not None:
            return first
        person(answer)
        return await approver.approve(session, call, _WHY)

    def test_a_yes_is_a_yes(self, approver: Approver, person: Person) -> None:
        """What the person approves may run."""

        async def clause() -> None:
            answer = await self.asked(approver, person, True)
            assert answer is True, f"the person said yes, the approver says {answer!r}"

        self.proves(clause)

    def test_a_no_is_a_no_for_good(self, approver: Approver, person: Person) -> None:
        """What the person rejects never runs, whatever is said afterwards."""

        async def clause() -> None:
            answer = await self.asked(approver, person, False)
            assert answer is False, f"the person said no, the approver says {answer!r}"
            person(True)
            again = await approver.approve("s1", _CALL, _WHY)
            assert again is False, f"a rejected question was answered again with {again!r}"

        self.proves(clause)

    def test_a_yes_is_used_once(self, approver: Approver, person: Person) -> None:
        """The second one to ask the same question does not get the yes again."""

        async def clause() -> None:
            assert await self.asked(approver, person, True) is True
            person(True)
            again = await approver.approve("s1", _CALL, _WHY)
            assert again is False, f"a yes was handed out twice (the second time as {again!r})"

        self.proves(clause)

    def test_a_race_has_one_winner(self, approver: Approver, person: Person) -> None:
        """Of eight who ask the same question at once, one gets the yes."""

        async def clause() -> None:
            if self.answers_later:
                person(None)
                await approver.approve("s1", _CALL, _WHY)
            person(True)
            answers = await asyncio.gather(*(approver.approve("s1", _CALL, _WHY) for _ in range(8)))
            assert answers.count(True) == 1, f"{answers.count(True)} of 8 got the yes: use it up in one step"

        self.proves(clause)

    @pytest.mark.parametrize(
        "other",
        [
            replace(_CALL, arguments={"amount": 10.5, "to": "bob"}),
            replace(_CALL, arguments={"amount": 10, "to": "eve"}),
            replace(_CALL, arguments={"amount": 10}),
            replace(_CALL, name="pay_all"),
            replace(_CALL, id="call_2"),
        ],
        ids=["amount", "recipient", "fewer", "tool", "proposal"],
    )
    def test_another_action_needs_its_own_yes(
        self, approver: Approver, person: Person, other: ToolCall
    ) -> None:
        """A yes does not cover changed arguments, another tool, or an equal call proposed anew."""

        async def clause() -> None:
            assert await self.asked(approver, person, True) is True
            answer = await self.asked(approver, person, False, other)
            assert answer is False, f"a yes to {_CALL} was taken for {other}"

        self.proves(clause)

    def test_another_session_needs_its_own_yes(self, approver: Approver, person: Person) -> None:
        """A yes stays in its session."""

        async def clause() -> None:
            assert await self.asked(approver, person, True) is True
            answer = await self.asked(approver, person, False, session="s2")
            assert answer is False, "a yes was taken from another session"

        self.proves(clause)

    @needs("answers_later")
    def test_an_open_question_waits(self, approver: Approver, person: Person) -> None:
        """Asking again before there is an answer changes nothing."""

        async def clause() -> None:
            person(None)
            answers = [await approver.approve("s1", _CALL, _WHY) for _ in range(3)]
            assert answers == [None, None, None], f"{answers} without an answer: None means not yet"

        self.proves(clause)

    @needs("expires_s")
    def test_no_answer_in_time_is_a_no(self, approver: Approver, person: Person, clock: Clock) -> None:
        """A question that is past its end is denied, and stays so."""

        async def clause() -> None:
            assert self.expires_s is not None
            person(None)
            answer = await approver.approve("s1", _CALL, _WHY)
            if self.answers_later:
                await clock.sleep(self.expires_s + 1)
                person(True)
                answer = await approver.approve("s1", _CALL, _WHY)
            assert answer is False, f"a question past its end was answered with {answer!r}"
            person(True)
            again = await approver.approve("s1", _CALL, _WHY)
            assert again is False, f"a question past its end came back as {again!r}"

        self.proves(clause)
