"""Sessions: written down first, resumed anywhere, replayed without a call."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    ToolCall,
    VirtualClock,
    fault,
    idempotency_key,
    tool,
)
from pytest_llmharness.domain.event import Event, EventKind
from pytest_llmharness.errors import ConfigError, SessionConflict, SessionLogError
from pytest_llmharness.harness.state import RunState

PRIORITY = {"type": "object", "properties": {"priority": {"type": "integer"}}, "required": ["priority"]}


class Crash(BaseException):
    """The process ends here."""


class CrashingLog:
    """Ends the process at one append: before the event is kept, or just after."""

    def __init__(self, log: Any, at: int, *, kept: bool) -> None:
        self.log, self.at, self.kept, self.count = log, at, kept, 0

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        self.count += 1
        if self.count - 1 > self.at or (self.count - 1 == self.at and not self.kept):
            raise Crash  # also what still runs beside it is gone
        await self.log.append(session_id, seq, event)
        if self.count - 1 == self.at:
            raise Crash

    def read(self, session_id: str, after: int = -1) -> AsyncIterator[tuple[int, Event]]:
        return self.log.read(session_id, after)


class Bank:
    """Where effects can be counted: every charge with its idempotency key."""

    def __init__(self) -> None:
        self.charges: list[tuple[str, int]] = []

    def tool(self, in_doubt: Any = "idempotent") -> Any:
        @tool(in_doubt=in_doubt)
        async def charge(amount: int) -> str:
            """Charge a customer."""
            if idempotency_key() not in dict(self.charges):
                self.charges.append((idempotency_key(), amount))
            return f"charged {amount}"

        return charge


def model() -> ScriptedProvider:
    """Make a model that answers by what it is asked, as any process would find it."""

    def answer(prompt: Any) -> Any:
        results = [message.text for message in prompt.messages if message.role == "tool"]
        if len(results) < 3:
            return [ToolCall("charge", {"amount": 10 * len(results) + n}) for n in (1, 2)][
                : 2 - len(results) % 2
            ]
        bad = any("invalid" in message.text for message in prompt.messages)
        return '{"priority": 1}' if bad else '{"priority": "1"}'

    return ScriptedProvider([answer] * 30)


def harness(log: Any, bank: Bank, **settings: Any) -> Harness:
    config = HarnessConfig(max_tool_depth=5, retry_delay_seconds=0)
    parts = {
        "tools": [bank.tool()],
        "schema": PRIORITY,
        "clock": VirtualClock(),
        "config": config,
        **settings,
    }
    return Harness(model(), session_log=log, **parts)


def events_of(log: Any, session_id: str) -> list[Event]:
    async def read() -> list[Event]:
        return [event async for _, event in log.read(session_id)]

    return asyncio.run(read())


def undisturbed() -> tuple[LLMResult, list[Event], Bank]:
    log, bank = MemorySessionLog(), Bank()
    result = harness(log, bank).run(Request("go", session_id="s"))
    return result, events_of(log, "s"), bank


def test_a_run_is_written_down_in_its_order() -> None:
    """C2, C9: each verb leaves its event: asked, answered, executed, returned, rejected, repaired, ended."""
    result, events, bank = undisturbed()
    assert result.unwrap() == {"priority": 1}
    kinds = [event.kind for event in events]
    assert kinds[:4] == [
        EventKind.ORCHESTRATE_START,
        EventKind.CONTEXT,
        EventKind.PROVIDER_CALL,
        EventKind.PROVIDER_ANSWER,
    ]
    assert kinds[-6:] == [
        EventKind.PROVIDER_ANSWER,
        EventKind.VALIDATION_FAILED,
        EventKind.REPAIR,
        EventKind.PROVIDER_CALL,
        EventKind.PROVIDER_ANSWER,
        EventKind.ORCHESTRATE_COMPLETE,
    ]
    assert (
        kinds.count(EventKind.TOOL_EXECUTION) == kinds.count(EventKind.TOOL_RESULT) == len(bank.charges) == 4
    )


BOUNDARIES = list(itertools.product(range(len(undisturbed()[1])), [False, True]))


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_crash_at_any_event_leaves_the_same_result_and_each_effect_once(store: str, tmp_path: Path) -> None:
    """B34, B35, C4: killed before or after every event, another instance ends the run from the log."""
    expected, _, bank = undisturbed()
    paid = [amount for _, amount in bank.charges]
    for at, kept in BOUNDARIES:
        log: Any = MemorySessionLog() if store == "memory" else SqliteSessionLog(tmp_path / f"{at}-{kept}.db")
        bank = Bank()
        with pytest.raises(Crash):
            harness(CrashingLog(log, at, kept=kept), bank).run(Request("go", session_id="s"))
        if at == 0 and not kept:
            with pytest.raises(ConfigError, match="no session 's'"):
                harness(log, bank).resume("s")
            continue
        resumed = harness(log, bank).resume("s")
        assert resumed.unwrap() == expected.unwrap(), (at, kept)
        assert sorted(amount for _, amount in bank.charges) == sorted(paid), (at, kept)


def test_two_crashes_are_no_worse_than_one() -> None:
    """B35: every pair of boundaries, the second in the resumed run."""
    _, _, bank = undisturbed()
    paid = sorted(amount for _, amount in bank.charges)
    for first, second in itertools.product(range(1, len(BOUNDARIES) // 2), range(8)):
        log, bank = MemorySessionLog(), Bank()
        with pytest.raises(Crash):
            harness(CrashingLog(log, first, kept=True), bank).run(Request("go", session_id="s"))
        try:
            harness(CrashingLog(log, second, kept=True), bank).resume("s")
        except Crash:
            harness(log, bank).resume("s")
        assert sorted(amount for _, amount in bank.charges) == paid, (first, second)


class Together(CrashingLog):
    """The same where an answer and what is done with it are appended at once, both or neither."""

    async def append_all(self, session_id: str, seq: int, events: Sequence[Event]) -> None:
        self.count += 1
        if self.count - 1 > self.at or (self.count - 1 == self.at and not self.kept):
            raise Crash
        for number, event in enumerate(events, seq):
            await self.log.append(session_id, number, event)
        if self.count - 1 == self.at:
            raise Crash


def test_events_that_are_written_together_survive_like_others() -> None:
    """B34: an effect is intended in the log before it happens, however many events one append holds."""
    expected, events, bank = undisturbed()
    paid = sorted(amount for _, amount in bank.charges)
    calm = Together(MemorySessionLog(), len(events), kept=True)
    harness(calm, Bank()).run(Request("go", session_id="s"))
    assert events_of(calm, "s") == events
    assert calm.count < len(events)
    for at, kept in itertools.product(range(calm.count), (False, True)):
        log, bank = MemorySessionLog(), Bank()
        with pytest.raises(Crash):
            harness(Together(log, at, kept=kept), bank).run(Request("go", session_id="s"))
        if at or kept:
            assert harness(log, bank).resume("s").unwrap() == expected.unwrap(), (at, kept)
            assert sorted(amount for _, amount in bank.charges) == paid, (at, kept)


def test_an_event_that_cannot_be_written_has_no_effect() -> None:
    """C3: where the intent is not kept, the tool is not called and the model is not asked."""

    class FullDisk(MemorySessionLog):
        async def append(self, session_id: str, seq: int, event: Event) -> None:
            if event.kind is refused:
                raise SessionLogError("the disk is full", where="disk", fix="make room")
            await super().append(session_id, seq, event)

    for refused in (EventKind.TOOL_EXECUTION, EventKind.PROVIDER_CALL):
        bank, provider = Bank(), model()
        with pytest.raises(SessionLogError, match="the disk is full"):
            Harness(provider, session_log=FullDisk(), tools=[bank.tool()], clock=VirtualClock()).run("go")
        assert bank.charges == []
        assert len(provider.prompts) == (0 if refused is EventKind.PROVIDER_CALL else 1)


def test_the_state_at_any_event_is_what_it_was_then() -> None:
    """C5: folding the first k events gives the state that the run had."""
    seen: list[tuple[int, Any]] = []

    class Watching(MemorySessionLog):
        async def append(self, session_id: str, seq: int, event: Event) -> None:
            await super().append(session_id, seq, event)
            state = await watcher.astate_at(session_id)
            seen.append((seq, (state.next_step, state.calls, len(state.messages), sorted(state.results))))

    log, bank = Watching(), Bank()
    watcher = harness(log, bank)
    watcher.run(Request("go", session_id="s"))
    for seq, then in seen:
        state = watcher.state_at("s", seq)
        assert (state.next_step, state.calls, len(state.messages), sorted(state.results)) == then
        assert state.events == seq + 1


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_after_each_step_the_log_says_what_is_done_and_what_is_to_do(store: str, tmp_path: Path) -> None:
    """B36: done, what came of it, and what is next; after each tool call and each answer, from the log alone."""
    log: Any = MemorySessionLog() if store == "memory" else SqliteSessionLog(tmp_path / "s.db")
    bank = Bank()
    harness(log, bank).run(Request("go", session_id="s"))
    other = harness(log, Bank())
    steps = []
    for seq, event in enumerate(events_of(log, "s")):
        state = other.state_at("s", seq)
        if event.kind is EventKind.PROVIDER_ANSWER:
            to_do = [call.arguments["amount"] for call in state.proposed]
            steps.append(("answered", state.last.text, to_do, state.next_step.value))
        if event.kind is EventKind.TOOL_RESULT:
            done = [
                message.text
                for message in (*state.messages, *state.results.values())
                if message.role == "tool"
            ]
            to_do = [
                call.arguments["amount"] for at, call in enumerate(state.proposed) if at not in state.results
            ]
            steps.append(("done", done, to_do, state.next_step.value))
    assert steps[:3] == [
        ("answered", "", [1, 2], "use tools"),
        ("done", ["charged 1"], [2], "use tools"),
        ("done", ["charged 1", "charged 2"], [], "ask"),
    ]
    assert steps[-2:] == [
        ("answered", '{"priority": "1"}', [], "check"),
        ("answered", '{"priority": 1}', [], "check"),
    ]


def test_replaying_a_session_calls_nobody() -> None:
    """C6: two replays are equal, and neither asks a model or runs a tool."""
    log, bank = MemorySessionLog(), Bank()
    result = harness(log, bank).run(Request("go", session_id="s"))
    nobody = Harness(ScriptedProvider([]), session_log=log, clock=VirtualClock())
    first, second = nobody.resume("s"), nobody.resume("s")
    assert first == second
    assert (first.content, first.metadata["attempts"]) == (result.content, result.metadata["attempts"])
    assert len(bank.charges) == 4


def test_an_instance_with_nothing_but_the_log_takes_the_same_next_step() -> None:
    """C1: the next step follows from the events alone."""
    _, events, _ = undisturbed()
    for end in range(1, len(events)):
        alone = RunState.folded(_live(events[:end]))
        again = RunState.folded(_live(events[:end]))
        assert (alone.next_step, alone.messages) == (again.next_step, again.messages)


def _live(events: list[Event]) -> list[Event]:
    from pytest_llmharness.harness.written import read

    return [read(event) for event in events]


@pytest.mark.parametrize("settle", [{0: "charged 1, says the bank"}, {0: None}])
def test_a_call_in_doubt_halts_until_a_person_has_looked(settle: dict[int, str | None]) -> None:
    """The default for tools that write: nobody guesses, and resuming with the finding goes on."""
    log, bank = MemorySessionLog(), Bank()
    careful = {"tools": [bank.tool("halt")]}
    with pytest.raises(Crash):  # at the result of the first call
        harness(CrashingLog(log, 5, kept=False), bank, **careful).run(Request("go", session_id="s"))
    assert events_of(log, "s")[-1].kind is EventKind.TOOL_EXECUTION
    halted = harness(log, bank, **careful).resume("s")
    assert (halted.success, halted.metadata["failure_reason"], halted.metadata["layer"]) == (
        False,
        "in_doubt",
        "state",
    )
    assert "charge" in str(halted.metadata["error"])
    before = len(bank.charges)
    with pytest.raises(ConfigError, match="has not ended"):
        harness(log, bank, **careful).run(Request("more", session_id="s"))
    resumed = harness(log, bank, **careful).resume("s", settle=settle)
    assert resumed.unwrap() == {"priority": 1}
    assert len(bank.charges) == 4
    assert before in (1, 2)


def test_a_tool_can_be_asked_what_became_of_a_call() -> None:
    """in_doubt="lookup": found means its answer, not found means that it is made again."""
    for took_effect in (True, False):
        log, bank = MemorySessionLog(), Bank()
        charge = bank.tool("lookup")

        async def lookup(key: str) -> str | None:
            return "found" if took_effect and key in dict(bank.charges) else None  # noqa: B023

        charge.lookup = lookup
        with pytest.raises(Crash):
            harness(CrashingLog(log, 5, kept=False), bank, tools=[charge]).run(Request("go", session_id="s"))
        if not took_effect:
            bank.charges.clear()
        assert harness(log, bank, tools=[charge]).resume("s").unwrap() == {"priority": 1}
        answers = [event.data["text"] for event in events_of(log, "s") if event.kind is EventKind.TOOL_RESULT]
        assert (answers.count("found") > 0) is took_effect
        assert len(bank.charges) == 4


def test_two_instances_on_one_session_cannot_both_go_on() -> None:
    """The next number is given once: the slower one stops before its effect."""
    log, bank = MemorySessionLog(), Bank()
    with pytest.raises(Crash):
        harness(CrashingLog(log, 3, kept=True), bank).run(Request("go", session_id="s"))

    async def both() -> list[Any]:
        runs = [harness(log, bank).aresume("s") for _ in range(2)]
        return await asyncio.gather(*runs, return_exceptions=True)

    ended = asyncio.run(both())
    assert sorted(type(one).__name__ for one in ended) == ["LLMResult", "SessionConflict"]
    assert isinstance(next(one for one in ended if not isinstance(one, LLMResult)), SessionConflict)
    assert len(bank.charges) == 4


def test_a_session_goes_on_with_its_next_request() -> None:
    """B36: the second run sees the first one's turns; its limits start anew."""
    log = MemorySessionLog()
    provider = ScriptedProvider(["Hello Ada.", "You are Ada."])
    talk = Harness(provider, session_log=log, system="Be kind.", clock=VirtualClock())
    talk.run(Request("I am Ada.", session_id="s"))
    talk.run(Request("Who am I?", session_id="s"))
    said = [(message.role, message.text) for message in provider.prompts[1].messages]
    assert said == [
        ("system", "Be kind."),
        ("user", "I am Ada."),
        ("assistant", "Hello Ada."),
        ("user", "Who am I?"),
    ]


