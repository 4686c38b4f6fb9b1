"""How many items run at once, of each model and in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from ...domain.frozen import dataclass
from ...errors import ConfigError

PROVIDER_WORKERS: Mapping[str, int] = MappingProxyType({"ollama": 4})
"""Requests that one server of a kind answers side by side; it queues what comes on top (article 000)."""


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """The limits of a batch.

    Args:
        max_workers: items that run at once (article 000's three).
        caps: items that run at once in a lane, which is usually a model.
        other_cap: the same for a lane that `caps` does not name; None means no limit of its own.
        window: items that may be taken and not yet handed out. It bounds what waits for a slow item in
            front of it, or for its lane; less than `max_workers` counts as `max_workers`.
    """

    max_workers: int = 3
    caps: Mapping[str, int] = field(default_factory=dict)
    other_cap: int | None = None
    window: int = 1000

    def __post_init__(self) -> None:
        limits = {"max_workers": self.max_workers, "window": self.window, "other_cap": self.other_cap}
        limits |= {f"caps[{lane!r}]": cap for lane, cap in self.caps.items()}
        for name, value in limits.items():
            if value is None and name == "other_cap":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(
                    f"{name}={value!r} cannot work",
                    where=f"BatchSettings.{name}",
                    fix="give it a whole number of at least 1",
                )

    def cap(self, lane: str) -> int:
        """Return how many items of a lane may run at once."""
        own = self.caps.get(lane, self.other_cap)
        return self.max_workers if own is None else min(own, self.max_workers)


def too_parallel(provider: str, max_workers: int) -> str | None:
    """Return a warning where a provider gets more at once than it works on, else None."""
    most = PROVIDER_WORKERS.get(provider)
    if most is None or max_workers <= most:
        return None
    return (
        f"max_workers={max_workers} is more than {provider} works on at once ({most}): the rest waits in its "
        f"queue, and that time counts against timeout_seconds; use max_workers={most} or fewer"
    )
