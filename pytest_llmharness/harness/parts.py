"""Everything an orchestrator is made of. Each part can be replaced, and most can be left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..domain.completion import Completion
from .config import HarnessConfig
from .constrain import Constraints, Toolbox
from .degrade.backoff import Backoff
from .degrade.ladder import Endpoint
from .degrade.messages import Messages
from .gate.budgets import Allowance
from .single_flight import SingleFlight

if TYPE_CHECKING:
    from ..ports.cache import Cache
    from ..ports.clock import Clock
    from ..ports.ids import Ids
    from ..ports.limiter import RateLimiter
    from ..ports.random import Random
    from ..ports.session_log import SessionLog
    from ..ports.store import ConversationStore
    from ..ports.tracer import Tracer
    from ..schema import Schema
    from .context.assembler import ContextAssembler
    from .degrade.breaker import Breaker
    from .gate.decision import Gate
    from .guardrails import Guardrails
    from .normalize import Normalizer
    from .routing.prices import PriceTable
    from .user_memory import UserMemory
    from .validate import Validator


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts in the order of the flow.

    Args:
        endpoints: the wanted model, then the fallbacks in the order of preference.
        clock, ids, random: time, names and chance.
        config: the settings.
        normalizer: cleans and admits what comes in; None lets all through but an empty request.
        guardrails: what may not come in or go out; None means no guard.
        system: the standing instruction.
        context: gives the prompt what it needs to know, within its budget; None adds nothing.
        toolbox: the tools, with what a session may do with them.
        constraints: narrows the toolbox for this harness.
        cache: answers that are kept; None keeps none.
        limiter: hands out slots for model calls; None means no limit.
        breaker: leaves endpoints alone that fail; None asks them always.
        backoff: the waits between retries; None lets them grow from the delay of the settings, with jitter.
        prices: what models cost; None means the list prices that are known.
        messages: what users are told of an outage.
        schema, validators: what an answer must satisfy.
        gate: decides about calls with side effects; None lets all run.
        allowances: what a session may spend on tool calls.
        store: keeps the turns of conversations; None keeps none beyond the log.
        memory: what a user's earlier sessions said; None tells no session of another.
        log: keeps the sessions; None means that none can be resumed.
        tracer: told what happens; None means nobody is.
    """

    endpoints: tuple[Endpoint, ...]
    clock: Clock
    ids: Ids
    random: Random
    config: HarnessConfig = HarnessConfig()
    normalizer: Normalizer | None = None
    guardrails: Guardrails | None = None
    system: str | None = None
    context: ContextAssembler | None = None
    toolbox: Toolbox = field(default_factory=Toolbox)
    constraints: Constraints | None = None
    cache: Cache | None = None
    limiter: RateLimiter | None = None
    breaker: Breaker | None = None
    backoff: Backoff | None = None
    prices: PriceTable | None = None
    messages: Messages = Messages()
    schema: Schema | None = None
    validators: tuple[Validator, ...] = ()
    gate: Gate | None = None
    allowances: tuple[Allowance, ...] = ()
    store: ConversationStore | None = None
    memory: UserMemory | None = None
    log: SessionLog | None = None
    tracer: Tracer | None = None
    flight: SingleFlight[Completion] = field(default_factory=SingleFlight)

    @property
    def direct(self) -> bool:
        """Whether nobody outside is asked between one model call or tool call and the next."""
        between = (self.cache, self.limiter, self.breaker, self.gate, self.store, self.memory)
        trims = self.context is not None and self.context.trims_growth
        return not trims and all(part is None for part in between)
