"""The port to the person who answers for a risky action."""

from __future__ import annotations

from typing import Protocol

from ..domain.tool import ToolCall


class Approver(Protocol):
    """Decides about one proposed call."""

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool | None:
        """Return whether the call may run; `reason` is why it was held, and what it would do.

        True is returned once for one question, whoever asks and however often: whoever gets it may
        run the call, once. A question is the tool, its arguments, the session and the call's id.

        Returns:
            True or False; None where the question was put and the answer is yet to come: ask again
            later with the same call.
        """
        ...
