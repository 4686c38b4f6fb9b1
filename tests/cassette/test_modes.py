"""The record modes: vcrpy's words mean what they mean there, and three are ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import vcr

from pytest_llmharness.cassette import Cassette, Headers, RecordedResponse, use_cassette
from pytest_llmharness.cassette.verifying import Difference, differences
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import CassetteMiss
from pytest_llmharness.server import ModelServer


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def server(calls: list[str]) -> Iterator[ModelServer]:
    def answer(prompt: Prompt) -> str:
        calls.append(prompt.messages[-1].text)
        return f"{calls[-1]} {len(calls)}"

    with ModelServer([answer] * 100) as running:
        yield running


def ask(server: ModelServer, words: str) -> str:
    body = {"model": "m", "stream": False, "messages": [{"role": "user", "content": words}]}
    with httpx2.Client(verify=False) as client:
        answer: str = client.post(f"{server.url('ollama')}/api/chat", json=body).json()["message"]["content"]
    return answer


def said(path: Path) -> list[str]:
    return [json.loads(take.response.body)["message"]["content"] for take in Cassette.load(path).interactions]


def by_vcrpy(path: Path, mode: str) -> Any:
    if mode == "rewrite":  # as pytest-recording does it
        path.unlink(missing_ok=True)
        mode = "new_episodes"
    return vcr.VCR(match_on=["method", "path", "body"], record_mode=mode).use_cassette(str(path))


WAYS = {"ours": lambda path, mode: use_cassette(path, record_mode=mode), "vcrpy": by_vcrpy}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("mode", "there", "live", "fails"),
    [
        ("none", False, "", True),
        ("none", True, "", True),
        ("once", False, "abc", False),
        ("once", True, "", True),
        ("new_episodes", False, "abc", False),
        ("new_episodes", True, "c", False),
        ("all", False, "abc", False),
        ("all", True, "abc", False),
        ("rewrite", False, "abc", False),
        ("rewrite", True, "abc", False),
    ],
)
def test_the_words_of_vcrpy_let_the_same_calls_out(  # noqa: PLR0917 - one column an argument
    server: ModelServer,
    calls: list[str],
    tmp_path: Path,
    way: str,
    mode: str,
    there: bool,
    live: str,
    fails: bool,
) -> None:
    """A cassette of a and b, or none, and a test that asks a, b and c."""
    path, use = tmp_path / "take.yaml", WAYS[way]
    if there:
        with use(path, "once"):
            ask(server, "a"), ask(server, "b")
        calls.clear()
    outcomes = []
    with use(path, mode):
        for words in "abc":
            try:
                outcomes.append(bool(ask(server, words)))
            except (CassetteMiss, vcr.errors.CannotOverwriteExistingCassetteException):
                outcomes.append(False)
    assert "".join(calls) == live
    assert (not outcomes[-1]) == fails
    if live:
        calls.clear()
        with use(path, "none"):
            assert all(ask(server, words) for words in "abc")
        assert not calls


def test_changed_records_only_what_drifted(server: ModelServer, calls: list[str], tmp_path: Path) -> None:
    """Hits are played, misses go out, and what nobody asks for any more is gone; a failed block drops nothing."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="changed"):
        [ask(server, words) for words in "abcd"]
    before = path.read_text("utf-8")
    with use_cassette(path, record_mode="changed") as recording:
        assert [ask(server, words) for words in "aBd"] == ["a 1", "B 5", "d 4"]
    assert (recording.played, recording.recorded, calls) == (2, 1, [*"abcdB"])
    assert said(path) == ["a 1", "B 5", "d 4"]
    kept = [document for document in before.split("\n}\n") if "a 1" in document or "d 4" in document]
    assert all(document in path.read_text("utf-8") for document in kept)
    with pytest.raises(ValueError, match="no"), use_cassette(path, record_mode="changed"):
        ask(server, "a")
        raise ValueError("no")
    assert said(path) == ["a 1", "B 5", "d 4"]


