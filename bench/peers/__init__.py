"""The ten-turn tool loop in other libraries, each in a locked environment of its own."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pytest_llmharness import MemorySessionLog

from ..loop import ALL_TURNS, TURNS, add_async, ten_turns
from ..row import Row, together

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "peers"
NAMES = {"pydantic_ai": "pydantic-ai", "openai_agents": "openai-agents", "langgraph": "langgraph"}


def rows() -> Iterator[Row]:
    """Yield one row for each peer that `make peers` has installed; say why one is left out."""
    for module, name in NAMES.items():
        python = CACHE / module / "bin" / "python"
        if not (CACHE / module / ".ready").exists():
            print(f"{'a turn, async tool':<34} {name:<30} skipped: not installed; make peers (needs PyPI)")
            continue
        # -P: the script's own name must not hide the library's.
        command = [str(python), "-P", str(HERE / f"{module}.py")]
        theirs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        with asyncio.Runner() as runner:
            [ours] = together(lambda runner=runner: runner.run(ten_turns(add_async, MemorySessionLog())))
        yield Row("a turn, async tool", name, ours / ALL_TURNS, theirs / TURNS, faster=10)
