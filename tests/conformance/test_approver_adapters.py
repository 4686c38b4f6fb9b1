"""Every approver keeps the contract; the stored one keeps it over restarts and processes."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import ToolCall
from pytest_llmharness.adapters.approvers.callback import CallbackApprover
from pytest_llmharness.adapters.approvers.cli import CliApprover
from pytest_llmharness.adapters.approvers.stored import StoredApprover
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.contracts import ApproverContract
from pytest_llmharness.contracts.approver import Person
from pytest_llmharness.errors import SharedStateUnavailable
from pytest_llmharness.harness.gate.approval import action_hash, ticket_of

CALL = ToolCall("pay", {"amount": 10}, id="c1")


class Mood:
    """A person whose answer is set beforehand."""

    answer: bool | None = None

    async def __call__(self, session_id: str, call: ToolCall, reason: str) -> bool:
        if self.answer is None:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return self.answer is True

    def set(self, answer: bool | None) -> None:
        self.answer = answer


class TestCallbackApprover(ApproverContract):
    expires_s = 60

    @pytest.fixture
    def mood(self) -> Mood:
        return Mood()

    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    def approver(self, mood: Mood, clock: VirtualClock) -> CallbackApprover:
        return CallbackApprover(mood, clock=clock, timeout_s=60)

    @pytest.fixture
    def person(self, mood: Mood) -> Person:
        return mood.set


class TestSyncCallbackApprover(ApproverContract):
    @pytest.fixture
    def mood(self) -> Mood:
        return Mood()

    @pytest.fixture
    def approver(self, mood: Mood) -> CallbackApprover:
        return CallbackApprover(lambda session_id, call, reason: mood.answer is True)

    @pytest.fixture
    def person(self, mood: Mood) -> Person:
        return mood.set


class Keyboard(io.TextIOBase):
    """A terminal where the mood is typed each time."""

    def __init__(self, mood: Mood) -> None:
        self._mood = mood

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        return "y\n" if self._mood.answer else "n\n"


class TestCliApprover(ApproverContract):
    @pytest.fixture
    def mood(self) -> Mood:
        return Mood()

    @pytest.fixture
    def approver(self, mood: Mood) -> CliApprover:
        return CliApprover(Keyboard(mood), io.StringIO())  # type: ignore[arg-type]

    @pytest.fixture
    def person(self, mood: Mood) -> Person:
        return mood.set


class TestStoredApprover(ApproverContract):
    answers_later = True
    expires_s = 60

    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    def approver(self, tmp_path: Path, clock: VirtualClock) -> StoredApprover:
        return StoredApprover(tmp_path / "approvals.db", ttl_s=60, now=clock.now)

    @pytest.fixture
    def person(self, approver: StoredApprover) -> Person:
        def answers(answer: bool | None) -> None:
            for question in approver.pending() if answer is not None else ():
                approver.answer(question.ticket, approved=answer is True)

        return answers


class TestStoredApproverRestarted(TestStoredApprover):
    """The same clauses where every call comes from a new process's worth of objects."""

    @pytest.fixture
    def approver(self, tmp_path: Path, clock: VirtualClock) -> Any:
        class Reopened:
            def __getattr__(self, name: str) -> Any:
                fresh = StoredApprover(tmp_path / "approvals.db", ttl_s=60, now=clock.now)
                return getattr(fresh, name)

        return Reopened()


class SaysYesAlways:
    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool:
        return True


class SaysNoAlways:
    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool:
        return False


class Forgets:
    """Asks again each time, as an approver without a memory does."""

    def __init__(self, mood: Mood) -> None:
        self._mood = mood

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool | None:
        return self._mood.answer


class KnowsTools:
    """Remembers by tool alone."""

    def __init__(self, mood: Mood) -> None:
        self._mood = mood
        self._said: dict[str, bool] = {}

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool | None:
        if self._mood.answer is not None:
            self._said.setdefault("pay", self._mood.answer)
        return self._said.get("pay")


OTHER = ToolCall("pay", {"amount": 10.5, "to": "bob"}, id="call_1")


@pytest.mark.parametrize(
    ("broken", "clause", "more", "lesson"),
    [
        (SaysNoAlways, "test_a_yes_is_a_yes", (), "the person said yes"),
        (SaysYesAlways, "test_a_no_is_a_no_for_good", (), "the person said no"),
        (Forgets, "test_a_no_is_a_no_for_good", (), "answered again with True"),
        (Forgets, "test_a_yes_is_used_once", (), "handed out twice"),
        (Forgets, "test_a_race_has_one_winner", (), "8 of 8 got the yes"),
        (KnowsTools, "test_another_action_needs_its_own_yes", (OTHER,), "was taken for"),
        (KnowsTools, "test_another_session_needs_its_own_yes", (), "from another session"),
        (SaysYesAlways, "test_an_open_question_waits", (), "None means not yet"),
        (SaysYesAlways, "test_no_answer_in_time_is_a_no", (VirtualClock(),), "past its end"),
    ],
)
def test_clause_catches_its_bug(
    broken: Callable[..., Any], clause: str, more: tuple[Any, ...], lesson: str
) -> None:
    """The clause fails on the approver broken for it, and says what to mend."""

    class Clauses(ApproverContract):
        expires_s = 60

    mood = Mood()
    approver = broken(mood) if broken in (Forgets, KnowsTools) else broken()
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(Clauses(), clause)(approver, mood.set, *more)
    assert lesson in str(caught.value)


def test_every_clause_has_a_bug() -> None:
    """No clause is without an approver that breaks it."""
    marks = test_clause_catches_its_bug.pytestmark  # type: ignore[attr-defined]
    caught = {row[1] for row in marks[0].args[1]}
    assert caught == {name for name in dir(ApproverContract) if name.startswith("test_")}


