"""What the modes of ours say in the terminal, under xdist too, and how markers and settings play a cassette."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpcore2
import httpx2
import pytest

from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.server import ModelServer

LOADED = (httpcore2, httpx2)  # imported here, they need not be imported anew by each pytest that runs inside
RECORD = "--llm-record-mode=rewrite"
ASK = """
import os

import httpx2
import pytest

URL = os.environ["MODEL_URL"]


def ask(words, stream=False):
    body = {"model": "a", "stream": stream, "messages": [{"role": "user", "content": words}]}
    with httpx2.Client(verify=False) as client, client.stream("POST", URL + "/api/chat", json=body) as answer:
        return list(answer.iter_bytes())

"""
TWO = (
    ASK
    + """
@pytest.mark.llm_cassette
def test_one():
    assert ask("one") and ask("two")

@pytest.mark.llm_cassette
def test_two():
    assert ask("three")
"""
)


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


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_script_lists_every_mismatch_at_the_end(
    pytester: pytest.Pytester, calls: list[str], workers: tuple[str, ...]
) -> None:
    """The tests pass on the old answers while prompts are edited; nothing goes out."""
    pytester.makepyfile(test_suite=TWO)
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=2)
    pytester.makepyfile(test_suite=TWO.replace('"two"', '"deux"').replace('"three"', '"trois"'))
    pytester.runpytest_inprocess().assert_outcomes(failed=2)
    result = pytester.runpytest_inprocess("--llm-record-mode=script", *workers)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*- cassettes played as a script -*",
            "test_suite.py::test_one",
            "  call 2: messages?0?.content: ?-two-??+deux+?",
            "test_suite.py::test_two",
            "  call 1: messages?0?.content: ?-three-??+trois+?",
            "2 calls asked something else than the take they got; *--llm-record-mode=changed",
        ]
    )
    assert len(calls) == 3


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_verify_shows_a_table_of_what_differs_in_shape(
    pytester: pytest.Pytester, calls: list[str], workers: tuple[str, ...]
) -> None:
    """One row a call; nothing is written."""
    pytester.makepyfile(test_suite=TWO)
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=2)
    path = shelf(pytester) / "test_two.json"
    path.write_text(re.sub(r'"done": true', '"done": "yes"', path.read_text("utf-8")), "utf-8")
    before = path.read_bytes()
    result = pytester.runpytest_inprocess("--llm-record-mode=verify", *workers)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*- cassettes beside live answers -*",
            "test_suite.py::test_one  call 1  POST /api/chat  same shape",
            "test_suite.py::test_one  call 2  POST /api/chat  same shape",
            "test_suite.py::test_two  call 1  POST /api/chat",
            "  error    done: string -> boolean",
            "3 calls verified: 1 error, 0 warning, 0 info; nothing was written",
        ]
    )
    assert len(calls) == 6
    assert path.read_bytes() == before


STREAM = (
    ASK
    + """
from pytest_llmharness import VirtualClock

@pytest.mark.llm_cassette(MARK)
def test_it(llm_cassette):
    chunks = ask("tell me more of it", stream=True)
    print("chunks", len(chunks), "clock", llm_cassette.clock is not None and llm_cassette.clock.now() > 0)
"""
)


@pytest.mark.parametrize(
    ("mark", "config", "options", "expected"),
    [
        ("", "", (), "chunks N clock False"),
        ("rechunk='merged'", "", (), "chunks 1 clock False"),
        ("clock='virtual'", "", (), "chunks N clock True"),
        ("", "{'rechunk': 'merged'}", (), "chunks 1 clock False"),
        ("", "{'clock': VirtualClock(), 'rechunk': 'merged'}", (), "chunks 1 clock True"),
        ("rechunk='bytes'", "{'rechunk': 'merged'}", (), "chunks B clock False"),
    ],
)
def test_how_a_cassette_is_played_is_said_by_markers_and_settings(  # noqa: PLR0917 - one column an argument
    pytester: pytest.Pytester,
    calls: list[str],
    mark: str,
    config: str,
    options: tuple[str, ...],
    expected: str,
) -> None:
    """A test's marker counts before `llm_cassette_config`."""
    source = STREAM.replace("MARK", mark)
    if config:
        source += f"\n@pytest.fixture\ndef llm_cassette_config():\n    return {config}\n"
    pytester.makepyfile(test_suite=STREAM.replace("MARK", ""))
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=1)
    pytester.makepyfile(test_suite=source)
    result = pytester.runpytest_inprocess("-s", *options)
    result.assert_outcomes(passed=1)
    [line] = [line for line in result.outlines if "chunks " in line]
    count = int(line.rpartition("chunks ")[2].split()[0])
    shown = {"1": count == 1, "N": 2 <= count < 30, "B": count > 100}
    assert shown[expected.split()[1]], line
    assert line.endswith(expected.partition(" clock")[1] + expected.partition(" clock")[2])


def test_every_llm_cassette_config_in_reach_counts(pytester: pytest.Pytester, calls: list[str]) -> None:
    """The nearest wins name by name; one that takes the outer one merges it itself."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llm_cassette_config():
            return {"rechunk": "merged", "clock": "virtual"}
        """
    )
    pytester.makepyfile(
        test_suite=STREAM.replace("MARK", "")
        + """
@pytest.fixture
def llm_cassette_config():
    return {"rechunk": "bytes"}
"""
    )
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("-s")
    assert re.search(r"chunks \d{3} clock True", result.stdout.str())
    pytester.makepyfile(
        test_suite=STREAM.replace("MARK", "")
        + "\n@pytest.fixture\ndef llm_cassette_config():\n    return {'speeed': 1}\n"
    )
    refused = pytester.runpytest_inprocess()
    assert refused.parseoutcomes()["errors"] == 1
    refused.stdout.fnmatch_lines("*llm_cassette_config is {'speeed': 1}")


def test_the_replay_speed_is_an_option(pytester: pytest.Pytester, calls: list[str]) -> None:
    """A take that came late comes late again, at the speed asked for."""
    pytester.makepyfile(test_suite=STREAM.replace("MARK", ""))
    pytester.runpytest_inprocess(RECORD).assert_outcomes(passed=1)
    path = shelf(pytester) / "test_it.json"
    text = re.sub(r'"ms": [\d.]+', '"ms": 1200.0', path.read_text("utf-8"))
    path.write_text(re.sub(r"\[[\d.]+, ", "[1200.0, ", text), "utf-8")
    took = {}
    for speed in ("0", "2"):
        result = pytester.runpytest_inprocess(
            f"--llm-replay-speed={speed}", "--durations=0", "-vv", "--durations-min=0"
        )
        took[speed] = float(re.search(r"([\d.]+)s call", result.stdout.str())[1])  # type: ignore[index]
    assert took["2"] - took["0"] > 0.4
