"""What a session says of its cassettes at the end: verdicts, causes, costs, what is left over."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

import pytest_llmharness.plugin.drift_report
from pytest_llmharness.cassette import Cassette

LOADED = (httpx2, pytest_llmharness)
SUITE = """
import ssl

import httpx2
import pytest

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
SYSTEM = "You are {manner}."

def ask(words, **changes):
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": words}]
    body = {"model": "claude-sonnet-4-5", "messages": messages, **changes}
    with httpx2.Client(verify=TLS) as client:
        return client.post("https://api.example.com/v1/chat/completions", json=body)

pytestmark = pytest.mark.llm_cassette

def test_one():
    ask("one")

def test_two():
    ask("two")

def test_three():
    ask("three")
"""


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the plugins that the pytest inside would load for nothing."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx")
    monkeypatch.setenv("COLUMNS", "120")


def suite_text(manner: str) -> str:
    return SUITE.replace("{manner}", manner)


def take(words: str, system: str = "You are brief.", **changes: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": words}]
    body = {"model": "claude-sonnet-4-5", "messages": messages, **changes}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    answer = {"choices": [{"message": {"role": "assistant", "content": "yes"}}], "usage": usage}
    return {
        "request": {
            "method": "POST",
            "url": "https://api.example.com/v1/chat/completions",
            "headers": {},
            "body": json.dumps(body),
        },
        "response": {"status": 200, "headers": {}, "body": json.dumps(answer)},
    }


def cassette(pytester: pytest.Pytester, name: str, *takes: dict[str, Any], **metadata: Any) -> Path:
    path = pytester.path / "cassettes" / "test_suite" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"metadata": {"format": 2, **metadata}, "interactions": takes}, indent=2))
    return path


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Three tests, recorded with one system prompt."""
    pytester.makepyfile(test_suite=suite_text("brief"))
    for name in ("one", "two", "three"):
        cassette(pytester, f"test_{name}", take(name))
    return pytester


def drifted(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_suite=suite_text("terse"))


WORKERS = pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])


