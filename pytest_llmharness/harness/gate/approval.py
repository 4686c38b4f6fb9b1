"""Approvals: what exactly a person said yes to, and that it is used once."""

from __future__ import annotations

from ...domain.tool import ToolCall
from ..canonical import digest


def action_hash(session_id: str, call: ToolCall) -> str:
    """Return the 128-bit hash of (tool, arguments, session): what an approval is an approval of.

    Any other argument, tool or session is another action and needs an approval of its own.
    """
    return digest([call.name, call.arguments, call.raw_arguments, session_id])


def ticket_of(session_id: str, call: ToolCall) -> str:
    """Return the name of one question: the action, and which proposal of it.

    A resumed run asks again with the same ticket and finds the answer that was given; a model that
    proposes an equal call once more gets a new id for it, and so a new question.
    """
    return f"{action_hash(session_id, call)}-{digest(call.id)[:8]}"