def test_script_answers_by_order_and_lists_what_does_not_fit(
    server: ModelServer, calls: list[str], tmp_path: Path
) -> None:
    """The third call gets the third take; there is no network, and a call too many is a miss."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        [ask(server, words) for words in "abc"]
    with use_cassette(path, record_mode="script") as recording:
        assert [ask(server, words) for words in ("a", "other", "c")] == ["a 1", "b 2", "c 3"]
        with pytest.raises(CassetteMiss, match="the script is over: it has 3 takes"):
            ask(server, "d")
    assert recording.mismatches == ["call 2: messages[0].content: [-b-]{+other+}"]
    assert len(calls) == 3
    with (
        use_cassette(tmp_path / "absent.json", record_mode="script"),
        pytest.raises(CassetteMiss, match="does not exist"),
    ):
        ask(server, "a")


def test_verify_asks_the_model_too_and_writes_nothing(
    server: ModelServer, calls: list[str], tmp_path: Path
) -> None:
    """The client gets the take; what the live answer differs in is told, its words are not compared."""
    path = tmp_path / "take.json"
    with use_cassette(path, record_mode="once"):
        ask(server, "a"), ask(server, "b")
    path.write_text(
        path.read_text("utf-8").replace('"done": true', '"done": "yes",\n      "gone": 1', 1), "utf-8"
    )
    before = path.read_bytes()
    with use_cassette(path, record_mode="verify") as recording:
        assert [ask(server, words) for words in ("a", "b", "new")] == ["a 1", "b 2", "new 5"]
    assert calls == ["a", "b", "a", "b", "new"]
    assert [(each.call, each.differences) for each in recording.verified] == [
        (
            1,
            (
                Difference("error", "done", "string -> boolean"),
                Difference("warning", "gone", "removed (was number)"),
            ),
        ),
        (2, ()),
        (3, None),
    ]
    assert path.read_bytes() == before


def test_verify_works_for_async_clients(tmp_path: Path, server: ModelServer, calls: list[str]) -> None:
    """The take is played when the live answer has been read."""
    path, url = tmp_path / "take.json", f"{server.url('ollama')}/api/chat"
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}

    async def lines() -> list[str]:
        async with (
            httpx2.AsyncClient(verify=False) as client,
            client.stream("POST", url, json=body) as answer,
        ):
            return [line async for line in answer.aiter_lines()]

    answers = []
    for mode in ("once", "verify"):
        with use_cassette(path, record_mode=mode) as recording:
            answers.append(asyncio.run(lines()))
    assert answers[0] == answers[1]
    assert len(calls) == 2
    assert [each.differences for each in recording.verified] == [()]


def test_verify_tells_a_model_that_is_not_there(tmp_path: Path) -> None:
    """The take is played even so."""
    path = tmp_path / "take.json"
    with ModelServer(["a 1"]) as server, use_cassette(path, record_mode="once"):
        ask(server, "a")
        url = server.url("ollama")
    with use_cassette(path, record_mode="verify") as recording, httpx2.Client(verify=False) as client:
        body = {"model": "m", "stream": False, "messages": [{"role": "user", "content": "a"}]}
        assert client.post(f"{url}/api/chat", json=body).json()["message"]["content"] == "a 1"
    [verified] = recording.verified
    assert verified.differences is not None
    [difference] = verified.differences
    assert (difference.severity, difference.place) == ("error", "status")
    assert "ConnectError" in difference.what


def response(document: Any, status: int = 200) -> RecordedResponse:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return RecordedResponse(status, Headers(), body)


def events(*documents: Any) -> bytes:
    return (
        b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in documents) + b"data: [DONE]\n\n"
    )


CHAT = {"choices": [{"message": {"role": "assistant", "content": "hi"}}], "usage": {"total": 3}}


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (CHAT, {**CHAT, "choices": [{"message": {"role": "assistant", "content": "other words"}}] * 2}, []),
        (CHAT, {**CHAT, "tier": "x"}, [("info", "tier", "added (string)")]),
        (CHAT, {"choices": CHAT["choices"]}, [("warning", "usage", "removed (was object)")]),
        (CHAT, {**CHAT, "usage": [3]}, [("error", "usage", "object -> list")]),
        ({"n": 1}, {"n": 1.5}, []),
        ({"n": None}, {"n": "x"}, []),
        ({"n": True}, {"n": 1}, [("error", "n", "boolean -> number")]),
        (
            {"content": [{"type": "text", "text": "a"}]},
            {"content": [{"type": "tool_use", "input": {"a": 1}}]},
            [
                ("info", "content[]<text>", "not in this answer"),
                ("info", "content[]<tool_use>", "added (object)"),
            ],
        ),
        (
            {"tool_calls": [{"function": {"arguments": {"city": "Rome"}}}]},
            {"tool_calls": [{"function": {"arguments": {"zip": 7}}}]},
            [],
        ),
        (
            events({"delta": {"content": "a"}}, {"delta": {"content": "b"}, "usage": 1}),
            events({"delta": {"content": 7}}),
            [("error", "delta.content", "string -> number"), ("warning", "usage", "removed (was number)")],
        ),
        (b'{"a": 1}\n{"done": true}\n', b'{"a": 1}\n{"a": 2}\n{"done": true}\n', []),
        (b"no json", {"a": 1}, []),
    ],
)
def test_what_differs_in_shape(was: Any, now: Any, expected: list[tuple[str, str, str]]) -> None:
    """Added is info, removed a warning, another type an error; how many items and what they say is nothing."""
    found = differences(response(was), response(now))
    assert [(each.severity, each.place, each.what) for each in found] == expected


def test_another_status_is_an_error_and_all_there_is_to_say() -> None:
    """Its body is of another shape, of course."""
    [found] = differences(response(CHAT), response({"error": "x"}, 401))
    assert (found.severity, found.place, found.what) == ("error", "status", "200 -> 401")
