"""What a test with a cassette gets: recorded on a real engine, replayed without one, or told why not."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Imported here, they need not be imported anew by each pytest that runs inside.
import httpx2
import ollama
import openai
import pytest

import pytest_llmharness.cassette.vcr_bridge
import pytest_llmharness.live.embedded
import pytest_llmharness.plugin.live_engines
from pytest_llmharness import Harness
from pytest_llmharness.cassette import Cassette
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.live.model_cache import cache_dir
from pytest_llmharness.server import ModelServer

LOADED = (Harness, httpx2, ollama, openai, pytest_llmharness)
CACHE = cache_dir()  # before the tests move the home
SUITE = """
import asyncio
import unittest

import openai
import pytest

from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Options, Prompt

PROMPT = Prompt((Message.user("Say something."),), options=Options(max_tokens=8, seed=1))


def ask(engine, words):
    with openai.OpenAI(base_url=engine.base_url, api_key=engine.api_key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model=engine.model, messages=[{"role": "user", "content": words}], max_tokens=8, seed=1
        )
    return answer.choices[0].message.content


@pytest.mark.llm_live
def test_provider(llm_provider):
    async def main():
        streamed = [chunk.text async for chunk in llm_provider.stream(PROMPT)]
        return (await llm_provider.complete(PROMPT)).text, "".join(streamed)

    whole, streamed = asyncio.run(main())
    assert whole and streamed


@pytest.mark.llm_live
def test_harness(llm_harness):
    harness = llm_harness()
    assert harness.run("Say something.").unwrap()
    assert harness.run("Say more.").success


@pytest.mark.llm_cassette
def test_raw_client(llm_engine):
    assert ask(llm_engine, "Say something.")


def test_fixture(llm_cassette, llm_engine):
    assert ask(llm_engine, "Say something.")
    assert llm_cassette.recorded + llm_cassette.played == 1
    assert llm_cassette.path.name == "test_fixture.json"


class TestGroup:
    class TestInner:
        @pytest.mark.llm_cassette
        @pytest.mark.parametrize("words", ["one", "two/../2", "\\u00e4 b", "x" * 200])
        def test_words(self, llm_engine, words):
            assert ask(llm_engine, words)


