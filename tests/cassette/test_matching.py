"""Which request a take answers, and what a miss says."""

from __future__ import annotations

import asyncio
import json
import pickle
import ssl
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness._native._core import request_key as key_in_core
from pytest_llmharness.cassette import RecordedRequest, use_cassette
from pytest_llmharness.cassette.differences import body_differences, same
from pytest_llmharness.cassette.fingerprint import _key_in_python, request_key
from pytest_llmharness.errors import CassetteMiss

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
URL = "http://127.0.0.1:9/v1/chat"  # the discard port: a call that got out would be refused

Write = Callable[..., Path]


@pytest.fixture
def cassette(tmp_path: Path) -> Write:
    """Write a cassette; takes are (body, answer) or (method, url, body, answer)."""

    def write(*takes: tuple[Any, ...]) -> Path:
        path = tmp_path / "take.json"
        interactions = []
        for take in takes:
            method, url, body, answer = take if len(take) == 4 else ("POST", URL, *take)
            interactions.append(
                {
                    "request": {"method": method, "url": url, "headers": {}, "body": body},
                    "response": {"status": 200, "headers": {}, "body": answer},
                }
            )
        path.write_text(json.dumps({"metadata": {"format": 1}, "interactions": interactions}))
        return path

    return write


def send(body: bytes | str = b"", *, url: str = URL, method: str = "POST", **settings: Any) -> str:
    with httpx2.Client(verify=TLS) as client:
        return client.request(method, url, content=body, **settings).text


def key(body: bytes = b"", url: str = URL, method: str = "POST") -> bytes:
    return request_key(RecordedRequest(method, url, body=body))


def test_equal_requests_get_their_answers_in_order_and_then_a_miss(cassette: Write) -> None:
    """First in, first out; nothing is played twice."""
    path = cassette(('{"a":1}', "1"), ('{"b":1}', "x"), ('{"a":1}', "2"), ('{"a":1}', "3"))
    with use_cassette(path) as recording:
        assert [send('{"a":1}') for _ in range(3)] == ["1", "2", "3"]
        with pytest.raises(CassetteMiss, match="4 takes; nearest is #1, equals it, but has been played"):
            send('{"a":1}')
        assert send('{"b":1}') == "x"
    assert recording.played == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": [1, {"c": 2, "d": 3}]}', b'{"b":[1,{"d":3,"c":2}],"a":1}'),
        ('{"a": "ä"}'.encode(), b'{"a": "\\u00e4"}'),
        (b'{"a": 1e-05}', b'{"a": 0.00001}'),
        (b'{"a": 1, "b": 100}', b'{"a": 1.0, "b": 1e2}'),
        (
            b'--x1\r\nContent-Disposition: form-data; name="f"\r\n\r\nhi\r\n--x1--\r\n',
            b'--y22\r\nContent-Disposition: form-data; name="f"\r\n\r\nhi\r\n--y22--\r\n',
        ),
    ],
)
def test_bodies_that_are_equal_have_one_key(one: bytes, other: bytes) -> None:
    """Key order, spelling of JSON and multipart boundaries do not count."""
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1}', b'{"a": 2}'),
        (b'{"a": 1}', b'{"a": true}'),
        (b'{"a": 1}', b'{"a": "1"}'),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        (b'{"a": 1}', b'{"a": 1, "a": 1}'),
        (b'{"a": 2, "a": 1}', b'{"a": 1}'),
        (b'{"a": 1e400}', b'{"a": 1e500}'),
        (b'{"a": "x"}', b'{"a": "x "}'),
        (b'{"a": 1}', b'{"a": 1} x'),
        (b"{}", b""),
        (b"null", b""),
        (b"plain", b"plain "),
        (b"a\0b", b"a"),
        (b"--x\r\nhi\r\n--x--", b"--x\r\nho\r\n--x--"),
        (b"--x\r\na\r\n--x\r\nb\r\n--x--", b"--x\r\na\r\n--xy\r\nb\r\n--x--"),
        (b"[" * 5000, b"[" * 5001),
    ],
)
def test_bodies_that_differ_have_two_keys(one: bytes, other: bytes) -> None:
    """Canonical form never makes two prompts one."""
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a/p?x=1&y=2", "https://b:8443/p?y=2&x=1", True),
        ("http://a/p?x=1&key=abc", "http://a/p?x=1&key=def", True),
        ("http://a/p%7e", "http://a/p%7E", True),
        ("http://a", "http://a/", True),
        ("http://a/p?x=1", "http://a/p?x=2", False),
        ("http://a/p?page_token=1", "http://a/p?page_token=2", False),
        ("http://a/p?x=", "http://a/p", False),
        ("http://a/p?x=1&x=2", "http://a/p?x=1", False),
        ("http://a/p", "http://a/q", False),
        ("http://a/p/q", "http://a/p%2Fq", False),
    ],
)
def test_urls_are_compared_by_path_and_query(one: str, other: str, same: bool) -> None:
    """Host and port may change, and so may a key in the query."""
    assert (key(url=one) == key(url=other)) is same