@pytest.mark.parametrize("script", [["no", "no", "no"], [fault.rate_limit()] * 3, [fault.hang()] * 3])
def test_a_failed_run_comes_back_with_its_reason(script: list[Any]) -> None:
    """The error survives the log: what, where, fix and kind."""
    log = MemorySessionLog()
    failed = Harness(ScriptedProvider(script), session_log=log, schema=PRIORITY, clock=VirtualClock()).run(
        Request("go", session_id="s")
    )
    again = Harness(ScriptedProvider([]), session_log=log, clock=VirtualClock()).resume("s")
    assert not again.success
    assert again.metadata["failure_reason"] == failed.metadata["failure_reason"]
    assert type(again.metadata["error"]) is type(failed.metadata["error"])
    assert str(again.metadata["error"]) == str(failed.metadata["error"])


def test_a_mended_answer_comes_back_with_its_edits() -> None:
    """What was passed or mended in the notation survives the log."""
    log = MemorySessionLog()
    fenced = '```json\n{"priority": 3,}\n```'
    first = Harness(ScriptedProvider([fenced]), session_log=log, schema=PRIORITY, clock=VirtualClock()).run(
        Request("go", session_id="s")
    )
    again = Harness(ScriptedProvider([]), session_log=log, clock=VirtualClock()).resume("s")
    assert first.metadata["edits"]
    assert again.metadata["edits"] == first.metadata["edits"]
    assert again.unwrap() == {"priority": 3}


