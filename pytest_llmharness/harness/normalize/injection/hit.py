"""What the injection scan reports."""

from __future__ import annotations

from typing import Any

from ....domain.frozen import dataclass

_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Hit:
    """Text that tries to take the model over.

    Attributes:
        kind: what it tries: "override", "disobey", "void", "unbound", "guards", "role", "mode",
            "leak", "steal", "address", "hide", "turn", ...
        start: where it begins in the text.
        end: where it ends.
        text: how it reads.
        hidden: how it was disguised: "", "letters", "spacing" or "encoding".
    """

    kind: str
    start: int
    end: int
    text: str
    hidden: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the hit as JSON values, for an event; a long text is clipped."""
        return {
            "kind": self.kind,
            "start": self.start,
            "end": self.end,
            "text": self.text[:_LONGEST],
            "hidden": self.hidden,
        }
