"""The page about the context layer says what is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pytest_llmharness.harness.context import ContextSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "layers" / "context.md").read_text(encoding="utf-8")


def test_its_example_runs_and_the_tests_it_names_exist() -> None:
    """The code runs as it stands, and every test it names is there."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, Any] = {"__name__": "page"}
        exec(compile(block, "context.md", "exec"), names)
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) == 2
    assert all(f"def {test}(" in (ROOT / file).read_text(encoding="utf-8") for file, test in named)


def test_its_table_has_the_defaults() -> None:
    """Each row of the budget table gives the setting's own default."""
    config = ContextSettings()
    rows = re.findall(r"^\| `([\w.]+)`[^|]*\| (\d+|none) \|", PAGE, re.MULTILINE)
    assert len(rows) == 6
    for name, default in rows:
        value: Any = config
        for part in name.split("."):
            value = getattr(value, part)
        assert str(value).lower() == default
