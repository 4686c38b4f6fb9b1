"""Fixtures that outlive a test, and tests that share a scope, have a file of their scope."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpcore2
import httpx2
import pytest

from pytest_llmharness.cassette import Cassette
from pytest_llmharness.cli import main
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.server import ModelServer

LOADED = (httpcore2, httpx2)  # imported here, they need not be imported anew by each pytest that runs inside
RECORD = "--llm-record-mode=rewrite"
ASK = """
import os

import httpx2
import pytest

URL = os.environ["MODEL_URL"]


def ask(words, client=None):
    body = {"model": "a", "stream": False, "messages": [{"role": "user", "content": words}]}
    with client or httpx2.Client() as client:
        return client.post(URL + "/api/chat", json=body).json()["message"]["content"]

"""


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the plugins that the pytest inside would load for nothing."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A model server that answers "<question> <number>"; what it was asked."""
    asked: list[str] = []

    def answer(prompt: Prompt) -> str:
        asked.append(prompt.messages[-1].text)
        return f"{asked[-1]} {len(asked)}"

    with ModelServer([answer] * 1000) as server:
        monkeypatch.setenv("MODEL_URL", server.url("ollama"))
        yield asked


def taken(pytester: pytest.Pytester) -> dict[str, list[str]]:
    """What each file says, by its path."""
    top = pytester.path
    return {
        path.relative_to(top).as_posix(): [
            json.loads(take.response.body)["message"]["content"] for take in Cassette.load(path).interactions
        ]
        for path in sorted(top.rglob("*.json"))
    }


FIXTURES = (
    ASK
    + """
@pytest.fixture(scope="module")
def summary():
    yield ask("summarize")
    assert ask("clean up")

@pytest.fixture(scope="class")
def greeting():
    return ask("greet")

@pytest.mark.llm_cassette
class TestGroup:
    def test_one(self, summary, greeting):
        assert summary.startswith("summarize ") and greeting.startswith("greet ")
        assert ask("one").startswith("one ")

    def test_two(self, warm, summary):
        assert warm.startswith("warm up ") and summary.startswith("summarize ")
        assert ask("two").startswith("two ")
"""
)
CONFTEST = """
import os
import httpx2
import pytest

@pytest.fixture(scope="session")
def warm():
    body = {"model": "a", "stream": False, "messages": [{"role": "user", "content": "warm up"}]}
    return httpx2.post(os.environ["MODEL_URL"] + "/api/chat", json=body).json()["message"]["content"]
"""


def test_a_fixture_records_into_the_file_of_its_scope(pytester: pytest.Pytester, calls: list[str]) -> None:
    """Session, module and class; its setup and its teardown; any test of them replays alone."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_suite=FIXTURES)
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=2)
    assert taken(pytester) == {
        "cassettes/session.json": ["warm up 4"],
        "cassettes/test_suite.json": ["summarize 1", "clean up 6"],
        "cassettes/test_suite/TestGroup.json": ["greet 2"],
        "cassettes/test_suite/TestGroup.test_one.json": ["one 3"],
        "cassettes/test_suite/TestGroup.test_two.json": ["two 5"],
    }
    pytester.runpytest_inprocess().assert_outcomes(passed=2)
    pytester.runpytest_inprocess("-n", "2").assert_outcomes(passed=2)
    for name in ("test_one", "test_two"):
        alone = pytester.runpytest_inprocess(f"test_suite.py::TestGroup::{name}")
        alone.assert_outcomes(passed=1)
    assert len(calls) == 6
    assert main(["cassette", "check", str(pytester.path / "cassettes")]) == 0


def test_two_workers_that_set_up_one_fixture_lose_nothing(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """Each worker has a module fixture of its own, and both write its file, in mode rewrite too."""
    pytester.makepyfile(
        test_suite=ASK
        + """
@pytest.fixture(scope="module")
def summary(worker_id):
    return ask("summarize for " + worker_id)

@pytest.mark.llm_cassette
@pytest.mark.parametrize("number", range(8))
def test_it(summary, number):
    assert ask(str(number))
