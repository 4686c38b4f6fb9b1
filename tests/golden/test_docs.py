"""What people read is compared as whole files; `make golden` renews them."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest

import pytest_llmharness
from pytest_llmharness.options import markdown_table

ROOT = Path(__file__).parents[2]
HEAD = (
    "# Options\n\nMade from the table in `pytest_llmharness/options.py`; `make golden` renews this page.\n\n"
)


def assert_golden(path: Path, text: str) -> None:
    if os.environ.get("LLMHARNESS_GOLDEN") == "renew":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run make golden and read the difference"


def test_the_options_page_is_the_options_table() -> None:
    """The reference page cannot drift from the table."""
    assert_golden(ROOT / "docs/options.md", HEAD + markdown_table())


def test_the_help(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pytest --help`, `--markers` and `--fixtures` say about us."""
    monkeypatch.setenv("COLUMNS", "100")
    shown = pytester.runpytest_inprocess("--help").stdout.str()
    options = shown.partition("test the harness, not the prompt:\n")[2].partition("\n\n")[0]
    keys = "\n".join(re.findall(r"^  llm_\w+ \(.*(?:\n {20,}.*)*", shown, re.MULTILINE))
    shown = pytester.runpytest_inprocess("--markers").stdout.str()
    markers = "\n".join(re.findall(r"^@pytest.mark.llm_.*", shown, re.MULTILINE))
    shown = pytester.runpytest_inprocess("--fixtures").stdout.str()
    found = re.findall(r"^(llm_\w+) --.*\n((?:    .*\n|\n(?=    ))+)", shown, re.MULTILINE)
    fixtures = "\n".join(f"{name}\n{words.rstrip()}" for name, words in found)
    text = f"{options}\n\n{keys}\n\n{markers}\n\n{fixtures}\n"
    assert_golden(Path(__file__).with_name("help.txt"), text)


def test_the_public_names() -> None:
    """What `from pytest_llmharness import ...` gives, with signatures: each is a promise."""
    lines = []
    for name in sorted(pytest_llmharness.__all__):
        thing = getattr(pytest_llmharness, name)
        try:
            signature = str(inspect.signature(thing)) if callable(thing) else ""
        except ValueError:
            signature = ""
        lines.append(f"{name}{signature}")
    assert_golden(Path(__file__).with_name("public_names.txt"), "\n".join(lines) + "\n")
