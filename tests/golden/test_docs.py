"""What people read is compared as whole files; `make golden` renews them."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_llmharness.options import markdown_table

ROOT = Path(__file__).parents[2]
HEAD = (
    "# Options\n\nMade from the table in `pytest_llmharness/options.py`; `make golden` renews this page.\n\n"
)


def test_the_options_page_is_the_options_table() -> None:
    """The reference page cannot drift from the table."""
    page = ROOT / "docs" / "options.md"
    wanted = HEAD + markdown_table()
    if os.environ.get("LLMHARNESS_GOLDEN") == "renew":
        page.write_text(wanted)
    assert page.read_text() == wanted, "run make golden and read the difference"
