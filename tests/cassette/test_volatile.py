"""What may differ between a request and the take that answers it, and what may never."""

from __future__ import annotations

import json
import os
import ssl
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness.cassette import Cassette, Match, RecordedRequest, use_cassette
from pytest_llmharness.cassette.fingerprint import request_key
from pytest_llmharness.cassette.index import Eyes
from pytest_llmharness.cassette.json_paths import parse_path, without
from pytest_llmharness.errors import CassetteMiss, ConfigError
from pytest_llmharness.server import ModelServer

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
CHAT = "https://api.example.com/v1/chat/completions"
ONE, TWO = "0188c1d2-0000-7000-8000-00000000000a", "0188c1d2-0000-7000-8000-00000000000b"

Write = Callable[..., Path]


@pytest.fixture
def cassette(tmp_path: Path) -> Write:
    """Write a cassette; takes are (body, answer) or (url, body, answer)."""

    def write(*takes: tuple[Any, ...], **metadata: Any) -> Path:
        path = tmp_path / "take.json"
        interactions = [
            {
                "request": {
                    "method": "POST",
                    "url": take[-3] if len(take) == 3 else CHAT,
                    "headers": {},
                    "body": take[-2],
                },
                "response": {"status": 200, "headers": {}, "body": take[-1]},
            }
            for take in takes
        ]
        document = {"metadata": {"format": 2, **metadata}, "interactions": interactions}
        path.write_text(json.dumps(document))
        return path

    return write


def chat(words: str, **more: Any) -> str:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": words}], **more})


def send(body: str, url: str = CHAT) -> str:
    with httpx2.Client(verify=TLS) as client:
        return client.post(url, content=body).text


def called(call_id: str, **result: Any) -> str:
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": call_id, **result}]
    return json.dumps({"model": "m", "messages": turns})


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        (chat(f"order {ONE}"), chat(f"order {TWO}")),
        (chat("now 2026-01-02T03:04:05Z"), chat("now 2027-11-12T13:14:15.123456+02:00")),
        (chat("now 2026-01-02 03:04:05.678"), chat("now 2027-11-12 13:14:15")),
        (called("call_a", content="x"), called("call_b", content="x")),
    ],
)
def test_what_is_of_one_run_counts_as_equal(cassette: Write, recorded: str, asked: str) -> None:
    """UUIDs, times and ids of calls; not where that is switched off."""
    path = cassette((recorded, "1"))
    with use_cassette(path):
        assert send(asked) == "1"
    with use_cassette(path, match={"builtin": []}), pytest.raises(CassetteMiss):
        send(asked)


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        (chat(f"{ONE} {ONE}"), chat(f"{ONE} {TWO}")),
        (chat(f"order {ONE}"), chat("order 12")),
        (chat("on 2026-01-02"), chat("on 2026-01-03")),
        (chat("at 03:04:05"), chat("at 03:04:06")),
        (called("a", content="x"), called("b", content="y")),
        (chat("a", id="1"), chat("a", id="2")),
    ],
)
def test_what_means_something_never_counts_as_equal(cassette: Write, recorded: str, asked: str) -> None:
    """Another pattern of equal ids, a date, a time of day, an id that no call bears."""
    with use_cassette(cassette((recorded, "1"))), pytest.raises(CassetteMiss):
        send(asked)


def test_other_traffic_is_compared_to_the_letter(cassette: Write) -> None:
    """What is no call of a model has no built-in volatile parts."""
    other = "https://api.example.com/v1/orders"
    with use_cassette(cassette((other, chat(ONE), "1"))), pytest.raises(CassetteMiss):
        send(chat(TWO), other)


def test_an_equal_take_comes_before_one_that_is_alike(cassette: Write) -> None:
    """Whatever order concurrent calls come in, those with known ids get their own answers."""
    path = cassette((chat(ONE), "1"), (chat(TWO), "2"), (chat(str(uuid.uuid4())), "3"))
    with use_cassette(path):
        assert send(chat(TWO)) == "2"
        assert send(chat(str(uuid.uuid4()))) == "1"
        assert send(chat(str(uuid.uuid4()))) == "3"
        with pytest.raises(CassetteMiss, match="every take that equals it has been played"):
            send(chat(str(uuid.uuid4())))


def test_a_request_that_was_recorded_is_not_answered_by_a_take_that_is_only_alike(cassette: Write) -> None:
    """Asked once more than it was recorded, it is a miss."""
    with use_cassette(cassette((chat(ONE), "1"), (chat(TWO), "2"))):
        assert send(chat(ONE)) == "1"
        with pytest.raises(CassetteMiss):
            send(chat(ONE))


