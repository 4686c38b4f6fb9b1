"""Conformance classes, one a port: subclass one to prove that your own adapter keeps its promises."""

from __future__ import annotations

from .approver import ApproverContract
from .breaker_states import BreakerStatesContract
from .cache import CacheContract
from .conversation_store import ConversationStoreContract
from .limiter import LimiterContract
from .note_store import NoteStoreContract
from .provider import ProviderContract
from .session_log import SessionLogContract
from .tool import ToolContract
from .tracer import TracerContract

__all__ = [
    "ApproverContract",
    "BreakerStatesContract",
    "CacheContract",
    "ConversationStoreContract",
    "LimiterContract",
    "NoteStoreContract",
    "ProviderContract",
    "SessionLogContract",
    "ToolContract",
    "TracerContract",
]