@pytest.mark.llm_cassette
class TestOldStyle(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def engine(self, llm_engine):
        self.engine = llm_engine

    def test_it(self):
        assert ask(self.engine, "Say something.")
"""
FILES = [
    "TestGroup.TestInner.test_words-one-",
    "TestGroup.TestInner.test_words-two-..-2-",
    "TestGroup.TestInner.test_words-xe4-b-",
    "TestGroup.TestInner.test_words-words3-",
    "TestOldStyle.test_it.json",
    "test_fixture.json",
    "test_harness.json",
    "test_provider.json",
    "test_raw_client.json",
]


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the plugins that the pytest inside would load for nothing."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")


@pytest.fixture
def embedded(embedded_engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options that record on the embedded engine, whose model is made already."""
    monkeypatch.setenv("LLMHARNESS_CACHE_DIR", str(CACHE))
    return ("--llm-live", "--llm-engine=embedded", "--llm-record-mode=rewrite")


def written(pytester: pytest.Pytester) -> dict[str, Any]:
    """Every cassette there is, by name."""
    found = sorted((pytester.path / "cassettes").rglob("*.json"))
    return {path.name: _told(Cassette.load(path)) for path in found}


def _told(cassette: Cassette) -> dict[str, Any]:
    takes = [
        {"request": {"url": take.request.url, "body": take.request.body}, "response": take.response}
        for take in cassette.interactions
    ]
    return {"metadata": cassette.metadata, "interactions": takes}


def asked(cassettes: dict[str, Any]) -> dict[str, Any]:
    """All of the cassettes but the answers, which differ by their ids and times."""
    return {
        name: (each["metadata"], [take["request"] for take in each["interactions"]])
        for name, each in cassettes.items()
    }


def pasted(result: pytest.RunResult, start: str = "fix:   pytest ") -> list[str]:
    """The arguments of the command that a message offers."""
    [line] = {line.strip() for line in result.outlines if start in line}
    return shlex.split(line.partition("pytest ")[2])


# --- recorded on the embedded engine ---


def test_what_the_embedded_engine_said_is_replayed_without_it(
    pytester: pytest.Pytester, embedded: tuple[str, ...]
) -> None:
    """Every kind of test: recorded once with options, then replayed without any, engine and network gone."""
    pytester.makepyfile(test_suite=SUITE)
    recorded = pytester.runpytest_inprocess(*embedded)
    recorded.assert_outcomes(passed=9)
    first = written(pytester)
    assert len(first) == 9
    assert all(any(name.startswith(file) for name in first) for file in FILES)
    assert {len(each["interactions"]) for each in first.values()} == {1, 2}
    for each in first.values():
        assert each["metadata"]["base_url"] == "http://127.0.0.1:1/v1"
        assert (each["metadata"]["engine"], each["metadata"]["model"]) == ("embedded", "toy")
        assert {take["request"]["url"] for take in each["interactions"]} == {
            "http://127.0.0.1:1/v1/chat/completions"
        }

    replayed = pytester.runpytest_inprocess()
    replayed.assert_outcomes(passed=9)
    assert "llmharness: 9 tests (9 replay)" in replayed.stdout.str()
    assert written(pytester) == first

    pytester.runpytest_inprocess(*embedded).assert_outcomes(passed=9)
    assert asked(written(pytester)) == asked(first)


# --- a model server that counts, so that recording can be told from replaying ---


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Says which model was asked and how often it was called, for the models a and b."""
    calls: list[Prompt] = []

    def answer(prompt: Prompt) -> str:
        calls.append(prompt)
        return f"{prompt.options.model} {len(calls)}"

    with ModelServer([answer] * 1000, models=["a", "b"]) as running:
        yield running


@pytest.fixture
def live(server: ModelServer) -> tuple[str, ...]:
    return ("--llm-live", "--llm-engine=ollama", f"--llm-base-url={server.url('ollama')}")


def said(pytester: pytest.Pytester, name: str) -> list[str]:
    """What the takes of a cassette answer."""
    [path] = (pytester.path / "cassettes").rglob(f"{name}.json")
    return [json.loads(take.response.body)["message"]["content"] for take in Cassette.load(path).interactions]


ASK = """
import pytest

@pytest.mark.llm_cassette
def test_it(llm_harness):
    WORDS = ["one", "two"]
    print([llm_harness().run(words).unwrap() for words in WORDS])
"""


def asking(pytester: pytest.Pytester, *words: str) -> None:
    pytester.makepyfile(test_suite=ASK.replace('["one", "two"]', repr(list(words))))


@pytest.mark.parametrize(
    ("mode", "first", "second"),
    [
        ("once", ["a 1", "a 2"], None),
        ("new_episodes", ["a 1", "a 2"], ["a 1", "a 2", "a 3"]),
        ("all", ["a 1", "a 2"], ["a 2", "a 3", "a 4"]),
        ("changed", ["a 1", "a 2"], ["a 1", "a 3"]),
        ("rewrite", ["a 1", "a 2"], ["a 3", "a 4"]),
    ],
)
def test_what_each_mode_records(
    pytester: pytest.Pytester, live: tuple[str, ...], mode: str, first: list[str], second: list[str] | None
) -> None:
    """A first run, then one whose test asks something else at its end; afterwards both replay."""
    asking(pytester, "one", "two")
    record = (*live[1:], f"--llm-record-mode={mode}")
    pytester.runpytest_inprocess(*record).assert_outcomes(passed=1)
    assert said(pytester, "test_it") == first
    pytester.runpytest_inprocess("-s").stdout.fnmatch_lines(f"*{first}*")

    asking(pytester, "one", "three")
    again = pytester.runpytest_inprocess(*record)
    if second is None:
        again.assert_outcomes(failed=1)
        assert "no take answers this request" in again.stdout.str()
        assert said(pytester, "test_it") == first
        return
    again.assert_outcomes(passed=1)
    assert said(pytester, "test_it") == second
    replayed = [second[-2] if mode == "all" else second[0], second[-1]]
    pytester.runpytest_inprocess("-s").stdout.fnmatch_lines(f"*{replayed}*")


def test_a_mode_in_the_marker_is_a_permission_and_the_command_line_wins(
    pytester: pytest.Pytester, live: tuple[str, ...]
) -> None:
    """`record_mode="once"` records what is missing; `--llm-record-mode=none` forbids it."""
    pytester.makepyfile(test_suite=ASK.replace("llm_cassette", "llm_cassette(record_mode='once')"))
    pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=none").assert_outcomes(failed=1)
    assert not (pytester.path / "cassettes").exists()
    pytester.runpytest_inprocess(*live[1:]).assert_outcomes(passed=1)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    assert said(pytester, "test_it") == ["a 1", "a 2"]


def test_what_a_test_gets_is_decided_when_it_begins(pytester: pytest.Pytester, live: tuple[str, ...]) -> None:
    """Its first call is in the journal, not in the cassette, and the test is still recording."""
    pytester.makepyfile(
        test_suite="""
        import httpx2
        import pytest

        def test_it(request, llm_cassette):
            url = request.config.getoption("llm_base_url")
            body = {"model": "a", "stream": False, "messages": [{"role": "user", "content": "first"}]}
            with httpx2.Client() as client:
                assert client.post(url + "/api/chat", json=body).status_code == 200
            assert llm_cassette.kept_if_failed(request.node.nodeid)[1] == 1
            assert not llm_cassette.path.exists()
            assert request.getfixturevalue("llm_engine").base_url == url
        """
    )
    pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=once").assert_outcomes(passed=1)
    assert said(pytester, "test_it") == ["a 1"]


def test_equal_traffic_gives_equal_bytes(pytester: pytest.Pytester) -> None:
    """Another run, another server on another port: the same file, but for how long it took."""
    asking(pytester, "one", "two")
    contents = []
    for _ in range(2):
        with ModelServer([lambda prompt: prompt.messages[-1].text] * 9, models=["a"]) as server:
            url = f"--llm-base-url={server.url('ollama')}"
            record = pytester.runpytest_inprocess("--llm-engine=ollama", url, "--llm-record-mode=rewrite")
        record.assert_outcomes(passed=1)
        text = (pytester.path / "cassettes/test_suite/test_it.json").read_text("utf-8")
        text = re.sub(r'"recorded_at": "[^"]+"', "", text)
        contents.append(re.sub(r'("ms": |\[)[0-9.]+,', r"\1TIME,", text))
    assert contents[0] == contents[1]
    assert "TIME" in contents[0]


# --- several models ---

SIDE = """
import pytest

@pytest.mark.llm_live
@pytest.mark.parametrize("words", ["one", "two"])
def test_both(llm_harness, words):
    print("said", llm_harness().run(words).unwrap())

@pytest.mark.llm_live
def test_engine(llm_engine, llm_harness):
    assert llm_harness().run("hello").model == llm_engine.model
    print("said", llm_engine.model)

@pytest.mark.llm_live
@pytest.mark.llm_cassette(name="shared")
def test_named(llm_harness):
    print("said", llm_harness().run("named").unwrap())

@pytest.mark.llm_cassette
def test_recorded(llm_harness):
    print("said", llm_harness().run("recorded").unwrap())

def test_scripted(llm_harness):
    assert llm_harness(["x"]).run("hello").success
"""
BOTH = ("--llm-engine-model=a", "--llm-engine-model=b")


def heard(result: pytest.RunResult) -> list[str]:
    return sorted(line.partition("said ")[2] for line in result.outlines if "said " in line)


def test_two_models_run_side_by_side_and_have_a_cassette_each(
    pytester: pytest.Pytester, live: tuple[str, ...]
) -> None:
    """Live tests run once a model and record one file a model; others run once, on the first."""
    pytester.makepyfile(test_suite=SIDE)
    recorded = pytester.runpytest_inprocess(*live, *BOTH, "--llm-record-mode=rewrite", "-s")
    recorded.assert_outcomes(passed=10)
    files = written(pytester)
    assert len(files) == 9
    for name, each in files.items():
        models = {json.loads(take["request"]["body"])["model"] for take in each["interactions"]}
        assert models == {each["metadata"]["model"]}
        assert (
            re.search(rf"-{each['metadata']['model']}-\w{{8}}\.json$|^test_recorded\.json$", name)
            or "both" in name
        )
    by_model = [each["metadata"]["model"] for each in files.values()]
    assert (by_model.count("a"), by_model.count("b")) == (5, 4)

    replayed = pytester.runpytest_inprocess(*BOTH, "-s")
    replayed.assert_outcomes(passed=10)
    assert heard(replayed) == heard(recorded)
    pytester.makeini("[pytest]\nllm_engine_model =\n  a\n  b\n")
    assert heard(pytester.runpytest_inprocess("-s")) == heard(recorded)
    assert written(pytester) == files


def test_another_model_adds_nothing_to_a_cassette(
    pytester: pytest.Pytester, live: tuple[str, ...], server: ModelServer
) -> None:
    """Its takes would stand beside those of the first; rewriting replaces them."""
    asking(pytester, "one")
    record = (*live[1:], "--llm-engine-model=a", "--llm-record-mode=rewrite")
    pytester.runpytest_inprocess(*record).assert_outcomes(passed=1)
    asking(pytester, "one", "two")
    other = (*live[1:], "--llm-engine-model=b")
    refused = pytester.runpytest_inprocess(*other, "--llm-record-mode=new_episodes")
    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(
        [
            "the cassette test_it.json holds what the model 'a' answered, and this run asks 'b'",
            "  where: */test_it.json",
            f"  fix:   pytest --llm-engine=ollama {live[2]} --llm-engine-model=b --llm-record-mode=rewrite "
            "test_suite.py::test_it   (or ask the same model: --llm-engine-model=a)",
        ]
    )
    assert said(pytester, "test_it") == ["a 1"]
    pytester.runpytest_inprocess(*other, "--llm-record-mode=rewrite").assert_outcomes(passed=1)
    assert said(pytester, "test_it") == ["b 2", "b 3"]


def test_a_test_recorded_for_several_models_says_how_to_replay_them(
    pytester: pytest.Pytester, live: tuple[str, ...]
) -> None:
    """Without the models its file names are unknown: it is skipped, with a command that works."""
    pytester.makepyfile(test_suite=SIDE)
    pytester.runpytest_inprocess(*live, *BOTH, "--llm-record-mode=rewrite", "-k", "test_engine")
    skipped = pytester.runpytest_inprocess("-rs", "-k", "test_engine")
    skipped.assert_outcomes(skipped=1, deselected=5)
    command = "pytest --llm-engine-model=a --llm-engine-model=b test_suite.py::test_engine"
    skipped.stdout.fnmatch_lines(f"*needs a live model: *; or replay what 2 models answered: {command}")
    pytester.runpytest_inprocess(*shlex.split(command)[1:]).assert_outcomes(passed=2)


def test_models_in_the_marker_need_no_option(pytester: pytest.Pytester, live: tuple[str, ...]) -> None:
    """`llm_live(models=...)` is enough to record and to replay."""
    pytester.makepyfile(test_suite=SIDE.replace("llm_live", "llm_live(models=('a', 'b'))"))
    pytester.runpytest_inprocess(*live, "--llm-record-mode=rewrite").assert_outcomes(passed=10)
    pytester.runpytest_inprocess().assert_outcomes(passed=10)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_two_tests_may_write_one_cassette_anew(
    pytester: pytest.Pytester, live: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    """The second keeps what the first has written in this run; what was there before is gone."""
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.llm_cassette(name="shared")
        @pytest.mark.parametrize("words", ["one", "two"])
        def test_it(llm_harness, words):
            assert llm_harness().run(words).success
        """
    )
    for answers in (["a 1", "a 2"], ["a 3", "a 4"]):
        recorded = pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=rewrite", *workers)
        recorded.assert_outcomes(passed=2)
        assert sorted(said(pytester, "shared")) == answers
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