@pytest.mark.parametrize("call", [lambda h: h.resume("s"), lambda h: h.state_at("s")])
def test_without_a_log_there_is_nothing_to_resume(call: Callable[[Harness], Any]) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigError, match="keeps no log") as caught:
        call(Harness(ScriptedProvider([])))
    assert "SqliteSessionLog" in caught.value.fix


RESUMES = '''
import sys
from pytest_llmharness import Harness, ScriptedProvider, SqliteSessionLog, ToolCall, tool
from pytest_llmharness.errors import SessionConflict

database, ledger = sys.argv[1:]

@tool
def pay(amount: float) -> str:
    """Pay somebody."""
    with open(ledger, "a") as file:
        file.write("paid\\n")
    return "paid"

harness = Harness(ScriptedProvider(["done"] * 2), tools=[pay], session_log=SqliteSessionLog(database))
print("ready", flush=True)
sys.stdin.readline()
try:
    print(harness.resume("s").content)
except SessionConflict:
    print("conflict")
'''


def test_of_many_processes_that_resume_one_has_the_effect(tmp_path: Path) -> None:
    """C10: four real processes go on with one session at the same moment; somebody is paid once.

    One that looks while the call of another is under way cannot know what became of it, and says so.
    """
    database, ledger = tmp_path / "sessions.db", tmp_path / "ledger.txt"

    async def prepare() -> None:
        whole, cut = MemorySessionLog(), SqliteSessionLog(database)
        provider = ScriptedProvider([ToolCall("pay", {"amount": 1.0}), "done"])

        @tool
        def pay(amount: float) -> str:
            """Pay somebody."""
            return "paid"

        await Harness(provider, tools=[pay], session_log=whole).arun(Request("go", session_id="s"))
        async for seq, event in whole.read("s"):
            if event.kind == "tool_execution":
                break
            await cut.append("s", seq, event)

    asyncio.run(prepare())
    command = [sys.executable, "-c", RESUMES, str(database), str(ledger)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 4
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert {one.partition(" ")[0] for one in said} <= {"done", "conflict", "nobody"}, said
    assert said.count("conflict") < 4
    assert ledger.read_text() == "paid\n"