def test_its_own_host_comes_before_the_order(cassette: Write) -> None:
    """Equal requests to two hosts get each host's answers; then any host will do."""
    one, two = "https://one.example/v1/chat/completions", "https://two.example/v1/chat/completions"
    path = cassette((one, chat("a"), "1a"), (two, chat("a"), "2a"), (one, chat("a"), "1b"))
    with use_cassette(path):
        assert [send(chat("a"), url) for url in (two, one, two)] == ["2a", "1a", "1b"]


def test_the_working_directory_is_volatile_and_told_in_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded in one folder, replayed in another: the header says where it was recorded."""
    path, here, there = tmp_path / "take.json", tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    monkeypatch.chdir(here)
    with ModelServer(["ok"] * 9) as server:
        url = f"{server.url()}/api/chat"
        with use_cassette(path, record_mode="once"):
            live = send(chat(f"Read {here}/a.txt and {here}."), url)
    assert Cassette.load(path).metadata["cwd"] == [str(here)]
    monkeypatch.chdir(there)
    with use_cassette(path):
        assert send(chat(f"Read {there}/a.txt and {there}."), url) == live
    for other in (f"Read {there}/b.txt and {there}.", f"Read {there}-2/a.txt and {there}."):
        with use_cassette(path), pytest.raises(CassetteMiss):
            send(chat(other), url)


def test_a_recording_that_names_no_folder_tells_none(tmp_path: Path) -> None:
    """The header of most cassettes says nothing of the machine."""
    path = tmp_path / "take.json"
    with ModelServer(["ok"]) as server, use_cassette(path, record_mode="once"):
        send(chat("hi"), f"{server.url()}/api/chat")
    assert "cwd" not in Cassette.load(path).metadata
    assert os.getcwd() not in path.read_text()


@pytest.mark.parametrize(
    ("match", "asked"),
    [
        ({"ignore": ["$.metadata.run"]}, chat("run-1", metadata={"run": "b", "kept": 1})),
        ({"ignore": ["metadata.run", "..seed"]}, chat("run-1", metadata={"kept": 1}, seed=7)),
        ({"patterns": [r"run-\d+"], "ignore": "metadata"}, chat("run-22")),
        (Match(ignore=("$['metadata']",)), chat("run-1")),
    ],
)
def test_declared_parts_count_as_equal(cassette: Write, match: Any, asked: str) -> None:
    """By JSON path, there or not; by pattern; as a dict or as the value it makes."""
    path = cassette((chat("run-1", metadata={"run": "a", "kept": 1}), "1"))
    with use_cassette(path, match=match):
        assert send(asked) == "1"
    with use_cassette(path), pytest.raises(CassetteMiss):
        send(asked)


def test_patterns_reach_urls_and_plain_bodies(cassette: Write) -> None:
    """A path, a parameter, a form."""
    path = cassette(("https://a/threads/t-1/runs?trace=t-1", "id=t-1", "1"))
    with use_cassette(path, match={"patterns": [r"\bt-\d+"]}):
        assert send("id=t-2", "https://a/threads/t-3/runs?trace=t-4") == "1"
    with use_cassette(path, match={"patterns": [r"\bt-\d+"]}), pytest.raises(CassetteMiss):
        send("id=t-2&x=1", "https://a/threads/t-3/runs?trace=t-4")


def test_a_rule_changes_no_file_and_stales_none(cassette: Write) -> None:
    """Rules are applied when a cassette is read: what stands in it was recorded before them."""
    path = cassette((chat("run-1"), "1"))
    before = path.read_bytes()
    for patterns in ([r"run-\d+"], [r"\d+"], []):
        with use_cassette(path, record_mode="new_episodes", match={"patterns": patterns}):
            assert send(chat("run-1")) == "1"
    assert path.read_bytes() == before


DIALECTS = [
    "https://a/v1/chat/completions",
    "https://a/v1/responses",
    "https://a/v1/messages",
    "http://a/api/chat",
    "http://a/api/generate",
    "https://a/v1beta/models/g:generateContent",
    "https://a/model/m/converse",
]
TEXT = st.text("ab 1-:T", max_size=12)
PART = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}, optional={"cache": st.booleans()})
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"])},
    optional={
        "content": TEXT | st.lists(PART, max_size=2) | st.none(),
        "tool_call_id": TEXT,
        "name": TEXT,
    },
)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(TURN, max_size=3)},
    optional={
        "model": TEXT,
        "temperature": st.sampled_from([0, 0.0, 0.5, 1, 1.0, None]),
        "stream": st.booleans() | st.none(),
        "system": TEXT | st.lists(PART, max_size=2),
        "store": st.booleans(),
        "keep_alive": st.sampled_from(["5m", "1m"]),
    },
)


def spelled(url: str, body: dict[str, Any]) -> Any:
    """Say in Python what a body means, as its provider documents it: our own second opinion."""
    openai = url.endswith(("/chat/completions", "/responses"))
    ollama, claude = "/api/" in url, url.endswith("/v1/messages")
    defaults: dict[str, Any] = {"stream": ollama} if openai or ollama or claude else {}
    if openai or claude:
        defaults["temperature"] = 1
    if openai:
        defaults["store"] = url.endswith("/responses")
    if ollama:
        defaults["keep_alive"] = "5m"
    kept = {
        name: value
        for name, value in body.items()
        if not (value is None and (openai or ":generate" in url))
        and not (name in defaults and type(defaults[name]) in (type(value), int) and defaults[name] == value)
    }
    if not url.endswith(("/chat/completions", "/v1/messages")):
        return kept
    for turn in [*kept["messages"], kept]:
        for name in ("content", "system"):
            said = turn.get(name)
            if isinstance(said, list) and len(said) == 1 and set(said[0]) == {"type", "text"}:
                turn[name] = said[0]["text"]
    return kept


@settings(max_examples=300, deadline=None)
@given(url=st.sampled_from(DIALECTS), one=BODY, other=BODY, same=st.booleans())
def test_keys_are_equal_where_meanings_are(
    url: str, one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    """Never one key for two meanings, never two keys for one, in any dialect."""
    if same:  # two bodies drawn apart are seldom equal: let one be a small change of the other
        other = {**one, **dict(list(other.items())[:1])}
    keys = [
        request_key(RecordedRequest("POST", url, body=json.dumps(body).encode())) for body in (one, other)
    ]
    meanings = [
        json.dumps(
            spelled(url, json.loads(json.dumps(body).replace("1.0", "1").replace("0.0", "0"))), sort_keys=True
        )
        for body in (one, other)
    ]
    assert (keys[0] == keys[1]) is (meanings[0] == meanings[1])


@settings(max_examples=200, deadline=None)
@given(one=BODY, other=BODY)
def test_prefixes_are_equal_as_far_as_the_turns_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    """What finds the nearest take agrees with a comparison turn by turn."""
    url, eyes = "https://a/model/m/converse", Eyes()

    def turns(body: dict[str, Any]) -> list[str]:
        said = [json.dumps(turn, sort_keys=True) for turn in body["messages"]]
        while said and body["messages"][len(body["messages"]) - len(said)]["role"] == "system":
            said = said[1:]
        return said

    prefixes = [
        eyes.prefixes(RecordedRequest("POST", url, body=json.dumps(body).encode())) for body in (one, other)
    ]
    ids = [
        name for body in (one, other) for turn in body["messages"] for name in turn if name == "tool_call_id"
    ]
    if ids:  # these are numbered, so that turns with other ids may be equal
        return
    common = 0
    for left, right in zip(turns(one), turns(other), strict=False):
        if left != right:
            break
        common += 1
    assert sum(left == right for left, right in zip(*prefixes, strict=False)) == common + 1
    assert [len(each) for each in prefixes] == [len(turns(body)) + 1 for body in (one, other)]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("$.a", {"b": [{"a": 2, "c": 3}, 4]}),
        ("b[0].a", {"a": 1, "b": [{"c": 3}, 4]}),
        ("b[*].a", {"a": 1, "b": [{"c": 3}, 4]}),
        ("b[1]", {"a": 1, "b": [{"a": 2, "c": 3}]}),
        ("..a", {"b": [{"c": 3}, 4]}),
        ("$['b'].*.c", {"a": 1, "b": [{"a": 2}, 4]}),
        ("x.y", {"a": 1, "b": [{"a": 2, "c": 3}, 4]}),
    ],
)
def test_a_path_names_parts_of_a_document(path: str, left: Any) -> None:
    """Names, places, all of them, any depth; what is not there is no error."""
    document = {"a": 1, "b": [{"a": 2, "c": 3}, 4]}
    assert without(document, parse_path(path)) == left
    assert document == {"a": 1, "b": [{"a": 2, "c": 3}, 4]}


@pytest.mark.parametrize("path", ["", "$", "a b", "[", "a[x]", "a[-1]", "$.[", "..", "a..", "a[?(@.b)]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """With what can be written."""
    with pytest.raises(ConfigError, match="is no path to a part of a request"):
        parse_path(path)
