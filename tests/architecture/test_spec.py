"""The map of capabilities: every id once, every named test there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| ([A-G][\d.]+) \| .+? \| (\w+) \| (.*?) \|$", (ROOT / "docs" / "spec.md").read_text(), re.MULTILINE
)
SECTIONS = {"A": 32, "B": 45, "C": 16, "D": 29, "E": 30, "G": 15}


def test_every_id_is_there_once() -> None:
    """Sections are numbered without gaps, and no id stands twice."""
    ids = [row[0] for row in ROWS]
    assert len(ids) == len(set(ids))
    for section, last in SECTIONS.items():
        assert {f"{section}{number}" for number in range(1, last + 1)} <= set(ids)


def test_what_is_done_names_a_test_that_exists() -> None:
    """A state without a test is a claim."""
    for capability, state, test in ROWS:
        assert state in ("done", "part", "open"), capability
        assert bool(test) == (state != "open"), capability
        if test:
            file, _, name = test.strip("`").partition("::")
            assert (ROOT / file).is_file(), capability
            assert f"def {name}(" in (ROOT / file).read_text() if name else True, capability
