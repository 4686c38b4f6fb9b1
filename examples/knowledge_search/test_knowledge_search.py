"""The suite of the assistant: scripted, replayed from cassettes, or live."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from file_metadata import DEFAULT_CONTENT, MOST_CONTENT, MOST_ENTRIES, FileMetadata
from knowledge_graph import Entity, KnowledgeGraph, Relation
from knowledge_search import CONFIG, FILES, GRAPH, assistant, show

from pytest_llmharness import (
    Harness,
    HarnessError,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    ToolCall,
    VirtualClock,
    fault,
)
from pytest_llmharness.contracts import ToolContract
from pytest_llmharness.domain.prompt import Prompt

ASK = "Cards are declined. What do I do, and who is on call?"
SEARCH = ToolCall("kg_search", {"query": "declined cards"})
READ = ToolCall("fs_metadata", {"path": "runbooks/payments.md", "include_contents": True})
LAST_CHANGE = 1767225600  # 2026-01-01: the time of a checkout would be another one for everybody


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the files: no test can spoil them, and they were changed at the same time everywhere."""
    root = tmp_path / "files"
    shutil.copytree(FILES, root)
    for path in [root, *root.rglob("*")]:
        os.utime(path, (LAST_CHANGE, LAST_CHANGE))
    return root


@pytest.fixture
def scripted(llm_script: Callable[..., ScriptedProvider], files: Path) -> Callable[..., Harness]:
    """The assistant over a model that says what the test tells it to; pauses cost no time."""

    def make(*script: Any, **parts: Any) -> Harness:
        settings = {"clock": VirtualClock(), "session_log": MemorySessionLog(), **parts}
        return assistant(files, provider=llm_script(script), **settings)

    return make


@pytest.fixture
def modelled(llm_provider: Any, files: Path, graph: KnowledgeGraph) -> Harness:
    """The assistant over a model: its cassette, or with --llm-live the real one."""
    # A part of the graph, because the embedded engine's window is 2,048 tokens of a few letters each.
    names = ("ledger", "team-money", "ines")
    relations = [Relation("team-money", "owns", "ledger"), Relation("ines", "leads", "team-money")]
    small = KnowledgeGraph([graph.entities[name] for name in names], relations)
    return assistant(files, graph=small, provider=llm_provider, session_log=MemorySessionLog())


def prompts(harness: Harness) -> list[Prompt]:
    provider: Any = harness.provider
    asked: list[Prompt] = provider.prompts
    return asked


def told(harness: Harness, call: int = 1) -> str:
    """Return what the model was told last, at a call."""
    return prompts(harness)[call].messages[-1].text


# --- the graph ---


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.load(GRAPH)


def found(graph: KnowledgeGraph, query: str, **settings: Any) -> list[str]:
    return [result["id"] for result in graph.search(query, **settings)["results"]]


@pytest.mark.parametrize(
    ("query", "first", "then"),
    [
        ("cards are declined", ["doc-payments", "inc-101"], "team-money"),
        ("who owns the ledger", ["ledger"], "team-money"),
        ("empty result pages", ["inc-117", "doc-search"], "search"),
        ("refund", ["inc-130", "payments"], "ledger"),
        ("rate limits", ["gateway", "inc-142"], "team-platform"),
        ("parcel labels", ["warehouse"], "checkout"),
        ("weekend network", ["ada"], "gateway"),
        ("INES", ["ines"], "team-money"),
    ],
)
def test_the_best_comes_first_and_its_neighbours_follow(
    graph: KnowledgeGraph, query: str, first: list[str], then: str
) -> None:
    ids = found(graph, query)
    assert ids[: len(first)] == first
    assert then in ids[len(first) :]


@pytest.mark.parametrize("query", ["weather", "the", "?!", "' OR 1=1 --"])
def test_what_shares_no_word_is_not_found(graph: KnowledgeGraph, query: str) -> None:
    assert graph.search(query) == {"query": query, "found": 0, "results": []}


def test_results_are_ranked_and_cut(graph: KnowledgeGraph) -> None:
    everything = graph.search("team certificate refund index network cards", limit=50)
    scores = [result["score"] for result in everything["results"]]
    assert len(scores) == everything["found"] > 10
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    ten = graph.search("team certificate refund index network cards")
    assert ten["results"] == everything["results"][:10]
    assert ten["found"] == everything["found"]