# --- where it lies ---


def test_equal_names_in_two_folders_have_two_cassettes(
    pytester: pytest.Pytester, live: tuple[str, ...]
) -> None:
    """Also where both folders share one `cassettes/` above them."""
    (pytester.path / "cassettes").mkdir()
    for folder in ("north", "south"):
        inner = pytester.mkpydir(folder)
        (inner / "test_suite.py").write_text(ASK)
    pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=rewrite").assert_outcomes(passed=2)
    files = sorted((pytester.path / "cassettes").rglob("*.json"))
    assert [str(path.relative_to(pytester.path)) for path in files] == [
        "cassettes/north/test_suite/test_it.json",
        "cassettes/south/test_suite/test_it.json",
    ]
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_only_the_parameter_that_is_marked_has_a_cassette(
    pytester: pytest.Pytester, live: tuple[str, ...]
) -> None:
    """A mark on one parameter says nothing of the others."""
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.parametrize("words", [pytest.param("one", marks=pytest.mark.llm_cassette), "two"])
        def test_it(request, words):
            assert ("llm_cassette" in request.fixturenames) == (words == "one")
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


# --- misses ---

SWALLOWERS = """
import asyncio
import unittest

import pytest

pytestmark = pytest.mark.llm_cassette(name="take")


def test_plain(llm_harness):
    llm_harness().run("changed")

def test_except_exception(llm_harness):
    try:
        llm_harness().run("changed")
    except Exception:
        pass

def test_except_base_exception(llm_harness):
    try:
        llm_harness().run("changed")
    except BaseException:
        pass

def test_except_then_assert(llm_harness):
    try:
        llm_harness().run("changed")
    except BaseException:
        assert False, "not this"

def test_except_then_skip(llm_harness):
    try:
        llm_harness().run("changed")
    except BaseException:
        pytest.skip("no")

def test_gather(llm_harness):
    harness = llm_harness()
    async def main():
        return await asyncio.gather(*(harness.arun("changed") for _ in range(3)), return_exceptions=True)
    assert len(asyncio.run(main())) == 3

def test_raises(llm_harness):
    with pytest.raises(BaseException):
        llm_harness().run("changed")

@pytest.fixture
def swallowing(llm_harness):
    try:
        llm_harness().run("changed")
    except BaseException:
        pytest.skip("no")

def test_setup(swallowing):
    pass

@pytest.fixture
def swallowing_late(llm_harness):
    harness = llm_harness()
    yield
    try:
        harness.run("changed")
    except BaseException:
        pass

def test_teardown(swallowing_late):
    pass

class TestOldStyle(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def harness(self, llm_harness):
        self.harness = llm_harness()

    def test_it(self):
        with self.assertRaises(BaseException):
            self.harness.run("changed")
"""
XFAILS = """
import unittest
import pytest

pytestmark = pytest.mark.llm_cassette(name="take")

@pytest.mark.xfail
def test_plain(llm_harness):
    llm_harness().run("changed")

@pytest.mark.xfail
def test_swallowed(llm_harness):
    try:
        llm_harness().run("changed")
    except BaseException:
        assert False

@pytest.fixture
def late(llm_harness):
    harness = llm_harness()
    yield
    harness.run("changed")

@pytest.mark.xfail
def test_teardown(late):
    pass

class TestOldStyle(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def harness(self, llm_harness):
        self.harness = llm_harness()

    @unittest.expectedFailure
    def test_it(self):
        self.harness.run("changed")
"""


