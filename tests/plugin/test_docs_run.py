"""The docs keep their word: every test in them works as pasted."""

from __future__ import annotations

import re
from pathlib import Path

import gguf
import numpy as np
import pytest

from pytest_llmharness.cli import main
from pytest_llmharness.server import ModelServer

LOADED = (gguf, np)  # a process can load these once, and each pytest that runs inside would again
ROOT = Path(__file__).parents[2]
PAGES = [
    page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
]
BLOCKS = [block for page in PAGES for block in re.findall(r"```python\n# (\S+)\n(.*?)```", page, re.DOTALL)]
# Blocks without a file name are scripts that assert what they show.
SCRIPTS = [
    block
    for page in PAGES
    for block in re.findall(r"^```python\n(?!# )(.*?)^```", page, re.DOTALL | re.MULTILINE)
]


def _paste(pytester: pytest.Pytester, name: str) -> None:
    (pytester.path / name).write_text(dict(BLOCKS)[name], encoding="utf-8")


def test_every_block_is_a_file_that_is_run_here() -> None:
    """A block that is added gets a test."""
    assert [name for name, _ in BLOCKS] == [
        "test_priority.py",
        "test_live.py",
        "test_mine.py",
        "test_my_provider.py",
        "conftest.py",
        "test_triage.py",
        "test_rules.py",
        "test_stream.py",
        "test_rain.py",
        "test_paced.py",
        "test_before.py",
        "test_after.py",
    ]
    blocks = sum(len(re.findall(r"^```python$", page, re.MULTILINE)) for page in PAGES)
    assert blocks == len(BLOCKS) + len(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_of_the_docs_holds(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pasted, its assertions pass."""
    monkeypatch.chdir(tmp_path)
    assert "assert " in script
    exec(compile(script, "docs", "exec"), {})


def test_the_first_test_passes_offline_in_twenty_lines(pytester: pytest.Pytester) -> None:
    """As pasted, without an option."""
    _paste(pytester, "test_priority.py")
    assert len([line for line in dict(BLOCKS)["test_priority.py"].splitlines() if line]) <= 20
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("module", "test"), [("test_live", "test_a_model_gives_a_priority"), ("test_mine", "test_my_code")]
)
def test_a_live_test_is_skipped_then_recorded_then_replayed(
    pytester: pytest.Pytester, module: str, test: str
) -> None:
    """The three rows of the table, with the embedded engine; our harness and a client of the user's."""
    pytest.importorskip("xllamacpp")
    _paste(pytester, "test_priority.py")
    _paste(pytester, f"{module}.py")
    skipped = pytester.runpytest_inprocess("-rs", f"{module}.py")
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(f"*pytest --llm-live {module}.py::{test}")

    live = ("--llm-live", "--llm-engine=embedded")
    pytester.runpytest_inprocess(*live, f"{module}.py").assert_outcomes(passed=1)
    assert not (pytester.path / "cassettes").exists()
    recording = pytester.runpytest_inprocess(*live, "--llm-record-mode=rewrite", f"{module}.py")
    recording.assert_outcomes(passed=1)
    assert (pytester.path / f"cassettes/{module}/{test}.json").is_file()
    pytester.runpytest_inprocess(f"{module}.py").assert_outcomes(passed=1)


def test_the_adapter_of_the_docs_keeps_the_contract(pytester: pytest.Pytester) -> None:
    """Two clauses are skipped for a reason that is shown: one fixture is not given, one flag is not set."""
    _paste(pytester, "test_my_provider.py")
    outcomes = pytester.runpytest_inprocess().parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped"}
    assert outcomes["passed"] > 20


def test_a_cut_can_be_laid_over_a_recorded_stream(pytester: pytest.Pytester) -> None:
    """As pasted: the stream breaks once, and then comes whole."""
    _paste(pytester, "test_stream.py")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_tests_of_the_guide_are_recorded_and_replayed(pytester: pytest.Pytester) -> None:
    """As pasted, on a model server, then without it; one plays its times on a virtual clock."""
    _paste(pytester, "test_rain.py")
    _paste(pytester, "test_paced.py")
    with ModelServer(["It will."] * 2) as server:
        live = ("--llm-engine=ollama", f"--llm-base-url={server.url('ollama')}", "--llm-record-mode=once")
        pytester.runpytest_inprocess(*live).assert_outcomes(passed=2)
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_declared_parts_of_the_page_count_as_equal(pytester: pytest.Pytester) -> None:
    """As pasted: another ticket and another run get the recorded answer."""
    _paste(pytester, "test_rules.py")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_redactor_of_the_page_is_asked(pytester: pytest.Pytester) -> None:
    """Its conftest as pasted: what the hook returns takes customers out."""
    _paste(pytester, "conftest.py")
    pytester.makepyfile(
        """
        def test_it(request):
            [[redactor]] = request.config.hook.pytest_llmharness_redactors(config=request.config)
            assert redactor("to customer-77") == "to customer-N"
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_guide_goes_from_a_recording_to_another_prompt(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unrecorded, recorded, replayed without a server, changed, recorded anew: as the page says."""
    file = "test_triage.py"
    _paste(pytester, file)
    first = pytester.runpytest_inprocess(file)
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines("*--llm-record-mode=rewrite test_triage.py::test_a_bill_is_billing*")

    def record() -> None:
        with ModelServer(["billing"]) as server:
            monkeypatch.setenv("OLLAMA_HOST", server.url("ollama"))
            pytester.runpytest_inprocess("--llm-record-mode=rewrite", file).assert_outcomes(passed=1)

    record()
    cassette = pytester.path / "cassettes/test_triage/test_a_bill_is_billing.json"
    assert cassette.is_file()
    pytester.runpytest_inprocess(file).assert_outcomes(passed=1)
    text = dict(BLOCKS)[file].replace("Say billing", "Say only billing")
    (pytester.path / file).write_text(text, encoding="utf-8")
    miss = pytester.runpytest_inprocess(file)
    miss.assert_outcomes(failed=1)
    miss.stdout.fnmatch_lines("*no take answers this request*")
    record()
    pytester.runpytest_inprocess(file).assert_outcomes(passed=1)
    assert main(["cassette", "check"]) == 0


def test_a_cassette_of_vcrpy_moves_over(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test before, recorded by vcrpy; converted by the command of the page; the test after, offline."""
    _paste(pytester, "test_before.py")
    _paste(pytester, "test_after.py")
    with ModelServer(["hi"]) as server:
        monkeypatch.setenv("MODEL_URL", server.url("ollama"))
        pytester.runpytest_inprocess("test_before.py").assert_outcomes(passed=1)
    pytester.runpytest_inprocess("test_before.py").assert_outcomes(passed=1)
    page = (ROOT / "docs" / "from-vcrpy.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^\$ llmharness (.*)$", page, re.MULTILINE)
    assert main(command.split()) == 0
    pytester.runpytest_inprocess("test_after.py").assert_outcomes(passed=1)
    assert "of-mine" not in (pytester.path / "cassettes/test_after/test_answer.json").read_text("utf-8")
