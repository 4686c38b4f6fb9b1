"""The conversation stores keep the contract, and the durable ones outlive their process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_llmharness import Harness, Request, ScriptedProvider, ToolCall, VirtualClock, tool
from pytest_llmharness.adapters.stores.libsql_conversations import LibsqlConversationStore
from pytest_llmharness.adapters.stores.memory_conversations import MemoryConversationStore
from pytest_llmharness.adapters.stores.sqlite_conversations import SqliteConversationStore
from pytest_llmharness.contracts import ConversationStoreContract
from pytest_llmharness.errors import MissingExtra, SharedStateUnavailable
from pytest_llmharness.ports.store import ConversationStore


class TestMemoryConversationStore(ConversationStoreContract):
    @pytest.fixture
    def store(self) -> MemoryConversationStore:
        return MemoryConversationStore()


class TestSqliteConversationStore(ConversationStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteConversationStore]:
        store = SqliteConversationStore(tmp_path / "conversations.db")
        yield store
        asyncio.run(store.aclose())


class TestLibsqlConversationStore(ConversationStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[LibsqlConversationStore]:
        store = LibsqlConversationStore(tmp_path / "conversations.db")
        yield store
        asyncio.run(store.aclose())


class TestForgetfulStore(ConversationStoreContract):
    """Made to fail: it gives the newest turn first."""

    known_failures: ClassVar = {
        "test_turns_come_back_whole_and_in_order": "newest first",
        "test_the_last_turns_oldest_first": "newest first",
        "test_turns_saved_at_one_moment_keep_their_order": "newest first",
    }

    @pytest.fixture
    def store(self) -> ConversationStore:
        class Forgetful(MemoryConversationStore):
            async def load_context(self, conversation_id: str, k: int) -> list[object]:  # type: ignore[override]
                return list(reversed(await super().load_context(conversation_id, max(k, 2))))

        return Forgetful()


Durable = type[SqliteConversationStore] | type[LibsqlConversationStore]
both = pytest.mark.parametrize("store", [SqliteConversationStore, LibsqlConversationStore])


@both
def test_another_process_goes_on_with_a_conversation(store: Durable, tmp_path: Path) -> None:
    """D30: what one process saved, the next one has, with either of the two."""
    path = tmp_path / "c.db"
    name = store.__name__
    code = (
        "import asyncio, sys\n"
        "from pytest_llmharness import Message\n"
        f"from {store.__module__} import {name}\n"
        f"asyncio.run({name}(sys.argv[1]).save_turn('c', Message.user('from before')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
    for reader in (store, SqliteConversationStore, LibsqlConversationStore):  # one table, one form
        [turn] = asyncio.run(reader(path).load_context("c", 5))
        assert turn.text == "from before"


def test_libsql_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing, the error says how to get it."""
    monkeypatch.setitem(sys.modules, "libsql", None)
    with pytest.raises(MissingExtra, match="libsql") as caught:
        asyncio.run(LibsqlConversationStore(tmp_path / "c.db").load_context("c", 5))
    assert caught.value.fix == "pip install 'pytest-llmharness[libsql]'"


@both
def test_a_file_that_is_no_database_is_named(store: Durable, tmp_path: Path) -> None:
    """What, where, fix."""
    path = tmp_path / "c.db"
    path.write_bytes(b"not a database, and long enough to be looked at" * 50)
    with pytest.raises(SharedStateUnavailable, match="cannot be used") as caught:
        asyncio.run(store(path).load_context("c", 5))
    assert caught.value.where == str(path)


@both
@pytest.mark.parametrize("bad", ["folder", "name"])
def test_what_cannot_be_kept_is_named(store: Durable, bad: str, tmp_path: Path) -> None:
    """A folder that is not there, and a conversation whose name is no text."""
    path = tmp_path / "nowhere" / "c.db" if bad == "folder" else tmp_path / "c.db"
    with pytest.raises(SharedStateUnavailable, match="cannot be used"):
        asyncio.run(store(path).load_context("\ud800" if bad == "name" else "c", 5))


@tool(read_only=True)
def look(what: str) -> str:
    """Look at something."""
    return f"seen {what}"


def test_a_harness_saves_every_turn_and_goes_on_with_them() -> None:
    """D2.2, D30: users', assistants' and tools' turns; the next run sees the last k of them."""
    store = MemoryConversationStore()
    provider = ScriptedProvider([ToolCall("look", {"what": "x"}), "It is blue.", "As I said: blue."])
    harness = Harness(provider, store=store, tools=[look], clock=VirtualClock(), system="Be kind.")
    harness.run(Request("Look at x.", session_id="c"))
    harness.run(Request("Again?", session_id="c"))
    roles = [message.role for message in asyncio.run(store.load_context("c", 99))]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    asked = [(message.role, message.text) for message in provider.prompts[-1].messages]
    assert asked[0] == ("system", "Be kind.")
    assert ("tool", "seen x") in asked
    assert asked[-1] == ("user", "Again?")


def test_a_store_that_fails_fails_no_run() -> None:
    """D26: the run goes on without its past, and says so."""

    class Broken:
        async def save_turn(self, *args: object) -> None:
            raise OSError("no store today")

        load_context = save_turn

    result = Harness(ScriptedProvider(["fine"]), store=Broken(), clock=VirtualClock()).run(
        Request("go", session_id="c")
    )
    assert result.content == "fine"
    assert "no store today" in result.metadata["store_error"]