def test_methods_are_compared() -> None:
    """A GET is no POST."""
    assert key(method="GET") != key(method="POST")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(one=st.dictionaries(st.text(), JSON), other=st.dictionaries(st.text(), JSON))
def test_keys_are_equal_where_json_is(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Shuffled keys and other spelling: equal; and differences are found where keys differ."""
    shuffled = json.dumps(dict(reversed(one.items())), ensure_ascii=False, indent=1)
    assert key(json.dumps(one).encode()) == key(shuffled.encode("utf-8", "surrogatepass"))
    same = key(json.dumps(one).encode()) == key(json.dumps(other).encode())
    assert (not list(body_differences(one, other))) is same


@settings(max_examples=40, deadline=None)
@given(one=st.dictionaries(st.text(), JSON), other=st.dictionaries(st.text(), JSON))
def test_an_install_without_the_core_compares_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The core's form and the one in Python make the same texts equal."""
    texts = [
        json.dumps(one).encode(),
        json.dumps(one, indent=1, ensure_ascii=False).encode(),
        json.dumps(other).encode(),
    ]
    core, python = (
        [form(b"POST", "/other", text, None, []) for text in texts] for form in (key_in_core, _key_in_python)
    )
    assert [first == second for first in core for second in core] == [
        first == second for first in python for second in python
    ]


def test_no_body_and_an_empty_body_are_one(tmp_path: Path) -> None:
    """A null of vcrpy stands where httpx sends no bytes."""
    path = tmp_path / "take.yaml"
    path.write_text(
        "interactions:\n- request: {method: GET, uri: 'http://a/p', body: null, headers: {}}\n"
        "  response: {status: {code: 200, message: OK}, headers: {}, body: {string: hi}}\nversion: 1\n"
    )
    with use_cassette(path):
        assert send(b"", url="http://a/p", method="GET") == "hi"


MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]


def chat(**changes: Any) -> str:
    return json.dumps({"model": "m", "messages": MESSAGES, "temperature": 0} | changes)


@pytest.mark.parametrize(
    ("sent", "part", "said", "told"),
    [
        (
            chat(messages=[MESSAGES[0], {"role": "user", "content": "other"}]),
            "prompt",
            "nearest is #2, differs at messages[1].content",
            "prompt: messages[1].content: [-u-]{+other+}",
        ),
        (
            chat(temperature=0.5),
            "parameters",
            "nearest is #2, differs at temperature",
            "parameters: temperature: [-0-]{+0.5+}",
        ),
        (chat(top_p=1), "parameters", "nearest is #2, differs at top_p", "parameters: top_p: added 1"),
        (
            chat(messages=MESSAGES[:1]),
            "history",
            "nearest is #2, differs at messages[1]",
            'history: messages[1]: removed {"role": "user", "content": "u"}',
        ),
        ("not json", "body", "nearest is #1, differs in the body", None),
    ],
)
def test_a_miss_names_the_nearest_take_and_the_difference(
    cassette: Write, sent: str, part: str, said: str, told: str | None
) -> None:
    """Nearest is the take to the same path with most equal fields."""
    path = cassette(
        (chat(model="other", messages=[]), "1"), (chat(), "2"), ("GET", "http://a/other", "", "3")
    )
    again = "pytest --llm-record-mode=all x.py"
    with use_cassette(path, fix=again) as recording, pytest.raises(CassetteMiss) as caught:
        send(sent)
    what, where, *drift, fix = str(caught.value).splitlines()
    assert what == f"no take answers this request: the nearest take differs in {part}"
    assert where == f"  where: {path} (3 takes; {said})"
    assert drift == [f"  drift: {told}"] if told else len(drift) == 1
    assert fix == "  fix:   pytest --llm-record-mode=all x.py"
    assert caught.value.drift.causes == (part,)
    assert str(pickle.loads(pickle.dumps(recording.misses[0]))) == str(caught.value)


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def turns(*words: str) -> str:
    roles = ("user", "assistant")
    said = [{"role": roles[place % 2], "content": each} for place, each in enumerate(words)]
    return json.dumps({"model": "m", "messages": said})