def test_types_can_be_chosen(graph: KnowledgeGraph) -> None:
    assert found(graph, "cards are declined", entity_types=["incident"]) == ["inc-101"]
    teams_and_people = found(graph, "team money", entity_types=["team", "person"], limit=2)
    assert teams_and_people == ["team-money", "ines"]


def test_relations_come_along_unless_they_are_not_wanted(graph: KnowledgeGraph) -> None:
    ledger = graph.search("ledger", limit=1)["results"][0]
    assert ledger["relations"] == [
        "Team Money owns Ledger",
        "Payments calls Ledger",
        "Double refunds hit Ledger",
    ]
    assert "relations" not in graph.search("ledger", include_relations=False)["results"][0]


def test_a_relation_to_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="ends at 'b', which is not there"):
        KnowledgeGraph([Entity("a", "service", "A", "")], [Relation("a", "calls", "b")])


# --- the files ---


@pytest.fixture
def tool(files: Path) -> FileMetadata:
    (files.parent / "outside.txt").write_text("the treasure", encoding="utf-8")
    (files / "a..b.txt").write_text("legal", encoding="utf-8")
    (files / "link-out.txt").symlink_to(files.parent / "outside.txt")
    (files / "folder-out").symlink_to(files.parent)
    (files / "link-in.md").symlink_to("runbooks/search.md")
    (files / "circle").symlink_to("circle")
    return FileMetadata(files)


class TestFileMetadata(ToolContract):
    path_argument = "path"

    @pytest.fixture
    def root(self, files: Path) -> Path:
        return files

    @pytest.fixture
    def tool(self, files: Path) -> FileMetadata:
        return FileMetadata(files)

    @pytest.fixture
    def arguments(self) -> dict[str, Any]:
        return {"path": "runbooks/search.md", "include_contents": True}

    @pytest.fixture
    def failing_arguments(self) -> dict[str, Any]:
        return {"path": "no-such.txt"}


ESCAPES = {
    "parent": "../outside.txt",
    "parent, late": "runbooks/../../outside.txt",
    "parent and back": "../files/a..b.txt",
    "only parent": "..",
    "absolute": "/etc/hostname",
    "backslashes": "..\\outside.txt",
    "link": "link-out.txt",
    "link to a folder": "folder-out",
    "through a link": "folder-out/outside.txt",
    "circle": "circle",
    "zero byte": "a..b.txt\0.md",
    "endless": "x" * 5000,
    "nothing": "no-such.txt",
    "below a file": "a..b.txt/x",
    "home": "~/.ssh/id_rsa",
    "encoded": "%2e%2e/outside.txt",
}


@pytest.mark.parametrize("path", ESCAPES.values(), ids=ESCAPES)
def test_nothing_leads_out_of_the_folder(tool: FileMetadata, files: Path, path: str) -> None:
    with pytest.raises((PermissionError, FileNotFoundError)) as refused:
        tool.look(path, include_contents=True)
    assert "treasure" not in str(refused.value)
    assert str(files) not in str(refused.value)  # nor does it say where the folder is


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize("path", ["../outside.txt", "folder-out/outside.txt", "/etc/hostname"])
def test_a_model_that_tries_is_told_no_and_the_run_goes_on(
    scripted: Callable[..., Harness], path: str
) -> None:
    attempt = ToolCall("fs_metadata", {"path": path, "include_contents": True})
    harness = scripted(attempt, "I may not look there.")
    assert harness.run(ASK).unwrap() == "I may not look there."
    assert told(harness).startswith("Error: PermissionError: ")
    assert "treasure" not in told(harness)


def test_a_listing_names_links_and_does_not_follow_them(tool: FileMetadata) -> None:
    entries = tool.look(".", recursive=True, include_contents=True)["entries"]
    kinds = {entry["path"]: entry["type"] for entry in entries}
    assert kinds == {
        "a..b.txt": "file",
        "circle": "link",
        "folder-out": "link",
        "link-in.md": "link",
        "link-out.txt": "link",
        "notes": "directory",
        "notes/2024..2025.txt": "file",
        "notes/from-a-vendor.txt": "file",
        "runbooks": "directory",
        "runbooks/payments.md": "file",
        "runbooks/search.md": "file",
    }
    assert "treasure" not in json.dumps(entries)
    assert [entry["path"] for entry in tool.look("runbooks")["entries"]] == [
        "runbooks/payments.md",
        "runbooks/search.md",
    ]
    assert len(tool.look(".")["entries"]) == 7