@WORKERS
def test_one_edit_is_one_paragraph(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """Equal causes are told once, with every test, the cost and the command; a twin in JSON."""
    drifted(suite)
    result = suite.runpytest(*workers)
    result.assert_outcomes(failed=3)
    lines = result.outlines
    begin = next(place for place, line in enumerate(lines) if " llm cassettes " in line)
    tests = [f"test_suite.py::test_{name}" for name in ("one", "three", "two")]
    assert lines[begin + 1 : begin + 10] == [
        "3 MISS",
        "3 calls of 3 tests: system",
        "  system: messages[0].content: You are [-brief-]{+terse+}.",
        *(f"  {test}  cassettes/test_suite/{test.rpartition(':')[2]}.json:7" for test in tests),
        "  to record again, at most: 3 calls, 3,000 tokens in, 300 out, $0.0135",
        f"  pytest --llm-record-mode=rewrite {' '.join(tests)}",
        f"as JSON: {suite.path / '.pytest_cache/d/llmharness/drift.jsonl'}",
    ]
    [row] = map(json.loads, (suite.path / ".pytest_cache/d/llmharness/drift.jsonl").read_text().splitlines())
    assert row["causes"] == ["system"]
    assert row["differences"] == [
        {
            "part": "system",
            "place": "messages[0].content",
            "was": "You are brief.",
            "now": "You are terse.",
        }
    ]
    assert [call["test"] for call in row["calls"]] == tests
    assert row["calls"][0] == {
        "test": tests[0],
        "call": "POST /v1/chat/completions",
        "take": 1,
        "cassette": "cassettes/test_suite/test_one.json:7",
        "note": "",
    }
    assert row["record_again"] == {
        "calls": 3,
        "tokens_in": 3000,
        "tokens_out": 300,
        "cost_usd": pytest.approx(0.0135),
        "without_price": [],
        "commands": [f"pytest --llm-record-mode=rewrite {' '.join(tests)}"],
    }
    drifted_no_more = suite.makepyfile(test_suite=suite_text("brief"))
    suite.runpytest(*workers, drifted_no_more).assert_outcomes(passed=3)
    assert not (suite.path / ".pytest_cache/d/llmharness/drift.jsonl").exists()


@WORKERS
def test_without_a_cache_the_twin_goes_where_it_is_told(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """Or nowhere; and a place that cannot be written is told, and fails nothing."""
    drifted(suite)
    before = set(suite.path.rglob("*"))
    silent = suite.runpytest(*workers, "-p", "no:cacheprovider")
    assert "as JSON" not in silent.stdout.str()
    assert set(suite.path.rglob("*.jsonl")) - before == set()
    suite.runpytest(*workers, "-p", "no:cacheprovider", "--llm-drift-json=out/drift.jsonl")
    assert len((suite.path / "out/drift.jsonl").read_text().splitlines()) == 1
    told = suite.runpytest(*workers, "-p", "no:cacheprovider", "--llm-drift-json=out/drift.jsonl/x")
    told.stdout.fnmatch_lines("*--llm-drift-json=out/drift.jsonl/x cannot be written: *")


def test_causes_that_differ_are_two_paragraphs_and_unknown_prices_are_unknown(
    suite: pytest.Pytester,
) -> None:
    """The larger group first; a model that is not in the table costs "unknown", not nothing."""
    source = suite_text("terse").replace('ask("three")', 'ask("three", temperature=0.2)')
    suite.makepyfile(test_suite=source)
    cassette(suite, "test_three", take("three", system="You are terse.", temperature=0, model="mystery-1"))
    result = suite.runpytest()
    result.stdout.fnmatch_lines(
        [
            "2 calls of 2 tests: system",
            "1 call of 1 test: model, parameters",
            "  model: model: [[]-mystery-1-]{+claude-sonnet-4-5+}",
            "  parameters: temperature: [[]-0-]{+0.2+}",
            "  to record again, at most: 1 call, 1,000 tokens in, 100 out, cost unknown (mystery-1 has no *",
        ]
    )


VERDICTS = """
import pytest
from test_suite import ask

@pytest.mark.llm_cassette(name="one")
def test_hit():
    ask("one")

@pytest.mark.llm_cassette(name="both")
def test_partial():
    ask("one")

@pytest.mark.llm_cassette(name="one")
def test_miss():
    ask("changed")

@pytest.mark.llm_cassette(name="one")
def test_no_call():
    pass

def test_stranger():
    pass

def test_scripted(llm_script):
    llm_script(["a"])
"""


@WORKERS
def test_every_test_has_a_verdict(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """With -v behind its word, and in JUnit; in the short summary nothing changes."""
    for name, takes in (("one", [take("one")]), ("both", [take("one"), take("two"), take("three")])):
        cassette(suite, name, *takes)
    folder = suite.path / "cassettes" / "test_verdicts"
    (suite.path / "cassettes" / "test_suite").rename(folder)
    suite.makepyfile(test_verdicts=VERDICTS)
    result = suite.runpytest("-v", "-rfp", "--junitxml=junit.xml", *workers, "test_verdicts.py")
    text = result.stdout.str()
    for name, word in {"hit": "PASSED HIT", "partial": "PASSED PARTIAL", "miss": "FAILED MISS"}.items():
        assert any(f"test_{name}" in line and f"{word} " in line + " " for line in text.splitlines()), (
            name,
            text,
        )
    assert "FAILED test_verdicts.py::test_miss - " in text
    assert "PASSED test_verdicts.py::test_hit" in text
    assert "1 HIT, 2 PARTIAL, 1 MISS" in text
    assert (
        "test_verdicts.py::test_partial did not ask for #2, #3 of cassettes/test_verdicts/both.json" in text
    )
    found = {
        case.attrib["name"]: [each.attrib["value"] for each in case.iter("property")]
        for case in ElementTree.parse(suite.path / "junit.xml").iter("testcase")
    }
    assert found == {
        "test_hit": ["HIT"],
        "test_partial": ["PARTIAL"],
        "test_miss": ["MISS"],
        "test_no_call": ["PARTIAL"],
        "test_stranger": [],
        "test_scripted": [],
    }


def test_a_session_where_all_is_well_says_nothing(suite: pytest.Pytester) -> None:
    """Without -v there is no word of cassettes."""
    result = suite.runpytest()
    result.assert_outcomes(passed=3)
    assert "llm cassettes" not in result.stdout.str()
    assert "HIT" not in result.stdout.str()


@WORKERS
def test_cassettes_without_a_test_are_named(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """With the command that deletes them."""
    cassette(suite, "test_four", take("four"))
    result = suite.runpytest(*workers)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        "test_suite.py has no test test_four: llmharness cassette prune --yes cassettes/test_suite/test_four.json"
    )


OLD, NEW = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


@WORKERS
@pytest.mark.parametrize("setting", ["ini", "flag", "marker", "fixture"])
def test_an_expired_cassette_is_told(suite: pytest.Pytester, workers: tuple[str, ...], setting: str) -> None:
    """By its oldest take; however the age is set."""
    cassette(suite, "test_one", {"recorded_at": OLD, **take("one")}, {"recorded_at": NEW, **take("x")})
    if setting == "ini":
        suite.makeini("[pytest]\nllm_max_age = 30d")
    elif setting == "marker":
        source = suite_text("brief").replace("mark.llm_cassette", "mark.llm_cassette(max_age='30d')")
        suite.makepyfile(test_suite=source)
    elif setting == "fixture":
        suite.makeconftest(
            "import pytest\n@pytest.fixture\ndef llm_cassette_config(): return {'max_age': '30d'}"
        )
    flag = ("--llm-max-age=30d",) if setting == "flag" else ()
    result = suite.runpytest(*workers, *flag)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        "the cassette test_one.json has expired: * days old by recorded_at, and max_age is 30d: pytest "
        "--llm-record-mode=rewrite test_suite.py::test_one"
    )
    assert "test_two.json has expired" not in result.stdout.str()


def test_an_expired_cassette_fails_where_that_is_wanted(suite: pytest.Pytester) -> None:
    """Its test, before it runs, with the command that mends it."""
    cassette(suite, "test_one", {"recorded_at": OLD, **take("one")})
    suite.makeini("[pytest]\nllm_max_age = 30d\nllm_on_expiry = fail")
    result = suite.runpytest()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["the cassette test_one.json has expired: *", "  fix:   pytest --llm-record-mode=rewrite *::test_one"]
    )


def test_the_command_of_the_report_mends_what_it_is_about(suite: pytest.Pytester) -> None:
    """What is shown can be pasted: it names each test, however odd its parameters are."""
    source = suite_text("terse").replace(
        "def test_one():", "@pytest.mark.parametrize('words', ['a b'])\ndef test_one(words):"
    )
    suite.makepyfile(test_suite=source)
    result = suite.runpytest()
    [command] = [
        line
        for line in result.outlines
        if line.startswith("  pytest --llm-record-mode=rewrite") and "one" in line
    ]
    words = shlex.split(command)
    assert words[:2] == ["pytest", "--llm-record-mode=rewrite"]
    assert "test_suite.py::test_one[a b]" in words
    suite.runpytest("--collect-only", *words[2:]).stdout.fnmatch_lines(f"*{len(words) - 2} test*collected*")


MATCHED = """
import uuid
import pytest
from test_suite import ask

@pytest.fixture
def llm_cassette_config(llm_cassette_config):
    return {**llm_cassette_config, "match": {"ignore": ["$.user"]}}

@pytest.mark.llm_cassette(match={"patterns": ["ticket [0-9]+"]})
class TestGroup:
    @pytest.mark.llm_cassette(name="one", match={"patterns": ["from \\\\w+"]})
    def test_all(self):
        ask("ticket 77 from me", metadata={"run": str(uuid.uuid4())}, user="b", seed=2)
"""


def test_rules_add_up_from_ini_fixture_and_markers(pytester: pytest.Pytester) -> None:
    """Each hides one part of the request; leave one out, and it is a miss."""
    folder = pytester.path / "cassettes" / "test_matched"
    folder.mkdir(parents=True)
    recorded = take(
        "ticket 1 from you", metadata={"run": "8c7f2c4e-0000-4000-8000-000000000000"}, user="a", seed=1
    )
    document = {"metadata": {"format": 2}, "interactions": [recorded]}
    (folder / "one.json").write_text(json.dumps(document))
    pytester.makepyfile(test_suite=suite_text("brief"), test_matched=MATCHED)
    pytester.makeini("[pytest]\nllm_match_ignore =\n    $.seed")
    pytester.runpytest("test_matched.py").assert_outcomes(passed=1)
    for name, source, ini in (
        ("ini", MATCHED, ""),
        ("fixture", MATCHED.replace("$.user", "$.other"), "llm_match_ignore = $.seed"),
        ("outer marker", MATCHED.replace("ticket [0-9]", "nothing"), "llm_match_ignore = $.seed"),
        ("inner marker", MATCHED.replace("from \\\\w", "nothing"), "llm_match_ignore = $.seed"),
        ("built in", MATCHED, "llm_match_ignore = $.seed\nllm_match_builtin = none"),
    ):
        pytester.makepyfile(test_matched=source)
        pytester.makeini(f"[pytest]\n{ini}")
        pytester.runpytest("test_matched.py").assert_outcomes(failed=1), name
    assert Cassette.load(folder / "one.json").metadata == {"format": 2}


@pytest.mark.parametrize(
    ("ini", "marker", "said"),
    [
        ("llm_match_ignore = $.[", "", "*'$.[[]' is no path to a part of a request*"),
        ("llm_match_patterns = (", "", "*'(' is no regular expression*"),
        ("llm_match_builtin = uid", "", "*'uid' is no built-in volatile part*"),
        ("llm_max_age = soon", "", "*'soon' is no age*"),
        ("llm_on_expiry = cry", "", "*use one of warn, fail*"),
        ("", "match={'skip': []}", "*match={'skip': []} is not valid*"),
        ("", "match={'ignore': [1]}", "*[[]1] is no list of texts*"),
        ("", "max_age=30", "*30 is no age*"),
    ],
)
def test_a_bad_rule_ends_at_the_door(pytester: pytest.Pytester, ini: str, marker: str, said: str) -> None:
    """As a usage error that says what is valid."""
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile(f"import pytest\n@pytest.mark.llm_cassette({marker})\ndef test_a(): pass")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(said)