@pytest.mark.parametrize(
    ("recorded", "played", "asked", "nearest"),
    [
        # the longest equal beginning, with as many turns
        ([("a",), ("a", "b", "c"), ("a", "b", "c", "d", "e")], [], ("a", "b", "c", "x", "e"), 3),
        ([("a",), ("a", "b", "c"), ("a", "b", "c", "d", "e")], [], ("a", "b", "x"), 2),
        ([("x", "b", "c"), ("a", "b", "c"), ("y", "b", "c")], [], ("a", "b", "d"), 2),
        ([tuple(LETTERS[:length]) for length in range(1, 27)], [], (*LETTERS[:3], "X", *LETTERS[4:]), 26),
        # what has most in common
        ([("the red house",), ("the green house",)], [], ("the green houses",), 2),
        # what was not played yet
        ([("one",), ("two",), ("three",)], [("one",)], ("four",), 2),
        # all were played
        ([("one",)], [("one",)], ("four",), 1),
    ],
)
def test_the_nearest_take(
    cassette: Write, recorded: list[Any], played: list[Any], asked: Any, nearest: int
) -> None:
    """By the conversation's beginning, by its length, by likeness, and not yet played."""
    url = "http://127.0.0.1:9/v1/chat/completions"
    path = cassette(*(("POST", url, turns(*words), "") for words in recorded))
    with use_cassette(path) as recording:
        for words in played:
            send(turns(*words), url=url)
        with pytest.raises(CassetteMiss):
            send(turns(*asked), url=url)
    assert recording.misses[0].drift.nearest == nearest


def test_a_miss_on_another_path_or_query_says_so(cassette: Write) -> None:
    """There is no nearest take where nothing goes to that path."""
    path = cassette(("POST", f"{URL}?a=1", "", "1"))
    with use_cassette(path):
        with pytest.raises(CassetteMiss, match=r"\(1 take; none is a POST to /v2\)"):
            send(url="http://a/v2")
        with pytest.raises(CassetteMiss, match="nearest is #1, differs in the query"):
            send(url=f"{URL}?a=2")
    with use_cassette(cassette()), pytest.raises(CassetteMiss, match=r"\(0 takes\)"):
        send()


def test_a_body_too_deep_to_compare_is_a_miss_all_the_same(cassette: Write) -> None:
    """Depth neither crashes nor answers."""
    for depth in range(900, 990, 4):
        deep = '{"a":' * depth + "1" + "}" * depth
        with use_cassette(cassette((deep, "1"))), pytest.raises(CassetteMiss):
            send(deep.replace("1", "2"))


@pytest.mark.parametrize(
    ("stored", "asked", "places"),
    [
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "b": 2}}, ["a.c", "a.b"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a[1]"]),
        ({"a": 1, "b": 2}, {"a": 1}, ["b"]),
        ([1], {"a": 1}, [""]),
        ({"a": None}, {"a": None}, []),
    ],
)
def test_differences_are_told_in_the_order_of_the_request(stored: Any, asked: Any, places: list[str]) -> None:
    """As JSON paths; "" is the root."""
    assert [each.place for each in body_differences(stored, asked)] == places
    assert same(stored, asked) is (not places)


class Shown(CassetteMiss):
    """As a test framework would have it."""


def test_the_given_class_is_raised(cassette: Write) -> None:
    """A plugin passes a class that its framework knows."""
    with use_cassette(cassette(), miss=Shown) as recording, pytest.raises(Shown):
        send()
    assert [type(miss) for miss in recording.misses] == [Shown]


def test_a_swallowed_miss_is_kept(cassette: Write) -> None:
    """In sync code, in a thread and in a task that nobody asks."""

    def swallow() -> None:
        try:
            send("in a thread")
        except BaseException:  # noqa: BLE001
            return

    async def main() -> list[Any]:
        async with httpx2.AsyncClient(verify=TLS) as client:
            return await asyncio.gather(client.get("http://a/task"), return_exceptions=True)

    with use_cassette(cassette()) as recording:
        swallow()
        thread = threading.Thread(target=swallow)
        thread.start()
        thread.join()
        [result] = asyncio.run(main())
    assert len(recording.misses) == 3
    assert recording.misses[2] is result


def test_threads_never_share_a_take(cassette: Write) -> None:
    """Sixty-four equal requests from eight threads get sixty-four answers."""
    path = cassette(*(('{"a":1}', str(n)) for n in range(64)))
    client = httpx2.Client(verify=TLS)
    with use_cassette(path) as recording, client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post(URL, content='{"a":1}').text, range(64)))
    assert sorted(map(int, answers)) == list(range(64))
    assert recording.played == 64


def test_a_look_up_does_the_same_work_in_a_small_and_a_large_cassette(cassette: Write) -> None:
    """Counted in function calls, which do not depend on the machine."""

    def calls(size: int) -> int:
        counted = 0

        def count(*_: Any) -> None:
            nonlocal counted
            counted += 1

        path = cassette(*((f'{{"a":{n}}}', str(n)) for n in range(size)))
        with use_cassette(path), httpx2.Client(verify=TLS) as client:
            client.post(URL, content='{"a":0}')
            sys.setprofile(count)
            try:
                answer = client.post(URL, content=f'{{"a":{size - 1}}}')
            finally:
                sys.setprofile(None)
        assert answer.text == str(size - 1)
        return counted

    assert abs(calls(2000) - calls(10)) < 20