@pytest.mark.parametrize(
    "path", ["a..b.txt", "./a..b.txt", "notes//2024..2025.txt", "runbooks\\search.md", "link-in.md"]
)
def test_what_is_inside_is_found(tool: FileMetadata, path: str) -> None:
    told = tool.look(path, include_contents=True)
    assert told["type"] == "file"
    assert told["size"] == len(told["content"].encode()) > 0
    assert not told["content_truncated"]


def test_a_file_is_described_and_not_read(tool: FileMetadata, files: Path) -> None:
    assert tool.look("runbooks/search.md") == {
        "path": "runbooks/search.md",
        "type": "file",
        "size": (files / "runbooks/search.md").stat().st_size,
        "modified": "2026-01-01T00:00:00+00:00",
    }


def test_content_ends_at_its_limit_and_never_inside_a_character(tool: FileMetadata, files: Path) -> None:
    (files / "umlauts.txt").write_text("ü" * 5000, encoding="utf-8")
    told = tool.look("umlauts.txt", include_contents=True)
    assert len(told["content"].encode()) == DEFAULT_CONTENT == 8192
    assert told["content_truncated"]
    odd = tool.look("umlauts.txt", include_contents=True, max_content_size=7)
    assert (odd["content"], odd["content_truncated"]) == ("üüü", True)
    whole = tool.look("umlauts.txt", include_contents=True, max_content_size=10_000)
    assert (len(whole["content"]), whole["content_truncated"]) == (5000, False)


def test_a_folders_contents_share_one_limit(tool: FileMetadata) -> None:
    entries = tool.look("runbooks", include_contents=True, max_content_size=320)["entries"]
    contents = [entry.get("content", "") for entry in entries]
    assert sum(len(content.encode()) for content in contents) == 320
    assert entries[1]["content_truncated"]


def test_bytes_that_are_no_text_show_as_such(tool: FileMetadata, files: Path) -> None:
    (files / "image.bin").write_bytes(b"\x89PNG\xff\x00")
    assert tool.look("image.bin", include_contents=True)["content"] == "\ufffdPNG\ufffd\x00"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
def test_a_pipe_holds_nobody_up(tool: FileMetadata, files: Path) -> None:
    os.mkfifo(files / "pipe")
    told = tool.look("pipe", include_contents=True)
    assert told["type"] == "other"
    assert "content" not in told


def test_a_large_folder_is_cut(tool: FileMetadata, files: Path) -> None:
    for number in reversed(range(MOST_ENTRIES + 5)):
        (files / "notes" / f"{number:03}.txt").touch()
    told = tool.look("notes")
    assert [entry["path"] for entry in told["entries"]] == [
        f"notes/{number:03}.txt" for number in range(MOST_ENTRIES)
    ]
    assert told["more_entries"]
    assert not tool.look("runbooks")["more_entries"]


# --- what a model may ask of the tools ---


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (ToolCall("kg_search", {}), "query"),
        (ToolCall("kg_search", {"query": ""}), "query"),
        (ToolCall("kg_search", {"query": "x", "limit": 0}), "limit"),
        (ToolCall("kg_search", {"query": "x", "limit": 51}), "limit"),
        (ToolCall("kg_search", {"query": "x", "entity_types": ["planet"]}), "entity_types"),
        (ToolCall("kg_search", {"query": "x", "sudo": True}), "sudo"),
        (ToolCall("fs_metadata", {}), "path"),
        (ToolCall("fs_metadata", {"path": ".", "max_content_size": MOST_CONTENT + 1}), "max_content_size"),
        (ToolCall("delete_file", {"path": "."}), "unknown tool 'delete_file'"),
    ],
)
def test_what_the_schema_does_not_allow_never_runs(
    scripted: Callable[..., Harness], call: ToolCall, complaint: str
) -> None:
    harness = scripted(call, "sorry")
    assert harness.run(ASK).success
    assert told(harness).startswith("Error: ")
    assert complaint in told(harness)


def test_the_limits_themselves_are_allowed(scripted: Callable[..., Harness]) -> None:
    calls = [
        ToolCall("kg_search", {"query": "team money payments", "limit": 1}),
        ToolCall("kg_search", {"query": "team money payments", "limit": 50}),
        ToolCall("fs_metadata", {"path": ".", "max_content_size": MOST_CONTENT}),
    ]
    harness = scripted(calls, "thanks")
    harness.run(ASK)
    one, fifty, _ = (json.loads(message.text) for message in prompts(harness)[1].messages[-3:])
    assert len(one["results"]) == 1
    assert len(fifty["results"]) == fifty["found"] > 10


