"""Why a call must not run: one value for every layer that can say no."""

from __future__ import annotations

from ..domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused call. It is told to the model and written to the log, and it ends nothing.

    Args:
        layer: who refused, "constrain" or "gate".
        rule: the short name of what was broken, such as "scope" or "quota".
        reason: one sentence for the model, without the word "Error".
    """

    layer: str
    rule: str
    reason: str

    @property
    def facts(self) -> dict[str, str]:
        """The refusal as JSON values for an event."""
        return {"layer": self.layer, "rule": self.rule, "reason": self.reason}
