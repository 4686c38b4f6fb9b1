"""Everything an orchestrator is made of. Each part can be replaced, and most can be left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING

from ..domain.completion import Completion
from ..domain.frozen import dataclass
from .config import HarnessConfig
from .constrain import Constraints, Toolbox
from .degrade.ladder import Endpoint
from .degrade.layer import Degrade
from .prompt import opening
from .repair import complaint
from .single_flight import SingleFlight
from .validate.checking import acheck

if TYPE_CHECKING:
    from ..ports.cache import Cache
    from ..ports.clock import Clock
    from ..ports.ids import Ids
    from ..ports.limiter import RateLimiter
    from ..ports.provider import Provider
    from ..ports.random import Random
    from ..ports.session_log import SessionLog
    from ..ports.store import ConversationStore
    from ..ports.tracer import Tracer
    from ..schema import Schema
    from .discovery import LiveTools
    from .gate.decision import Gate
    from .layers import BuildPrompt, Context, Guard, Normalize, Repair, Score, Validate
    from .routing.prices import PriceTable
    from .routing.routing import Routes
    from .user_memory import UserMemory
    from .validate import Validator


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts in the order of the flow.

    Args:
        endpoints: the wanted model, then the fallbacks in the order of preference.
        clock, ids, random: time, names and chance.
        config: the settings.
        normalize: cleans and admits what comes in; None lets all through but an empty request.
        guardrails: what may not come in or go out; None means no guard.
        context: gives the prompt what it needs to know, within its budget; None adds nothing.
        toolbox: the tools, with what a session may do with them.
        live_tools: the tools as they are at each run; None means they never change.
        constrain: narrows the toolbox for this harness.
        system, prompt: the standing instruction, and what makes the first messages.
        routes: the tiers of models, and which is asked when; None asks the one model.
        cache: answers that are kept; None keeps none.
        limiter: hands out slots for model calls; None means no limit.
        degrade: what is done about a call that fails; None ends the run.
        prices: what models cost; None means the list prices that are known.
        schema, validators, validate: what an answer must satisfy, and who checks it; None takes any.
        repair: asks for a better answer; None ends the run with the first that is refused.
        score: says how good an accepted answer is; None leaves it unscored.
        gate: decides about calls with side effects; None lets all run.
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
    normalize: Normalize | None = None
    guardrails: Guard | None = None
    context: Context | None = None
    toolbox: Toolbox = field(default_factory=Toolbox)
    live_tools: LiveTools | None = None
    constrain: Constraints | None = None
    system: str | None = None
    prompt: BuildPrompt = opening
    routes: Routes | None = None
    cache: Cache | None = None
    limiter: RateLimiter | None = None
    degrade: Degrade | None = Degrade()
    prices: PriceTable | None = None
    schema: Schema | None = None
    validators: tuple[Validator, ...] = ()
    validate: Validate | None = acheck
    repair: Repair | None = complaint
    score: Score | None = None
    gate: Gate | None = None
    store: ConversationStore | None = None
    memory: UserMemory | None = None
    log: SessionLog | None = None
    tracer: Tracer | None = None
    flight: SingleFlight[Completion] = field(default_factory=SingleFlight)

    @property
    def providers(self) -> Iterator[Provider]:
        """Everybody who may be asked, each once."""
        tiers = () if self.routes is None else self.routes.endpoints.values()
        yield from {id(one.provider): one.provider for one in (*self.endpoints, *tiers)}.values()

    @property
    def direct(self) -> bool:
        """Whether nobody outside is asked between one model call or tool call and the next."""
        breaker = None if self.degrade is None else self.degrade.breaker
        between = (self.cache, self.limiter, breaker, self.gate, self.store, self.memory)
        trims = self.context is not None and self.context.trims_growth
        return not trims and all(part is None for part in between)
