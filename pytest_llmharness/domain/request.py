"""What a user asks a harness for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from .frozen import dataclass
from .message import Message


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a harness.

    Args:
        text: what the user says now.
        history: earlier turns, oldest first.
        session_id: continues a session; None starts one.
        metadata: JSON values, carried into the result's `metadata["request"]`; "task" says in the log
            what the run was for.
        documents: long texts by name, from which the context layer takes what the request needs.
        user: whose request it is: what is kept for a user, of earlier sessions or on a scratchpad, is kept
            apart from others', and so is the rate limit; None is nobody's.
    """

    text: str
    history: tuple[Message, ...] = ()
    session_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
