"""Degradation layer: a model call that fails ends in less, said plainly, never in a stack trace.

Names load when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import names_of

if TYPE_CHECKING:
    from .backoff import Backoff as Backoff
    from .backoff import delay_s as delay_s
    from .breaker import Breaker as Breaker
    from .breaker import Permit as Permit
    from .circuit_rules import BreakerSettings as BreakerSettings
    from .circuit_rules import Change as Change
    from .failure import blames_endpoint as blames_endpoint
    from .failure import named as named
    from .failure import reason as reason
    from .ladder import Endpoint as Endpoint
    from .ladder import FallBack as FallBack
    from .ladder import GiveUp as GiveUp
    from .ladder import Ladder as Ladder
    from .ladder import Retry as Retry
    from .ladder import Step as Step
    from .layer import Degrade as Degrade
    from .messages import Messages as Messages
    from .messages import duration as duration
    from .stale import stale_answer as stale_answer

_HOMES = {
    "Backoff": "backoff",
    "delay_s": "backoff",
    "Breaker": "breaker",
    "Permit": "breaker",
    "BreakerSettings": "circuit_rules",
    "Change": "circuit_rules",
    "blames_endpoint": "failure",
    "named": "failure",
    "reason": "failure",
    "Endpoint": "ladder",
    "FallBack": "ladder",
    "GiveUp": "ladder",
    "Ladder": "ladder",
    "Retry": "ladder",
    "Step": "ladder",
    "Degrade": "layer",
    "Messages": "messages",
    "duration": "messages",
    "stale_answer": "stale",
}

__all__ = [
    "Backoff",
    "Breaker",
    "BreakerSettings",
    "Change",
    "Degrade",
    "Endpoint",
    "FallBack",
    "GiveUp",
    "Ladder",
    "Messages",
    "Permit",
    "Retry",
    "Step",
    "blames_endpoint",
    "delay_s",
    "duration",
    "named",
    "reason",
    "stale_answer",
]


__getattr__ = names_of(__name__, _HOMES)