@pytest.fixture
def stale(pytester: pytest.Pytester, live: tuple[str, ...]) -> Callable[[str], None]:
    """Make a suite whose tests share a cassette that answers none of their prompts."""
    pytester.makepyfile(test_suite=ASK.replace("llm_cassette", "llm_cassette(name='take')"))
    pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=rewrite").assert_outcomes(passed=1)

    def suite(source: str) -> None:
        pytester.makepyfile(test_suite=source)

    return suite


def test_a_miss_cannot_be_swallowed(pytester: pytest.Pytester, stale: Callable[[str], None]) -> None:
    """Whatever the code under test or a fixture catches, in whatever phase."""
    stale(SWALLOWERS)
    result = pytester.runpytest_inprocess("-rA")
    result.assert_outcomes(failed=8, errors=2, passed=1)
    assert len(re.findall("^no take answers this request: ", result.stdout.str(), re.MULTILINE)) == 10
    assert "AssertionError" not in result.stdout.str()
    result.stdout.fnmatch_lines("ERROR test_suite.py::test_setup - CassetteMiss: no take answers*")
    result.stdout.fnmatch_lines("FAILED test_suite.py::test_gather - CassetteMiss: no take answers*")


def test_a_miss_under_xfail_fails_the_session(
    pytester: pytest.Pytester, stale: Callable[[str], None]
) -> None:
    """No test fails, and the exit status is 1, with a line for each."""
    stale(XFAILS)
    result = pytester.runpytest_inprocess()
    assert result.parseoutcomes() == {"xfailed": 4, "xpassed": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    for name in ("test_plain", "test_swallowed", "test_teardown", "TestOldStyle::test_it"):
        result.stdout.fnmatch_lines(
            f"llmharness: test_suite.py::{name} had a cassette miss or a refused connection, and xfail hid it"
        )


def test_a_miss_says_what_where_and_a_command_that_mends_it(
    pytester: pytest.Pytester, live: tuple[str, ...], server: ModelServer
) -> None:
    """From another folder too: what is pasted records anew, and then the test passes."""
    (inner := pytester.mkpydir("inner"), pytester.makeini("[pytest]"))
    suite = inner / "test_suite.py"
    source = """
import pytest

@pytest.mark.llm_cassette
@pytest.mark.parametrize("who", ["it's $HOME"])
def test_it(llm_harness, who):
    assert llm_harness().run("Say hello.").success
"""
    suite.write_text(source)
    pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=rewrite").assert_outcomes(passed=1)
    suite.write_text(source.replace("hello", "goodbye"))
    pytester.chdir()
    (pytester.path / "elsewhere").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(pytester.path / "elsewhere")
        missed = pytester.runpytest_inprocess("../inner/test_suite.py")
        missed.assert_outcomes(failed=1)
        [where] = (pytester.path / "inner/cassettes").rglob("*.json")
        missed.stdout.fnmatch_lines(
            [
                "no take answers this request: the nearest take differs in prompt",
                f"  where: {where}:14 (1 take; nearest is #1, differs at messages[[]0].content)",
                "  drift: prompt: messages[[]0].content: Say [[]-hello-]{+goodbye+}.",
                "  fix:   pytest --llm-engine=ollama --llm-base-url=http://127.0.0.1:PORT --llm-engine-model=a "
                "--llm-record-mode=rewrite '../inner/test_suite.py::test_it[[]it'\"'\"'s $HOME]'",
            ]
        )
        command = [each.replace("http://127.0.0.1:PORT", server.url("ollama")) for each in pasted(missed)]
        pytester.runpytest_inprocess(*command).assert_outcomes(passed=1)
        pytester.runpytest_inprocess("../inner/test_suite.py").assert_outcomes(passed=1)


def test_the_command_of_a_live_test_names_the_engine_it_was_recorded_with(
    pytester: pytest.Pytester, embedded: tuple[str, ...]
) -> None:
    """Pasted as it is, it starts the embedded engine again."""
    source = """
import pytest

@pytest.mark.llm_live
class TestGroup:
    def test_it(self, llm_harness):
        assert llm_harness().run("Say hello.").success
"""
    pytester.makepyfile(test_suite=source)
    pytester.runpytest_inprocess(*embedded).assert_outcomes(passed=1)
    pytester.makepyfile(test_suite=source.replace("hello", "goodbye"))
    missed = pytester.runpytest_inprocess()
    missed.assert_outcomes(failed=1)
    command = pasted(missed)
    assert command == [*embedded, "test_suite.py::TestGroup::test_it"]
    pytester.runpytest_inprocess(*command).assert_outcomes(passed=1)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


# --- cassettes that cannot be used ---


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[:-10]),
            "the cassette test_it.json is broken at column *",
        ),
        (lambda path: path.write_bytes(b""), "the cassette test_it.json is empty"),
        (
            lambda path: path.write_bytes(b"\xff\xfe{}"),
            "the cassette test_it.json is not UTF-8 text at byte 0",
        ),
        (lambda path: (path.unlink(), path.mkdir()), "the cassette test_it.json is not a regular file"),
        (
            lambda path: path.write_text('{"interactions": [1]}'),
            "the cassette test_it.json is no cassette: *",
        ),
    ],
    ids=["cut", "empty", "not UTF-8", "a folder", "no cassette"],
)
@pytest.mark.parametrize("mode", ["none", "new_episodes"])
def test_a_bad_cassette_is_one_named_error(
    pytester: pytest.Pytester,
    live: tuple[str, ...],
    damage: Callable[[Path], Any],
    what: str,
    mode: str,
) -> None:
    """What, where and fix, no traceback of ours; not a byte of the file changes."""
    asking(pytester, "one")
    path = pytester.path / "cassettes/test_suite/test_it.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"metadata": {"format": 1}, "interactions": []}')
    damage(path)
    before = path.read_bytes() if path.is_file() else None
    result = pytester.runpytest_inprocess(*live[1:], f"--llm-record-mode={mode}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            what,
            f"  where: {path}*",
            f"  fix:   git checkout -- {path}   (or delete it and record it again: pytest *)",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "pytest_llmharness/" not in result.stdout.str()
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_cassette_that_names_no_engine_cannot_make_a_provider(pytester: pytest.Pytester) -> None:
    """It was recorded by a test without one; any client of the test's own replays it."""
    asking(pytester, "one")
    path = pytester.path / "cassettes/test_suite/test_it.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"metadata": {"format": 1, "engine": "ollama", "dialect": 3}, "interactions": []}')
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "the cassette does not say its dialect",
            f"  where: {path}",
            "  fix:   pytest --llm-engine=ollama --llm-record-mode=rewrite test_suite.py::test_it",
        ]
    )


