"""Every message of the plugin, as its reader sees it; `make golden` renews the file."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

GOLDEN = Path(__file__).with_name("messages.txt")
LOADED = (httpx2, openai)  # so that the pytest inside need not import them each time
URL = "http://127.0.0.1:8000/v1/chat/completions"
REPLAYED = """
import socket

import httpx2
import pytest

def ask(words, url="http://127.0.0.1:8000/v1/chat/completions"):
    with httpx2.Client(verify=False) as client:
        return client.post(url, json={"model": "m", "messages": [{"role": "user", "content": words}]})

def recorded(name):
    return pytest.mark.llm_cassette(name=name)

@recorded("good")
def test_the_prompt_changed():
    ask("Goodbye")

@recorded("good")
def test_the_take_was_played_before():
    ask("Hello"), ask("Hello")

@recorded("good")
def test_another_path():
    ask("Hello", "http://127.0.0.1:8000/v1/embeddings")

@recorded("good")
def test_another_query():
    ask("Hello", "http://127.0.0.1:8000/v1/chat/completions?beta=1")

@recorded("absent")
def test_there_is_no_cassette():
    ask("Hello")

@recorded("absent")
def test_there_is_no_cassette_for_a_provider(llm_provider):
    pass

@recorded("plain")
def test_the_cassette_says_no_engine(llm_provider):
    pass

@pytest.mark.llm_live
@recorded("good")
def test_a_live_test_misses(llm_engine):
    ask("Goodbye", llm_engine.base_url + "/chat/completions")

@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=recorded(name))
        for name in ["cut", "cut-yaml", "empty", "latin", "folder", "later", "list"]
    ],
)
def test_a_bad_cassette(name):
    pass

def test_without_any_mark(llm_provider):
    pass

@pytest.mark.llm_live
def test_live(llm_provider):
    pass

@pytest.mark.llm_live
def test_live_with_models(llm_provider):
    pass

def test_a_connection(llm_script):
    socket.create_connection(("203.0.113.9", 80))

def test_a_name(llm_script):
    socket.getaddrinfo("api.example.com", 443)

@recorded("good")
def test_a_connection_of_a_recorded_test():
    socket.create_connection(("203.0.113.9", 80))

@pytest.mark.llm_live
@recorded("good")
def test_a_connection_of_a_live_test():
    socket.create_connection(("203.0.113.9", 80))

@pytest.mark.xfail
@recorded("good")
def test_hidden_by_xfail():
    ask("Goodbye")

def test_no_schema(llm_harness):
    with pytest.raises(Exception) as raised:
        llm_harness(["x"], schema={"type": "strin"})
    pytest.fail(str(raised.value), pytrace=False)
"""
LIVE = """
import pytest

@pytest.mark.llm_live
def test_the_engine_is_not_there(llm_provider):
    pass

@pytest.mark.llm_live(engine="sglang")
def test_another_engine(llm_provider):
    pass
