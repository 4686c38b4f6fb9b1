"""Degradation layer: a model call that fails ends in less, said plainly, never in a stack trace."""

from __future__ import annotations

from .backoff import Backoff, delay_s
from .breaker import Breaker, Permit
from .circuit_rules import BreakerSettings, Change
from .failure import blames_endpoint, named, reason
from .ladder import Endpoint, FallBack, GiveUp, Ladder, Retry, Step
from .messages import Messages, duration
from .service import ModelService, Served, stale_answer

__all__ = [
    "Backoff",
    "Breaker",
    "BreakerSettings",
    "Change",
    "Endpoint",
    "FallBack",
    "GiveUp",
    "Ladder",
    "Messages",
    "ModelService",
    "Permit",
    "Retry",
    "Served",
    "Step",
    "blames_endpoint",
    "delay_s",
    "duration",
    "named",
    "reason",
    "stale_answer",
]
