"""Which tier a kind of task goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from ...domain.frozen import dataclass
from .tiers import DEFAULT_TIERS, Tiers

TASK_TIERS: Mapping[str, str] = MappingProxyType(
    {
        "extraction": "fast",
        "classification": "fast",
        "routing": "fast",
        "summarization": "balanced",
        "format_conversion": "balanced",
        "code_review": "capable",
        "correlation": "capable",
        "refactoring": "capable",
        "architecture": "capable",
        "complex_reasoning": "capable",
    }
)
"""Article 000's table; local models first, also for the hardest tasks."""


@dataclass(frozen=True, slots=True)
class TaskRules:
    """How a task finds its tier.

    Args:
        table: tier by kind of task.
        other: the tier of a task that the table does not know.
        long_input: characters above which the tier is raised by one, but never from a local model to a
            cloud one; None never raises. The default is four times the context budget in tokens.
    """

    table: Mapping[str, str] = field(default_factory=lambda: TASK_TIERS)
    other: str = "balanced"
    long_input: int | None = 16_000


def route_task(
    task_type: str,
    input_length: int = 0,
    *,
    tiers: Tiers = DEFAULT_TIERS,
    rules: TaskRules | None = None,
) -> str:
    """Return the name of the tier for a kind of task.

    ```python
    assert route_task("extraction") == "fast"
    assert route_task("extraction", input_length=20_000) == "balanced"
    assert route_task("poetry") == "balanced"
    ```

    Args:
        task_type: the kind of task, as the table spells it.
        input_length: characters of the input.
        tiers: the tiers there are.
        rules: the table and what goes with it.

    Raises:
        ConfigError: the table names a tier that is not among `tiers`.
    """
    rules = rules or TaskRules()
    name = rules.table.get(task_type, rules.other)
    above = tiers.above(name)
    is_long = rules.long_input is not None and input_length > rules.long_input
    if above is None or not is_long or (tiers[above].cloud and not tiers[name].cloud):
        return name
    return above