"""
ASKED_FOR: dict[str, tuple[str, str, list[str]]] = {
    "an unknown record mode": ("", "", ["--llm-record-mode=sometimes"]),
    "an unknown engine": ("", "", ["--llm-engine=chatgpt"]),
    "an address that is none": ("", "", ["--llm-base-url=localhost:8000"]),
    "an address for the embedded engine": (
        "",
        "",
        ["--llm-engine=embedded", "--llm-base-url=http://127.0.0.1:8000/v1"],
    ),
    "an unknown record mode in ini": ("", "llm_record_mode = sometimes", []),
    "an unknown engine in ini": ("", "llm_engine = chatgpt", []),
    "an unknown scope of the guard": ("", "llm_network = maybe", []),
    "a switch that is neither on nor off": ("", "llm_live = maybe", []),
    "a marker's unknown argument": ("@pytest.mark.llm_cassette(mode='once')\ndef test_a(): pass", "", []),
    "a marker's unknown value": ("@pytest.mark.llm_cassette(record_mode='no')\ndef test_a(): pass", "", []),
    "a marker's positional argument": ("@pytest.mark.llm_live('vllm')\ndef test_a(): pass", "", []),
    "a live selection without live tests": ("def test_a(): pass", "", ["--llm-live"]),
    "a scope that is none": ("@pytest.mark.llm_cassette(scope='folder')\ndef test_a(): pass", "", []),
    "a replay speed that is none": ("", "", ["--llm-replay-speed=fast"]),
}


def cassette(metadata: dict[str, Any]) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    take = {
        "request": {"method": "POST", "url": URL, "headers": {}, "body": json.dumps(body)},
        "response": {"status": 200, "headers": {}, "body": "{}"},
    }
    return json.dumps({"metadata": {"format": 1, **metadata}, "interactions": [take]}, indent=2)


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The cassettes that the tests name."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")
    monkeypatch.setenv("COLUMNS", "100")
    folder = pytester.mkdir("cassettes") / "test_suite"
    folder.mkdir()
    engine = {"engine": "vllm", "dialect": "openai", "model": "m", "base_url": "http://127.0.0.1:9000/v1"}
    good = cassette(engine)
    for name, content in {
        "good": good,
        "plain": cassette({}),
        "cut": good[:-40],
        "cut-yaml": "interactions:\n- request:\n    body: ''\n    uri: http://127.0",
        "empty": "",
        "later": good.replace('"format": 1', '"format": 9'),
        "list": "[1, 2]",
    }.items():
        (folder / f"{name}.json").write_text(content)
    (folder / "latin.json").write_bytes("{ä}".encode("latin-1"))
    (folder / "folder.json").mkdir()
    for model, key in (("a", "32332ffe"), ("b", "1b739b33")):
        path = folder / f"test_live_with_models-{model}-{key}.json"
        path.write_text(cassette({**engine, "model": model}))
    return pytester


def reports(result: pytest.RunResult) -> Iterator[tuple[str, str]]:
    """What each test of a run says that did not pass, and the lines at the end."""
    for report in result.reprec.getreports("pytest_runtest_logreport"):
        if report.failed or (report.skipped and not hasattr(report, "wasxfail")):
            said = report.longrepr[2] if report.skipped else str(report.longrepr)
            yield report.nodeid.partition("::")[2].removeprefix("test_").replace("_", " "), said
    end = [line for line in result.outlines if re.match(r"llmharness: (?!\d+ tests?|llm-)", line)]
    if end:
        yield "at the end", "\n".join(end)


def test_every_message(suite: pytest.Pytester) -> None:
    """All of them in one file, so that a change of words is read before it is made."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    suite.makepyfile(test_suite=REPLAYED)
    said = list(reports(suite.runpytest_inprocess()))
    suite.makepyfile(test_suite=LIVE)
    url = f"http://127.0.0.1:{port}/v1"
    said += reports(suite.runpytest_inprocess("--llm-live", "--llm-engine=vllm", f"--llm-base-url={url}"))
    for name, (source, ini, arguments) in ASKED_FOR.items():
        suite.makepyfile(test_suite=f"import pytest\n{source}")
        suite.makeini(f"[pytest]\n{ini}")
        result = suite.runpytest_inprocess(*arguments)
        assert result.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)
        words = re.findall(r"^ERROR: (?!usage)(.*)|(argument --llm.*)", result.stderr.str(), re.MULTILINE)
        # Python writes the choices with quotes or without.
        usage = "\n".join("".join(each).replace("'", "") for each in words)
        said += [(name, usage)] if usage else reports(result)
    text = "".join(f"--- {name}\n{words.strip()}\n\n" for name, words in said)
    text = text.replace(str(suite.path), "/suite").replace(str(port), "PORT")
    if os.environ.get("LLMHARNESS_GOLDEN") == "renew":
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text, "run make golden and read the difference"
