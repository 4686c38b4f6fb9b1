"""The README keeps its word: every test in it works as pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# (\S+)\n(.*?)```", README, re.DOTALL)


def _paste(pytester: pytest.Pytester, name: str) -> None:
    (pytester.path / name).write_text(dict(BLOCKS)[name], encoding="utf-8")


def test_every_block_is_a_file_that_is_run_here() -> None:
    """A block that is added gets a test."""
    assert [name for name, _ in BLOCKS] == ["test_priority.py", "test_live.py"]
    assert README.count("```python") == len(BLOCKS)


def test_the_first_test_passes_offline_in_twenty_lines(pytester: pytest.Pytester) -> None:
    """As pasted, without an option."""
    _paste(pytester, "test_priority.py")
    assert len([line for line in dict(BLOCKS)["test_priority.py"].splitlines() if line]) <= 20
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_live_test_is_skipped_then_recorded_then_replayed(pytester: pytest.Pytester) -> None:
    """The three rows of its table, with the embedded engine."""
    pytest.importorskip("xllamacpp")
    _paste(pytester, "test_priority.py")
    _paste(pytester, "test_live.py")
    skipped = pytester.runpytest_inprocess("-rs", "test_live.py")
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines("*pytest --llm-live test_live.py::test_a_model_gives_a_priority")

    live = ("--llm-live", "--llm-engine=embedded")
    pytester.runpytest_inprocess(*live, "test_live.py").assert_outcomes(passed=1)
    assert not (pytester.path / "cassettes").exists()
    pytester.runpytest_inprocess(*live, "--llm-record-mode=rewrite", "test_live.py").assert_outcomes(passed=1)
    assert (pytester.path / "cassettes/test_live/test_a_model_gives_a_priority.json").is_file()
    pytester.runpytest_inprocess("test_live.py").assert_outcomes(passed=1)
