"""Conversations over many runs: the log grows with what is said, and the store misses no turn of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Message,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    tool,
)
from pytest_llmharness.adapters.stores.memory_conversations import MemoryConversationStore
from pytest_llmharness.domain.event import Event, EventKind
from pytest_llmharness.harness.carried import read_pieces, written_pieces
from pytest_llmharness.harness.state import RunState
from pytest_llmharness.harness.written import read

MESSAGES = [Message.user(f"message {number}") for number in range(6)]
RECORD = {"type": "object", "properties": {"done": {"type": "boolean"}}, "required": ["done"]}


class Crash(BaseException):
    """The process ends here."""


class Fuse:
    """Counts what reaches the world, and ends the process at one of its steps: before or after it."""

    def __init__(self, at: int = -1, *, kept: bool = False) -> None:
        self.at, self.kept, self.count = at, kept, 0

    async def step(self, effect: Any) -> None:
        number, self.count = self.count, self.count + 1
        if number == self.at and not self.kept:
            effect.close()
            raise Crash
        await effect
        if number == self.at:
            raise Crash


class Log(MemorySessionLog):
    fuse = Fuse()

    async def append(self, session_id: str, seq: int, event: Event) -> None:
        await self.fuse.step(super().append(session_id, seq, event))


class Store(MemoryConversationStore):
    fuse = Fuse()

    async def save_turn(self, conversation_id: str, message: Message) -> None:
        await self.fuse.step(super().save_turn(conversation_id, message))


class WordsOnly(Store):
    """A store that keeps who said what, and nothing of calls."""

    async def save_turn(self, conversation_id: str, message: Message) -> None:
        await super().save_turn(conversation_id, Message(message.role, message.text))


@tool(read_only=True)
async def look(what: str) -> str:
    """Look at something."""
    return f"seen {what}"


def answer(prompt: Any) -> Any:
    """Answer the last request: two calls at once, then one, then an invalid answer, then a valid one."""
    asked = max(at for at, message in enumerate(prompt.messages) if message.text == "go")
    since = prompt.messages[asked + 1 :]
    calls = [ToolCall("look", {"what": what}, what) for what in "abc"]
    rounds = sum(bool(message.tool_calls) for message in since)
    if rounds < 2:
        return calls[:2] if rounds == 0 else calls[2:]
    return '{"done": true}' if since[-1].role == "user" else '{"done": 1}'


def process(log: Log, store: Store, fuse: Fuse) -> Harness:
    log.fuse = store.fuse = fuse
    return Harness(
        ScriptedProvider([answer] * 99),
        system="Be brief.",
        tools=[look],
        schema=RECORD,
        config=HarnessConfig(retry_delay_seconds=0),
        session_log=log,
        store=store,
        clock=VirtualClock(),
    )


async def finished(log: Log, store: Store, earlier_runs: int) -> LLMResult:
    """Take the session over, wherever it is; what never began is begun."""
    harness = process(log, store, Fuse())
    if (await harness.astate_at("s")).runs == earlier_runs:
        return await harness.arun(Request("go", session_id="s"))
    return await harness.aresume("s")


async def turns_of(store: Store) -> Sequence[Message]:
    return list(await store.load_context("s", 999))


@pytest.mark.parametrize("kind", [Store, WordsOnly])
@pytest.mark.parametrize("earlier_runs", [0, 1])
def test_killed_anywhere_the_store_has_every_turn_once(kind: type[Store], earlier_runs: int) -> None:
    """B34: a turn is saved after its event; a kill between the two loses none, and doubles none."""

    async def begun() -> tuple[Log, Store]:
        log, store = Log(), kind()
        for _ in range(earlier_runs):
            await process(log, store, Fuse()).arun(Request("go", session_id="s"))
        return log, store

    async def sweep() -> None:
        log, store = await begun()
        calm = Fuse()
        await process(log, store, calm).arun(Request("go", session_id="s"))
        expected = await turns_of(store)
        assert len(expected) == 7 * (earlier_runs + 1)
        assert calm.count > 20
        for at in range(calm.count):
            for kept in (False, True):
                log, store = await begun()
                with pytest.raises(Crash):
                    await process(log, store, Fuse(at, kept=kept)).arun(Request("go", session_id="s"))
                assert (await finished(log, store, earlier_runs)).success
                assert await turns_of(store) == expected, (at, kept)

    asyncio.run(sweep())


def test_a_store_that_fails_while_it_catches_up_ends_no_run() -> None:
    """C10: the run goes on without its store, and says so."""

    class Gone(Store):
        async def load_context(self, conversation_id: str, k: int) -> Sequence[Message]:
            raise OSError("gone")

    async def run() -> LLMResult:
        log, store = Log(), Store()
        with pytest.raises(Crash):
            await process(log, store, Fuse(9)).arun(Request("go", session_id="s"))
        return await process(log, Gone(), Fuse()).aresume("s")

    result = asyncio.run(run())
    assert result.success
    assert result.metadata["store_error"] == "OSError: gone"


def test_the_log_grows_with_what_is_said_and_not_with_its_square() -> None:
    """C1: each message of a conversation is written once, however many runs it has."""

    async def sizes() -> list[int]:
        log = MemorySessionLog()
        harness = Harness(ScriptedProvider(["fine"] * 40), system="Be brief.", session_log=log)
        grown = [0]
        for _ in range(40):
            await harness.arun(Request("how are you?", session_id="s"))
            events = [event.data async for _, event in log.read("s")]
            grown.append(len(json.dumps(events)))
        assert len((await harness.astate_at("s")).messages) == 81
        return [after - before for before, after in zip(grown, grown[1:], strict=False)]

    steps = asyncio.run(sizes())
    assert steps[-1] <= steps[0] + 40


def test_a_session_in_the_first_form_is_read() -> None:
    """C9: a log that holds all messages of every prompt gives the same state as one that refers to them."""

    async def states() -> list[RunState]:
        log = MemorySessionLog()
        harness = Harness(ScriptedProvider(["fine"] * 3), system="Be brief.", session_log=log)
        for text in ("one", "two", "three"):
            await harness.arun(Request(text, session_id="s"))
        old, state = MemorySessionLog(), RunState()
        async for seq, event in log.read("s"):
            data = dict(event.data)
            if event.kind is EventKind.ORCHESTRATE_START:
                data["version"] = 1
            live = read(event, state.messages)
            state.apply(live.kind, live.data)
            if event.kind is EventKind.CONTEXT:
                data["messages"] = written_pieces(state.messages, ())
                assert all(isinstance(piece, dict) for piece in data["messages"])
            await old.append("s", seq, Event(event.kind, data))
        return [await Harness("ollama", session_log=one).astate_at("s") for one in (log, old)]

    new, old = asyncio.run(states())
    assert [message.text for message in new.messages[1:]] == ["one", "fine", "two", "fine", "three", "fine"]
    assert old == new


@pytest.mark.parametrize(
    ("messages", "pieces"),
    [
        (MESSAGES, [[0, 6]]),
        ([*MESSAGES[:1], *MESSAGES[3:]], [[0, 1], [3, 6]]),
        ([Message.system("x"), *MESSAGES[4:]], ["x", [4, 6]]),
        ([MESSAGES[5], MESSAGES[0]], [[5, 6], "message 0"]),
        ([], []),
    ],
)
def test_what_was_there_is_told_by_its_place(messages: list[Message], pieces: list[Any]) -> None:
    """Whatever was taken over, left out or put between comes back in its order."""
    found = written_pieces(messages, MESSAGES)
    assert [piece["parts"][0] if isinstance(piece, dict) else piece for piece in found] == pieces
    assert list(read_pieces(json.loads(json.dumps(found)), MESSAGES)) == messages


def test_a_place_that_is_none_is_named() -> None:
    """A log that another program changed is refused, not misread."""
    with pytest.raises(ValueError, match="messages 4 to 9 of 6"):
        read_pieces([[4, 9]], MESSAGES)
