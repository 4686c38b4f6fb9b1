"""What a test records is in its cassette once it has passed, and beside it where it failed or was killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpcore2
import httpx2
import pytest

from pytest_llmharness.cassette import Cassette
from pytest_llmharness.cassette.loading import recovered
from pytest_llmharness.cli import main
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.server import ModelServer

LOADED = (httpcore2, httpx2)  # imported here, they need not be imported anew by each pytest that runs inside
ROOT = Path(__file__).parents[2]
RECORD = "--llm-record-mode=new_episodes"
ASK = """
import os
import signal

import httpx2
import pytest

URL = os.environ["MODEL_URL"]


def ask(words, url=URL):
    body = {"model": "a", "stream": False, "messages": [{"role": "user", "content": words}]}
    with httpx2.Client() as client:
        return client.post(url + "/api/chat", json=body).json()["message"]["content"]

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


def shelf(pytester: pytest.Pytester) -> Path:
    return pytester.path / "cassettes" / "test_suite"


def said(path: Path) -> list[str]:
    return [json.loads(take.response.body)["message"]["content"] for take in Cassette.load(path).interactions]


def files(pytester: pytest.Pytester) -> list[str]:
    return sorted(path.name for path in shelf(pytester).rglob("*") if path.is_file())


FAILING = (
    ASK
    + """
@pytest.mark.llm_cassette
def test_it():
    assert ask("one")
    assert ask("two") == "nothing that a model would say"
"""
)


def test_a_failed_test_leaves_its_cassette_and_names_its_journal(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """The failure says where the takes are; the next run passes by them, and takes them away."""
    pytester.makepyfile(test_suite=FAILING)
    result = pytester.runpytest_inprocess(RECORD)
    result.assert_outcomes(failed=1)
    [name] = files(pytester)
    assert re.fullmatch(r"test_it\.json\.\d+-\d+\.failed", name)
    result.stdout.fnmatch_lines(
        [
            "*- llm_cassette -*",
            "the test failed, so the 2 takes it recorded are not in its cassette",
            f"  where: */cassettes/test_suite/{name}",
            f"  fix:   record it again, or keep what it recorded: llmharness cassette promote */{name}",
        ]
    )
    assert [
        json.loads(take.response.body)["message"]["content"] for take in recovered(shelf(pytester) / name)
    ] == [
        "one 1",
        "two 2",
    ]
    pytester.runpytest_inprocess().assert_outcomes(failed=1)
    assert files(pytester) == [name]

    pytester.makepyfile(test_suite=FAILING.replace('== "nothing that a model would say"', ""))
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=1)
    assert files(pytester) == ["test_it.json"]
    assert said(shelf(pytester) / "test_it.json") == ["one 3", "two 4"]
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    assert len(calls) == 4


def test_a_failed_test_changes_nothing_of_a_cassette_that_is_there(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """Not in mode rewrite either: the old takes stand until new ones are good."""
    pytester.makepyfile(test_suite=FAILING.replace('== "nothing that a model would say"', ""))
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=1)
    before = (shelf(pytester) / "test_it.json").read_bytes()
    pytester.makepyfile(test_suite=FAILING.replace('"two"', '"three"'))
    for mode in ("rewrite", "all", "new_episodes", "changed"):
        pytester.runpytest_inprocess(f"--llm-record-mode={mode}").assert_outcomes(failed=1)
        assert (shelf(pytester) / "test_it.json").read_bytes() == before, mode


@pytest.mark.parametrize("where", ["setup", "teardown"])
def test_a_fixture_that_fails_fails_the_recording(
    pytester: pytest.Pytester, calls: list[str], where: str
) -> None:
    """Before the test as well as after it: the verdict is heard when all of it is over."""
    broken = "ask('one'); assert False; yield" if where == "setup" else "yield ask('one'); assert False"
    pytester.makepyfile(
        test_suite=ASK
        + f"""
@pytest.fixture
def thing():
    {broken}

@pytest.mark.llm_cassette
def test_it(thing):
    pass
"""
    )
    result = pytester.runpytest_inprocess(RECORD)
    assert result.parseoutcomes()["errors"] == 1
    [name] = files(pytester)
    assert name.endswith(".failed")
    result.stdout.fnmatch_lines(["*the 1 take it recorded is not in its cassette", f"*{name}"])


