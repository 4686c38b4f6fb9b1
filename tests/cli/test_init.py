"""`llmharness init` writes what is lacking, says what it did, and writes over nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pytest_llmharness.cli import main


def test_an_empty_folder_gets_a_suite_that_passes(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first test runs, git knows cassettes, and the second time nothing changes."""
    home = pytester.path
    assert main(["init", str(home)]) == 0
    said = capsys.readouterr().out
    names = [".gitattributes", ".gitignore", "pytest.ini", "test_llmharness_first.py"]
    assert sorted(path.name for path in home.iterdir()) == names
    assert all(f"{home / name}: " in said for name in names)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    before = {path: path.read_bytes() for path in home.iterdir() if path.is_file()}
    capsys.readouterr()
    assert main(["init", "--json", str(home)]) == 0
    assert [row["done"] for row in json.loads(capsys.readouterr().out)] == [
        "has the lines already",
        "has the lines already",
        "is there already, left as it is",
        "has the ini keys already",
    ]
    assert {path: path.read_bytes() for path in before} == before
    subprocess.run(["git", "init", "-q", home], check=True)
    asked = [
        "git",
        "-C",
        str(home),
        "check-attr",
        "-a",
        "cassettes/test_a/test_b.json",
        "cassettes/test_a/t.blobs/x.png",
    ]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert "cassettes/test_a/test_b.json: eol: lf" in told
    assert "cassettes/test_a/t.blobs/x.png: diff: unset" in told
    ignored = ["git", "-C", str(home), "check-ignore", "cassettes/test_a/test_b.json.1-1.failed"]
    assert subprocess.run(ignored, check=False, capture_output=True).returncode == 0


def test_what_is_there_is_added_to_or_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other lines stay, a pyproject.toml is not edited but told of, tests/ gets the test."""
    (tmp_path / ".gitattributes").write_text("*.png binary")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-ra'\n")
    (tmp_path / "tests").mkdir()
    before = (tmp_path / "pyproject.toml").read_bytes()
    assert main(["init", "--dry-run", str(tmp_path)]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitattributes", "pyproject.toml", "tests"]
    assert main(["init", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    lines = (tmp_path / ".gitattributes").read_text().splitlines()
    assert lines[0] == "*.png binary"
    assert any(line.startswith("**/cassettes/**/*.json ") for line in lines)
    assert (tmp_path / "pyproject.toml").read_bytes() == before
    assert 'left as it is; these are the defaults, to be changed there: llm_record_mode = "none"; ' in said
    assert (tmp_path / "tests" / "test_llmharness_first.py").exists()
    assert main(["init", str(tmp_path / "absent")]) == 2
