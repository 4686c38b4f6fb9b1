"""The port to the person who answers for a risky action."""

from __future__ import annotations

from typing import Protocol

from ..domain.tool import ToolCall


class Approver(Protocol):
    """Decides about one proposed call."""

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool:
        """Return whether the call may run; `reason` is why it was held."""
        ...
