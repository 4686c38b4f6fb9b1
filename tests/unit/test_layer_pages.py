"""The examples on the pages about the layers run, and the tests they name exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["normalize", "constrain", "gate", "route", "degrade", "state", "validate"])
def test_a_page_says_what_is_true(page: str) -> None:
    """Its code runs as it stands, and every test it names is there."""
    text = (ROOT / "docs" / "layers" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, Any] = {"__name__": "page"}
        exec(compile(block, f"{page}.md", "exec"), names)
        assert "assert" in block
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert named
    assert all(f"def {test}(" in (ROOT / file).read_text(encoding="utf-8") for file, test in named)
