"""The policy limits of a run, clamped as article 003's code does."""

from __future__ import annotations

from ...domain.frozen import dataclass

DEPTH = (1, 10)
ITERATIONS = (1, 50)


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """How deep, how often and how much.

    Args:
        max_tool_depth: rounds of tool calls in one run.
        max_iterations: model calls in one run.
        max_output_size: UTF-8 bytes of one answer; None means any number.
    """

    max_tool_depth: int = 3
    max_iterations: int = 10
    max_output_size: int | None = 10_000

    def clamped(self) -> tuple[PolicyLimits, tuple[str, ...]]:
        """Return the limits within article 003's bounds (depth 1-10, iterations 1-50), and a warning each."""
        depth = _clamp(self.max_tool_depth, DEPTH)
        iterations = _clamp(self.max_iterations, ITERATIONS)
        warnings = tuple(
            f"{name}={asked} is outside {low} to {high}: {used} is used"
            for name, asked, used, (low, high) in (
                ("max_tool_depth", self.max_tool_depth, depth, DEPTH),
                ("max_iterations", self.max_iterations, iterations, ITERATIONS),
            )
            if asked != used
        )
        return PolicyLimits(depth, iterations, self.max_output_size), warnings


def _clamp(value: int, bounds: tuple[int, int]) -> int:
    return max(bounds[0], min(value, bounds[1]))
