"""What a miss says, for every cause there is; `make golden` renews the file."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from pytest_llmharness.cassette import Cassette, use_cassette
from pytest_llmharness.cassette.forms import write_cassette
from pytest_llmharness.cassette.take_lines import take_line
from pytest_llmharness.cassette.words import in_words
from pytest_llmharness.errors import CassetteMiss

GOLDEN = Path(__file__).with_name("misses.txt")
LOADED = (yaml,)  # before a pytest inside forgets it again: its core cannot be loaded twice
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
CHAT = "/v1/chat/completions"
ROUND_TRIP = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": "What is the weather in Rome?"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 21 degrees"},
    {"role": "user", "content": "And in Oslo?\nIn one word."},
]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}
RECORDED = {
    "model": "gpt-4o",
    "messages": ROUND_TRIP,
    "tools": [WEATHER, CLOCK],
    "temperature": 0,
    "response_format": {"type": "text"},
}


def turns(place: int, **changes: Any) -> list[dict[str, Any]]:
    return [turn | changes if place == number else turn for number, turn in enumerate(ROUND_TRIP)]


LIMITED = json.loads(json.dumps(WEATHER).replace('{"city"', '{"limit": {"type": "integer"}, "city"'))
CASES: dict[str, tuple[str, Any]] = {
    "prompt": (CHAT, RECORDED | {"messages": turns(4, content="And in Bergen?\nIn two words.")}),
    "system": (CHAT, RECORDED | {"messages": turns(0, content="You are terse.")}),
    "history, a turn that changed": (
        CHAT,
        RECORDED | {"messages": turns(1, content="What is the weather in Paris?")},
    ),
    "history, a turn more": (
        CHAT,
        RECORDED | {"messages": [*ROUND_TRIP[:4], {"role": "assistant", "content": "Sunny."}, ROUND_TRIP[4]]},
    ),
    "history, a turn less": (CHAT, RECORDED | {"messages": ROUND_TRIP[:1] + ROUND_TRIP[2:]}),
    "tool result": (CHAT, RECORDED | {"messages": turns(3, content="rainy, 12 degrees")}),
    "tools, a parameter": (CHAT, RECORDED | {"tools": [LIMITED, CLOCK]}),
    "tools, one less": (CHAT, RECORDED | {"tools": [WEATHER]}),
    "tools, their order": (CHAT, RECORDED | {"tools": [CLOCK, WEATHER]}),
    "parameters": (CHAT, RECORDED | {"temperature": 0.2, "seed": 7}),
    "model": (CHAT, RECORDED | {"model": "gpt-4o-mini"}),
    "response format": (CHAT, RECORDED | {"response_format": {"type": "json_object"}}),
    "stream": (CHAT, RECORDED | {"stream": True}),
    "several parts": (
        CHAT,
        RECORDED | {"model": "o3", "temperature": 1, "messages": turns(0, content="Be kind.")},
    ),
    "endpoint": ("/v1/responses", {"model": "gpt-4o", "input": "hi"}),
    "query": (f"{CHAT}?api-version=2", RECORDED),
    "body": ("/upload", "name=b"),
    "model in the path": (
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    gemini = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    asked = [
        (CHAT, json.dumps(RECORDED)),
        ("/upload", "name=a"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", json.dumps(gemini)),
    ]
    interactions = [
        {
            "client": "OpenAI/Python 2.9.0",
            "request": {"method": "POST", "url": f"https://api{where}", "headers": {}, "body": body},
            "response": {"status": 200, "headers": {}, "body": "{}"},
        }
        for where, body in asked
    ]
    path = tmp_path / "take.json"
    path.write_text(json.dumps({"metadata": {"format": 2}, "interactions": interactions}, indent=2))
    return path


def missed(path: Path, where: str, body: Any, *, before: int = 0, agent: str = "") -> str:
    headers = {"user-agent": agent}
    content = body if isinstance(body, str) else json.dumps(body)
    with use_cassette(path, fix="the command"), httpx2.Client(verify=TLS, headers=headers) as client:
        for _ in range(before):
            client.post(f"https://api{where}", content=content)
        with pytest.raises(CassetteMiss) as caught:
            client.post(f"https://api{where}", content=content)
    return str(caught.value).replace(str(path.parent), "/suite")


def test_every_cause_of_a_miss(path: Path) -> None:
    """One case a part of a request: where it differs, word by word, and the line of the take."""
    said = {name: missed(path, *case) for name, case in CASES.items()}
    said["repeated beyond the takes"] = missed(path, CHAT, RECORDED, before=1)
    newer = "OpenAI/Python 3.52.0 (linux; x86_64)"
    said["another release of the SDK"] = missed(path, CHAT, RECORDED | {"service_tier": "auto"}, agent=newer)
    said["no cassette"] = missed(path.with_name("absent.json"), CHAT, RECORDED)
    path.write_text('{"metadata": {"format": 2}, "interactions": []}')
    said["a cassette without takes"] = missed(path, CHAT, RECORDED)
    text = "".join(f"--- {name}\n{words}\n\n" for name, words in said.items())
    if os.environ.get("LLMHARNESS_GOLDEN") == "renew":
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text, "run make golden and read the difference"


def test_the_line_is_that_of_the_take(path: Path) -> None:
    """What the message points to is where the nearest take begins."""
    with use_cassette(path) as recording, httpx2.Client(verify=TLS) as client, pytest.raises(CassetteMiss):
        client.post("https://api/upload", content="name=b")
    drift = recording.misses[0].drift
    lines = path.read_text().splitlines()
    assert drift.nearest == 2
    assert '"request": {' in lines[drift.line - 1]
    assert "https://api/upload" in lines[drift.line + 1]


@pytest.mark.parametrize("form", ["native", "vcr", "vcr-json", "parsed-body"])
def test_the_line_is_found_in_every_form(path: Path, form: str) -> None:
    """Where a form has a line for each take; vcrpy's JSON may have none."""
    other = path.with_name("other.yaml")
    write_cassette(Cassette.load(path), other, form)
    lines = other.read_text().splitlines()
    found = [take_line(other, place) for place in range(3)]
    assert sorted({line for line in found if line}) == found
    assert all("request" in lines[line - 1] for line in found if line)
    assert take_line(other, 3) is None
    assert take_line(other.with_name("gone"), 0) is None


def test_long_texts_are_compared_in_no_time_and_shown_short() -> None:
    """A prompt of a megabyte differs in a word; two that have nothing in common do not hang."""
    words = "word " * 200_000
    assert in_words(f"{words}old {words}", f"{words}new {words}") == (
        " ... word word word word word word word word [-old-]{+new+} word word word word word word word word ... "
    )
    told = in_words("a " * 50_000, "b " * 50_000)
    assert len(told) < 500
    assert told.startswith("[-a a a")