def test_an_approval_is_of_exactly_one_action() -> None:
    """B21: the hash covers session, tool and arguments, not their order; it has 128 bits."""
    base = action_hash("s", ToolCall("pay", {"a": 1, "b": [2]}))
    assert base == action_hash("s", ToolCall("pay", {"b": [2], "a": 1}, id="x"))
    assert len(bytes.fromhex(base)) * 8 == 128
    others = [
        action_hash("t", ToolCall("pay", {"a": 1, "b": [2]})),
        action_hash("s", ToolCall("pay2", {"a": 1, "b": [2]})),
        action_hash("s", ToolCall("pay", {"a": "1", "b": [2]})),
        action_hash("s", ToolCall("pay", {"a": True, "b": [2]})),
        action_hash("s", ToolCall("pay", {"a": 1, "b": [2], "c": None})),
    ]
    assert len({base, *others}) == 6
    assert ticket_of("s", CALL).startswith(action_hash("s", CALL))


def test_only_the_first_answer_counts(tmp_path: Path) -> None:
    """Two people answer the same question: the second answer has no effect, and says so."""
    approver = StoredApprover(tmp_path / "approvals.db")
    assert asyncio.run(approver.approve("s", CALL, "it is risky")) is None
    (question,) = approver.pending()
    assert (question.tool, question.arguments, question.reason) == ("pay", {"amount": 10}, "it is risky")
    assert approver.answer(question.ticket, approved=False, by="ann") is True
    assert approver.answer(question.ticket, approved=True, by="bob") is False
    assert approver.pending() == []
    assert asyncio.run(approver.approve("s", CALL, "it is risky")) is False


def test_an_answer_after_its_use_has_no_effect(tmp_path: Path) -> None:
    """Approve, run, approve again: nothing runs a second time."""
    approver = StoredApprover(tmp_path / "approvals.db")
    asyncio.run(approver.approve("s", CALL, ""))
    ticket = approver.pending()[0].ticket
    assert approver.answer(ticket, approved=True)
    assert asyncio.run(approver.approve("s", CALL, "")) is True
    assert not approver.answer(ticket, approved=True)
    assert asyncio.run(approver.approve("s", CALL, "")) is False


def test_a_yes_that_is_not_used_in_time_is_a_no(tmp_path: Path) -> None:
    """Expiry denies, whether the answer is missing or only its use."""
    clock = VirtualClock()
    approver = StoredApprover(tmp_path / "approvals.db", ttl_s=60, now=clock.now)

    async def clause() -> bool | None:
        await approver.approve("s", CALL, "")
        await clock.sleep(59)
        assert approver.answer(approver.pending()[0].ticket, approved=True)
        await clock.sleep(1)
        return await approver.approve("s", CALL, "")

    assert asyncio.run(clause()) is False


RESUME = """
import asyncio, sys
from pytest_llmharness import ToolCall
from pytest_llmharness.adapters.approvers.stored import StoredApprover
approver = StoredApprover(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
if asyncio.run(approver.approve("s", ToolCall("pay", {"amount": 10}, id="c1"), "")) is True:
    print("effect", flush=True)
"""


def test_eight_processes_run_one_approval_once(tmp_path: Path) -> None:
    """G2: a pending approval outlives its process, and of eight that resume it one runs it."""
    path = tmp_path / "approvals.db"
    approver = StoredApprover(path)
    asyncio.run(approver.approve("s", CALL, ""))
    assert approver.answer(approver.pending()[0].ticket, approved=True)
    command = [sys.executable, "-c", RESUME, str(path)]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(8)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        said = [worker.communicate()[0] for worker in workers]
    assert sorted(said) == [""] * 7 + ["effect\n"]
    assert [worker.returncode for worker in workers] == [0] * 8


def test_a_file_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    """The error says where and how to mend."""
    with pytest.raises(SharedStateUnavailable, match="cannot be kept") as caught:
        StoredApprover(tmp_path / "missing" / "approvals.db")
    assert "missing/approvals.db" in caught.value.where


def test_the_terminal_shows_what_will_run() -> None:
    """Tool, arguments and reason are on the screen, and no control sign of the model's."""
    screen = io.StringIO()
    call = ToolCall("pay\x1b[2J", {"to": "bob\x1b[31m", "amount": 5})
    approver = CliApprover(io.StringIO("yes\n"), screen)
    assert asyncio.run(approver.approve("s1\r", call, "too much\x07\nwould call pay")) is True
    shown = screen.getvalue()
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\r" not in shown
    for words in ("too much", "would call pay", '"to": "bob\\u001b[31m"', '"amount": 5', "Run it? [y/N]"):
        assert words in shown


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "no\n", "yep\n", "ye", "1\n"])
def test_whatever_is_not_a_yes_is_a_no(typed: str) -> None:
    """The end of input too: a job without a terminal runs nothing risky."""
    approver = CliApprover(io.StringIO(typed), io.StringIO())
    assert asyncio.run(approver.approve("s", CALL, "")) is False


@pytest.fixture
def silent_pipe() -> Iterator[Any]:
    """A terminal at which nobody types."""
    reads, writes = os.pipe()
    with os.fdopen(reads) as answers:
        yield answers
        os.close(writes)


def test_nobody_at_the_terminal_is_a_no(silent_pipe: Any) -> None:
    """The question ends on the clock, and the read that still waits keeps nothing alive."""
    screen = io.StringIO()
    approver = CliApprover(silent_pipe, screen, clock=VirtualClock(), timeout_s=30)
    assert asyncio.run(approver.approve("s", CALL, "")) is False
    assert "No answer in time" in screen.getvalue()
