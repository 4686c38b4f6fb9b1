"""Single parts stay within their bounds on real input: time, memory, and the right output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_parts_do_their_work_within_bounds() -> None:
    """D31: prompt, context and cache return what they should, in time, and keep nothing."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "parts"],
        cwd=root,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "article 003" in line]
    assert len(lines) == 3
    assert all(line.endswith("  met") for line in lines), done.stdout
