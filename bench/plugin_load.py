"""What the installed plugin costs a suite that does not use it: CPU time of a whole child."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .row import Row, child_cpu_s


def rows() -> Iterator[Row]:
    """Yield the one row."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_stranger.py").write_text("def test_a():\n    pass\n")
        # Other plugins of this environment are no part of the question.
        others = ("anyio", "hypothesispytest", "respx", "timeout", "xdist", "xdist.looponfail")
        command = (sys.executable, "-m", "pytest", "-q", *(f"-pno:{name}" for name in others))
        without = (*command, "-p", "no:llmharness")
        child_cpu_s(command, cwd=folder, runs=1)
        ours, plain = child_cpu_s(command, cwd=folder, runs=9), child_cpu_s(without, cwd=folder, runs=9)
    yield Row("a stranger's suite, plugin loaded", "plain pytest, CPU time", ours, plain, extra_s=0.030)
