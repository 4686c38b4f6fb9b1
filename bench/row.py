"""One line of the table, and the ways to take a time."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Ours beside a peer, both in seconds for the same work with the same asserted output.

    Args:
        work: what was done.
        peer: who else did it.
        ours_s, peer_s: the best of several runs.
        faster: the target where we are to be so many times faster.
        slower: the target where we may be at most so many times slower.
        extra_s: the target where we may take at most so much longer, in seconds.
        within_s: the target where we may take at most so long, whatever the peer takes.

    Without a target the row is told, not judged.
    """

    work: str
    peer: str
    ours_s: float
    peer_s: float
    faster: float | None = None
    slower: float | None = None
    extra_s: float | None = None
    within_s: float | None = None

    @property
    def met(self) -> bool:
        """Whether the target holds in this run."""
        return self._judged()[2]

    def line(self) -> str:
        """Return the row as text."""
        figure, target, met = self._judged()
        outcome = "told" if target == "-" else "met" if met else "NOT met"
        what = f"{self.work:<36} {self.peer:<34}"
        figures = f"{_shown(self.ours_s):>9} {_shown(self.peer_s):>9} {figure:>14} {target:>10}"
        return f"{what} {figures}  {outcome}"

    def _judged(self) -> tuple[str, str, bool]:
        if self.extra_s is not None:
            extra_s = self.ours_s - self.peer_s
            return f"{extra_s * 1e3:+.1f} ms", f"<= {self.extra_s * 1e3:+.0f} ms", extra_s <= self.extra_s
        if self.within_s is not None:
            return _shown(self.ours_s), f"<= {_shown(self.within_s)}", self.ours_s <= self.within_s
        if self.slower is not None:
            ratio = self.ours_s / self.peer_s
            return f"{ratio:.2f}x as long", f"<= {self.slower:g}x", ratio <= self.slower
        ratio = self.peer_s / self.ours_s
        if self.faster is None:
            return f"{ratio:.2f}x as fast", "-", True
        return f"{ratio:.2f}x as fast", f">= {self.faster:g}x", ratio >= self.faster


@dataclass(frozen=True, slots=True)
class Figure:
    """A row that is no ratio of two times.

    Args:
        work: what was done.
        peer: beside what.
        figure: what came out.
        target: what was to come out.
        met: whether it did.
    """

    work: str
    peer: str
    figure: str
    target: str
    met: bool

    def line(self) -> str:
        """Return the row as text."""
        what = f"{self.work:<36} {self.peer:<34}"
        return (
            f"{what} {'':>9} {'':>9} {self.figure:>14} {self.target:>10}  {'met' if self.met else 'NOT met'}"
        )


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that cannot be measured here.

    Args:
        work: what was to be done.
        reason: what is missing.
    """

    work: str
    reason: str
    met: bool = True

    def line(self) -> str:
        """Return the row as text."""
        return f"{self.work:<36} skipped: {self.reason}"


HEAD = f"{'work':<36} {'beside':<34} {'ours':>9} {'peer':>9} {'figure':>14} {'target':>10}"


def together(*works: Callable[[], object], seconds: float = 0.4) -> list[float]:
    """Return the best time of one call of each, in seconds; they take turns, so noise hits all."""
    counts = [_count(work) for work in works]
    best = [float("inf")] * len(works)
    end = time.perf_counter() + seconds * len(works)
    while time.perf_counter() < end:
        for index, (work, count) in enumerate(zip(works, counts, strict=True)):
            began = time.perf_counter()
            for _ in range(count):
                work()
            best[index] = min(best[index], (time.perf_counter() - began) / count)
    return best


def retained_bytes(work: Callable[[], object], calls: int = 200) -> float:
    """Return how much memory a call leaves behind, after some that fill what is filled once."""
    for _ in range(20):
        work()
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(calls):
            work()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / calls


def child_cpu_s(command: Sequence[str], *, cwd: str, runs: int = 5) -> float:
    """Return the least CPU time (user + system) that a command takes, in seconds.

    Modules are compiled in the first run only, as an installer compiles them.
    """
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    best = float("inf")
    for _ in range(runs):
        began = spent()
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, env=compiled)
        best = min(best, spent() - began)
    return best


def _count(work: Callable[[], object]) -> int:
    """Return how often to call so that one round takes some milliseconds."""
    count = 1
    while True:
        began = time.perf_counter()
        for _ in range(count):
            work()
        if time.perf_counter() - began > 0.005:
            return count
        count *= 4


def _shown(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