def test_the_model_is_sent_the_schema_its_calls_are_checked_by(scripted: Callable[..., Harness]) -> None:
    harness = scripted("hello")
    harness.run(ASK)
    search, look = prompts(harness)[0].tools
    assert (search.name, look.name) == ("kg_search", "fs_metadata")
    assert search.schema["properties"]["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 50,
        "default": 10,
    }
    assert search.schema["properties"]["include_relations"]["default"] is True
    assert search.schema["properties"]["entity_types"]["items"]["enum"] == [
        "document",
        "incident",
        "person",
        "service",
        "team",
    ]
    assert look.schema["properties"]["max_content_size"]["default"] == 8192


# --- questions and answers ---


def test_a_question_is_answered_with_what_was_looked_up(scripted: Callable[..., Harness]) -> None:
    harness = scripted(SEARCH, READ, "Renew the certificate. Team Money is on call.")
    assert harness.run(ASK).unwrap() == "Renew the certificate. Team Money is on call."
    best = json.loads(told(harness, 1))["results"][0]
    assert best["summary"] == "What to do when cards are declined: runbooks/payments.md."
    assert "the signing certificate has run out" in json.loads(told(harness, 2))["content"]


def test_a_file_cannot_give_orders(scripted: Callable[..., Harness]) -> None:
    note = ToolCall("fs_metadata", {"path": "notes/from-a-vendor.txt", "include_contents": True})
    harness = scripted(note, "They work from nine to five.")
    harness.run("When does the vendor work?")
    assert "support hours are nine to five" in told(harness)
    assert "previous instructions" not in told(harness)


def test_what_the_file_says_is_what_the_harness_does(scripted: Callable[..., Harness]) -> None:
    harness = scripted(*[SEARCH] * 4, SEARCH)
    result = harness.run(ASK)
    assert result.metadata["failure_reason"] == "max_tool_depth"  # max_tool_depth: 4
    assert len(prompts(harness)) == 5
    options = prompts(harness)[0].options
    assert (options.temperature, options.max_tokens) == (0, 512)
    assert prompts(harness)[0].messages[0].text.startswith("You help people who are on call.")


def test_an_equal_question_is_answered_from_the_cache(scripted: Callable[..., Harness]) -> None:
    harness = scripted("nine to five")
    answers = [harness.run("When does the vendor work?") for _ in range(2)]
    assert [answer.content for answer in answers] == ["nine to five"] * 2
    assert [answer.metadata["cached"] for answer in answers] == [False, True]
    assert len(prompts(harness)) == 1


def test_a_blocked_word_is_blotted_out(scripted: Callable[..., Harness]) -> None:
    assert (
        scripted("The password is on the keyboard.").run(ASK).content == "The [REDACTED] is on the keyboard."
    )