def test_a_folder_that_cannot_be_written_is_told_before_the_first_call(
    pytester: pytest.Pytester, live: tuple[str, ...], server: ModelServer
) -> None:
    """A file stands where the folder should be."""
    asking(pytester, "one")
    (pytester.path / "cassettes").write_text("")
    result = pytester.runpytest_inprocess(*live[1:], "--llm-record-mode=rewrite")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("the cassette test_it.json cannot be read: Not a directory")
    assert not [each for each in server.requests if each.path == "/api/chat"]


def test_a_schema_that_is_none_is_a_named_error_in_the_test(pytester: pytest.Pytester) -> None:
    """The test's own line is shown, and no frame of ours is needed to understand it."""
    pytester.makepyfile(
        """
        def test_it(llm_harness):
            llm_harness(["x"], schema={"type": "strin"})
        """
    )
    result = pytester.runpytest_inprocess("--tb=short")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*in test_it",
            '    llm_harness(?"x"?, schema={"type": "strin"})',
            "E   pytest_llmharness.errors.InvalidSchema: *strin*",
            "E     where: *",
            "E     fix:   *",
        ]
    )


def test_a_conftest_adds_redactors(pytester: pytest.Pytester) -> None:
    """What the hook returns is taken out of what is recorded, for this run only."""
    pytester.makeconftest(
        """
        import re

        def pytest_llmharness_redactors(config):
            return [lambda text: re.sub(r"customer-[a-z]+", "customer-X", text)]
        """
    )
    pytester.makepyfile(
        """
        import threading
        from http.server import BaseHTTPRequestHandler, HTTPServer

        import httpx
        import pytest

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(200)
                self.send_header("content-length", "11")
                self.end_headers()
                self.wfile.write(b"customer-ab")

            def log_message(self, *args):
                pass

        @pytest.fixture
        def url():
            with HTTPServer(("127.0.0.1", 0), Handler) as server:
                thread = threading.Thread(target=server.handle_request)
                thread.start()
                yield f"http://127.0.0.1:{server.server_port}/"
                thread.join()

        @pytest.mark.llm_cassette(record_mode="once")
        def test_it(url):
            assert httpx.post(url, content=b"for customer-cd", verify=False).text == "customer-ab"
        """
    )
    pytester.runpytest("-q").assert_outcomes(passed=1)
    [path] = pytester.path.rglob("test_it.json")
    assert path.read_text().count("customer-X") == 2
    assert "customer-ab" not in path.read_text()

    from pytest_llmharness.cassette.redaction import Redactor

    assert Redactor().text("customer-ab") == "customer-ab"
