"""The degrade layer in one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...domain.frozen import dataclass
from .messages import Messages

if TYPE_CHECKING:
    from .backoff import Backoff
    from .breaker import Breaker


@dataclass(frozen=True, slots=True)
class Degrade:
    """What is done about a model call that fails; left out, every failure ends the run at once.

    Args:
        backoff: the waits between retries; None lets them grow from the delay of the settings, with jitter.
        breaker: leaves endpoints alone that fail; None asks them always.
        messages: what users are told of an outage.
    """

    backoff: Backoff | None = None
    breaker: Breaker | None = None
    messages: Messages = Messages()