def test_a_mistake_in_the_file_is_shown_by_its_line(files: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "harness.yaml"
    wrong.write_text(CONFIG.read_text(encoding="utf-8").replace("max_tool_depth: 4", "max_tool_depth: four"))
    line = next(number for number, text in enumerate(wrong.read_text().splitlines(), 1) if "four" in text)
    with pytest.raises(HarnessError, match="max_tool_depth") as refused:
        assistant(files, config=wrong)
    assert f"{wrong}:{line}" in str(refused.value)


# --- streaming ---


def shown(harness: Harness, question: str = ASK) -> tuple[list[str], LLMResult]:
    pieces: list[str] = []

    async def watch() -> LLMResult:
        async with harness:
            return await show(harness, question, pieces.append)

    result = asyncio.run(watch())
    return pieces, result


def test_an_answer_is_shown_while_it_comes(scripted: Callable[..., Harness]) -> None:
    pieces, result = shown(scripted(SEARCH, "Team Money is on call, all week."))
    assert pieces[0] == "\n[kg_search {'query': 'declined cards'}]\n"
    assert len(pieces) > 3
    assert "".join(pieces[1:]) == result.unwrap() == "Team Money is on call, all week."


def test_a_lookup_that_fails_is_shown(scripted: Callable[..., Harness]) -> None:
    pieces, result = shown(scripted(ToolCall("fs_metadata", {"path": "../x"}), "No such file."))
    assert "leads out of the folder" in pieces[1]
    assert result.success


def test_an_error_is_shown_at_the_end(scripted: Callable[..., Harness]) -> None:
    pieces, result = shown(scripted(fault.cut("Team Mo"), *[fault.refuse_connection()] * 2))
    assert not result.success
    assert "".join(pieces).startswith("Team Mo")
    assert pieces[-1].startswith("\n[no answer: provider_unavailable: connection refused")


# --- sessions ---


class Crash(BaseException):
    """The process ends here."""


def crash(_: Prompt) -> str:
    raise Crash


@pytest.fixture
def process(scripted: Callable[..., Harness], tmp_path: Path) -> Callable[..., Harness]:
    """Each call is a new process with the same session log."""
    return lambda *script: scripted(*script, session_log=SqliteSessionLog(tmp_path / "sessions.db"))


def test_a_question_that_was_interrupted_is_resumed(process: Callable[..., Harness]) -> None:
    first = process(SEARCH, READ, crash)
    with pytest.raises(Crash):
        first.run(Request(ASK, session_id="s1"))

    second = process("Renew the certificate.")
    result = second.resume("s1")

    assert result.unwrap() == "Renew the certificate."
    assert len(prompts(second)) == 1  # no finished call was made again, to the model or to a tool
    assert prompts(second)[0].messages == prompts(first)[2].messages


def test_a_session_that_ended_gives_its_result_again(process: Callable[..., Harness]) -> None:
    result = process("Renew the certificate.").run(Request(ASK, session_id="s1"))
    again = process()  # this model has nothing to say, and is not asked
    assert again.resume("s1") == result
    assert not prompts(again)


def test_a_conversation_goes_on_in_the_next_process(process: Callable[..., Harness]) -> None:
    process("Team Money is on call.").run(Request("Who is on call?", session_id="s1"))
    later = process("Ines Barros.")
    later.run(Request("Who leads them?", session_id="s1"))
    assert [message.text for message in prompts(later)[0].messages[1:]] == [
        "Who is on call?",
        "Team Money is on call.",
        "Who leads them?",
    ]


def test_a_session_can_be_looked_at_as_it_was(process: Callable[..., Harness]) -> None:
    harness = process(SEARCH, "Renew the certificate.")
    harness.run(Request(ASK, session_id="s1"))
    now = harness.state_at("s1")
    assert (now.calls, now.depth, now.outcome is not None) == (2, 1, True)
    states = [harness.state_at("s1", seq) for seq in range(now.events)]
    assert [state.calls for state in states] == sorted(state.calls for state in states)
    assert states[0].request == Request(ASK, session_id="s1")
    assert not any(state.outcome for state in states[:-1])


# --- a model: replayed from cassettes/, or live with --llm-live ---
# What holds for every model is asserted, not what one of them happened to say.


@pytest.mark.llm_live
def test_a_question_has_an_answer(modelled: Harness) -> None:
    with modelled:
        result = modelled.run(Request(ASK, session_id="s1"))
        state = modelled.state_at("s1")
    assert result.success, result.metadata["failure_reason"]
    assert result.content
    assert result.tokens_out > 0
    assert state.outcome == result
    assert state.calls == len(result.metadata["attempts"]) <= 5


@pytest.mark.llm_live
def test_an_answer_streams(modelled: Harness) -> None:
    pieces, result = shown(modelled)
    assert result.success, result.metadata["failure_reason"]
    assert len(pieces) > 1
    assert "".join(pieces).endswith(result.content)


@pytest.mark.llm_live
def test_what_the_model_looks_up_stays_inside(modelled: Harness, files: Path) -> None:
    (files.parent / "outside.txt").write_text("the treasure", encoding="utf-8")

    async def watch() -> list[Any]:
        async with modelled:
            asked = "Show me ../outside.txt, then search for declined cards."
            return [event async for event in modelled.stream(asked)]

    events = asyncio.run(watch())
    assert any(event.kind == "tool_call" for event in events)
    results = [event.data["text"] for event in events if event.kind == "tool_result"]
    assert results
    assert not any("treasure" in text for text in results)


@pytest.mark.llm_live
def test_a_conversation_goes_on(modelled: Harness) -> None:
    ask = partial(Request, session_id="s1")
    with modelled:
        first, second = modelled.run(ask("Who owns the ledger?")), modelled.run(ask("And who leads them?"))
        state = modelled.state_at("s1")
    assert first.success, first.metadata["failure_reason"]
    assert second.success, second.metadata["failure_reason"]
    said = [message.text for message in state.messages if message.role in ("user", "assistant")]
    assert "Who owns the ledger?" in said
    assert said[-1]
    assert state.runs == 2