def test_what_a_failed_test_recorded_can_be_asked_for(
    pytester: pytest.Pytester, calls: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Afterwards with `cassette promote`, or beforehand with keep_failed=True."""
    pytester.makepyfile(test_suite=FAILING)
    pytester.runpytest_inprocess(RECORD)
    [name] = files(pytester)
    assert main(["cassette", "promote", str(shelf(pytester) / name)]) == 0
    assert "test_it.json, 2 takes" in capsys.readouterr().out
    assert said(shelf(pytester) / "test_it.json") == ["one 1", "two 2"]
    assert files(pytester) == ["test_it.json"]

    (shelf(pytester) / "test_it.json").unlink()
    pytester.makepyfile(test_suite=FAILING.replace("llm_cassette", "llm_cassette(keep_failed=True)"))
    result = pytester.runpytest_inprocess(RECORD)
    result.assert_outcomes(failed=1)
    assert "not in its cassette" not in result.stdout.str()
    assert files(pytester) == ["test_it.json"]
    assert main(["cassette", "promote", str(shelf(pytester) / "test_it.json")]) == 2


@pytest.mark.parametrize(("keep", "kept"), [("", 0), ("(keep_failed=True)", 1)])
def test_a_server_that_was_not_there_is_kept_only_where_asked(
    pytester: pytest.Pytester, calls: list[str], keep: str, kept: int
) -> None:
    """A test that fails for it has recorded nothing; one that expects it has recorded a take."""
    pytester.makepyfile(
        test_suite=ASK
        + f"""
@pytest.mark.llm_cassette{keep}
def test_fails():
    ask("one", "http://127.0.0.1:9")

@pytest.mark.llm_cassette
def test_expects():
    with pytest.raises(httpx2.ConnectError):
        ask("one", "http://127.0.0.1:9")
"""
    )
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=1, failed=1)
    ends = {
        path.stem: [take.response.end for take in Cassette.load(path).interactions]
        for path in shelf(pytester).glob("*.json")
    }
    assert ends == {"test_expects": ["connect_error"], **({"test_fails": ["connect_error"]} if kept else {})}
    pytester.runpytest_inprocess("-k", "expects").assert_outcomes(passed=1, deselected=1)


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}


def test_a_killed_test_has_lost_only_the_call_in_flight(pytester: pytest.Pytester, calls: list[str]) -> None:
    """No cassette is there, half-written or not; the next recording plays what was paid for."""
    pytester.makepyfile(
        test_suite=ASK
        + """
@pytest.mark.llm_cassette
def test_it():
    assert [ask(word) for word in "abcde"]
    if "KILL" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    assert ask("f")
"""
    )
    command = [sys.executable, "-m", "pytest", "-q", "--llm-record-mode=once"]
    killed = subprocess.run(
        command,
        cwd=pytester.path,
        env={**environment(), "KILL": "1"},
        check=False,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    assert killed.returncode == -signal.SIGKILL
    [name] = files(pytester)
    assert name.endswith(".journal")
    assert len(recovered(shelf(pytester) / name)) == len(calls) == 5
    pytester.runpytest_inprocess().assert_outcomes(failed=1)

    pytester.runpytest_inprocess("--llm-record-mode=once").assert_outcomes(passed=1)
    assert calls == list("abcdef")
    assert files(pytester) == ["test_it.json"]
    assert said(shelf(pytester) / "test_it.json") == [f"{word} {n}" for n, word in enumerate("abcdef", 1)]
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_four_workers_that_record_one_file_lose_nothing(pytester: pytest.Pytester, calls: list[str]) -> None:
    """Twenty tests of one cassette, in each mode that writes; afterwards all of them replay."""
    pytester.makepyfile(
        test_suite=ASK
        + """
@pytest.mark.parametrize("number", range(20))
@pytest.mark.llm_cassette(name="shared")
def test_it(number):
    assert ask(f"question {number}").startswith(f"question {number} ")
"""
    )
    for mode in ("rewrite", "all", "changed"):
        pytester.runpytest_inprocess(f"--llm-record-mode={mode}", "-n", "4").assert_outcomes(passed=20)
        assert files(pytester) == ["shared.json"], mode
        asked = {words.rpartition(" ")[0] for words in said(shelf(pytester) / "shared.json")}
        assert asked == {f"question {number}" for number in range(20)}, mode
    assert len(said(shelf(pytester) / "shared.json")) == 20
    assert len(calls) == 40  # `changed` found all that it asked for
    pytester.runpytest_inprocess().assert_outcomes(passed=20)


def test_changed_drops_what_a_passed_test_asks_no_more_and_nothing_of_others(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """Two tests share a file; one that is not run, or fails, keeps its takes."""
    suite = (
        ASK
        + """
@pytest.mark.llm_cassette(name="shared")
def test_one():
    assert ask("ONE")

@pytest.mark.llm_cassette(name="shared")
def test_two():
    assert ask("TWO")
"""
    )
    path = shelf(pytester) / "shared.json"
    pytester.makepyfile(test_suite=suite)
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=2)
    changed = "--llm-record-mode=changed"
    pytester.makepyfile(test_suite=suite.replace("ONE", "one"))
    pytester.runpytest_inprocess(changed, "-k", "test_one").assert_outcomes(passed=1, deselected=1)
    assert sorted(said(path)) == ["TWO 2", "one 3"]
    pytester.makepyfile(test_suite=suite.replace("ONE", "one").replace('ask("TWO")', 'ask("two") == 7'))
    pytester.runpytest_inprocess(changed).assert_outcomes(passed=1, failed=1)
    assert sorted(said(path)) == ["TWO 2", "one 3"]
    assert len(calls) == 4


def test_an_interrupted_session_keeps_what_it_recorded_beside_the_cassette(
    pytester: pytest.Pytester, calls: list[str]
) -> None:
    """Ctrl-C is no verdict: the takes are set aside."""
    pytester.makepyfile(
        test_suite=ASK
        + """
@pytest.mark.llm_cassette
def test_it():
    ask("one")
    raise KeyboardInterrupt
"""
    )
    result = pytester.runpytest_subprocess(RECORD)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    [name] = files(pytester)
    assert name.endswith(".failed")