"""
    )
    pytester.runpytest_inprocess(RECORD, "-n", "2").assert_outcomes(passed=8)
    said = [words.rpartition(" ")[0] for words in taken(pytester)["cassettes/test_suite.json"]]
    assert sorted(said) == ["summarize for gw0", "summarize for gw1"]


def test_a_client_of_the_module_is_answered_by_the_test_that_uses_it(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """The fixture makes no call; each test's calls are in its own file."""
    pytester.makepyfile(
        test_suite=ASK.replace("with client or httpx2.Client() as client:", "if True:")
        + """
@pytest.fixture(scope="module")
def client():
    with httpx2.Client() as client:
        yield client

@pytest.mark.llm_cassette
def test_one(client):
    assert ask("one", client)

@pytest.mark.llm_cassette
def test_two(client):
    assert ask("two", client)
"""
    )
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=2)
    recorded = taken(pytester)
    assert recorded == {
        "cassettes/test_suite/test_one.json": ["one 1"],
        "cassettes/test_suite/test_two.json": ["two 2"],
    }
    pytester.runpytest_inprocess().assert_outcomes(passed=2)
    pytester.runpytest_inprocess("test_suite.py::test_two").assert_outcomes(passed=1)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("scope", "files"),
    [
        ("class", ["cassettes/test_suite.json", "cassettes/test_suite/TestGroup.json"]),
        ("module", ["cassettes/test_suite.json"]),
        ("session", ["cassettes/session.json"]),
    ],
)
def test_the_tests_of_a_scope_share_a_file(
    pytester: pytest.Pytester, calls: list[str], scope: str, files: list[str]
) -> None:
    """`llm_cassette(scope=...)`: one file, each take with its test; alone and in any order they replay."""
    pytester.makepyfile(
        test_suite=ASK
        + f"""
pytestmark = pytest.mark.llm_cassette(scope={scope!r})

class TestGroup:
    def test_one(self):
        assert ask("one").startswith("one ")

    def test_two(self, llm_cassette):
        assert ask("two").startswith("two ")
        assert llm_cassette.path.name in ("TestGroup.json", "test_suite.json", "session.json")

def test_three():
    assert ask("three").startswith("three ")
"""
    )
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=3)
    assert sorted(taken(pytester)) == files
    takes = [take for file in files for take in Cassette.load(pytester.path / file).interactions]
    assert {take.test for take in takes} == {
        "test_suite.py::TestGroup::test_one",
        "test_suite.py::TestGroup::test_two",
        "test_suite.py::test_three",
    }
    pytester.runpytest_inprocess().assert_outcomes(passed=3)
    pytester.runpytest_inprocess("test_suite.py::TestGroup::test_two").assert_outcomes(passed=1)
    pytester.runpytest_inprocess("test_suite.py::test_three").assert_outcomes(passed=1)
    assert len(calls) == 3


def test_of_a_shared_file_only_the_takes_of_failed_tests_are_set_aside(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """One of two fails: the takes of the other, and of the fixture, are in the file."""
    pytester.makepyfile(
        test_suite=ASK
        + """
pytestmark = pytest.mark.llm_cassette(scope="module")

@pytest.fixture(scope="module", autouse=True)
def summary():
    return ask("summarize")

def test_bad():
    assert ask("bad") == "good"

def test_good():
    assert ask("good")
"""
    )
    result = pytester.runpytest_inprocess(RECORD)
    result.assert_outcomes(passed=1, failed=1)
    assert taken(pytester) == {"cassettes/test_suite.json": ["summarize 1", "good 3"]}
    [journal] = (pytester.path / "cassettes").glob("*.failed")
    result.stdout.fnmatch_lines(["the test failed, so the 1 take it recorded *", f"*{journal.name}"])
    pytester.runpytest_inprocess("-k", "good").assert_outcomes(passed=1, deselected=1)


def test_a_miss_of_a_shared_cassette_fails_the_test_that_missed(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """Swallowed, it is raised at that test's end, and not at the end of the next one."""
    suite = (
        ASK
        + """
pytestmark = pytest.mark.llm_cassette(scope="module")

def test_bad():
    try:
        ask("WORDS")
    except BaseException:
        pass

def test_good():
    assert ask("good")
"""
    )
    pytester.makepyfile(test_suite=suite)
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=2)
    pytester.makepyfile(test_suite=suite.replace("WORDS", "other words"))
    pytester.runpytest_inprocess().assert_outcomes(passed=1, failed=1)


def test_each_test_of_a_scope_has_a_verdict_of_its_own(pytester: pytest.Pytester, calls: list[str]) -> None:
    """Of what it asked itself, not of what the others did; takes of others are not left over."""
    suite = (
        ASK
        + """
pytestmark = pytest.mark.llm_cassette(scope="module")

def test_one():
    assert ask("ONE")

def test_two():
    assert ask("two") and ask("two more")

def test_three():
    assert ask("three")
"""
    )
    pytester.makepyfile(test_suite=suite)
    recorded = pytester.runpytest_inprocess(RECORD, "-v")
    recorded.stdout.fnmatch_lines(["*::test_one PASSED RECORDED*", "*::test_two PASSED RECORDED*"])
    pytester.makepyfile(test_suite=suite.replace("ONE", "one").replace(' and ask("two more")', ""))
    replayed = pytester.runpytest_inprocess("-v")
    replayed.assert_outcomes(passed=2, failed=1)
    replayed.stdout.fnmatch_lines(
        ["*::test_one FAILED MISS*", "*::test_two PASSED PARTIAL*", "*::test_three PASSED HIT*"]
    )
