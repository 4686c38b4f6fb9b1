"""From settings to parts: what is not given is made as the configuration says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..adapters.clocks.system import SystemClock
from ..errors import ConfigError
from ..harness.config import HarnessConfig
from ..harness.constrain import Constraints, Toolbox
from ..harness.context.assembler import ContextAssembler
from ..harness.context.settings import ContextSettings, HistoryWindow
from ..harness.degrade.ladder import Endpoint
from ..harness.discovery import LiveTools
from ..harness.layers import checked
from ..harness.normalize import Normalizer
from ..harness.observations import SafeTracer
from ..harness.parts import Parts
from ..harness.validate.checking import acheck
from .providers import make_provider

if TYPE_CHECKING:
    from ..domain.request import Request
    from ..harness.discovery import ToolSource
    from ..harness.gate.decision import Gate
    from ..harness.guardrails import Guardrails
    from ..harness.layers import Quality
    from ..harness.routing import ModelTier, Routes, Routing
    from ..harness.validate import Validator
    from ..ports.approver import Approver
    from ..ports.cache import Cache
    from ..ports.clock import Clock
    from ..ports.counter import TokenCounter
    from ..ports.ids import Ids
    from ..ports.limiter import RateLimiter
    from ..ports.provider import Provider
    from ..ports.random import Random
    from ..ports.retriever import Retriever
    from ..ports.tracer import Tracer
    from ..schema import Schema


def assembled(
    *,
    provider: Provider | str,
    fallbacks: Iterable[Provider | str],
    tools: ToolSource,
    schema: Any,
    validators: Iterable[Validator],
    config: HarnessConfig | None,
    cache: Cache | None,
    limiter: RateLimiter | None,
    tracer: Tracer | None,
    clock: Clock | None,
    ids: Ids | None,
    random: Random | None,
    approver: Approver | None,
    counter: TokenCounter | None,
    retriever: Retriever | None,
    gate: Gate | None,
    session_log: Any,
    tiers: Mapping[str, ModelTier] | None,
    layers: Mapping[str, Any],
    **as_given: Any,
) -> Parts:
    """Return the parts of a harness; see `Harness` for what each is."""
    clock, config = clock or SystemClock(), config or HarnessConfig()
    made = [
        make_provider(one, clock=clock) if isinstance(one, str) else one for one in (provider, *fallbacks)
    ]
    tracer = _tracer(config, clock) if tracer is None else tracer
    layers = _layers(config, counter, retriever, clock, checked(layers))
    routing = layers.pop("route", None)
    if gate is not None and approver is not None:
        raise ConfigError(
            "approver= is for the default gate, and here is another gate, which would not ask it",
            where="Harness(gate=..., approver=...)",
            fix="give the approver to the gate: Gate(..., approver=...)",
        )
    allowed = Constraints(allowed_tools=tuple(config.allowed_tools))
    toolbox = Toolbox(
        tools.given,
        allowed,
        clock=clock,
        timeout_s=config.tool_timeout_seconds,
        open_ended=tools.is_asked,
    )
    return Parts(
        endpoints=tuple(map(Endpoint, made)),
        clock=clock,
        ids=ids or RandomIds(),
        random=random or _chance(),
        config=config,
        gate=_gate(approver) if gate is None and approver is not None else gate,
        toolbox=toolbox,
        live_tools=LiveTools(tools, toolbox),
        cache=_cache(config, clock) if cache is None else cache,
        limiter=_limiter(config, clock) if limiter is None else limiter,
        schema=None if schema is None else _schema(schema),
        validators=tuple(validators),
        log=session_log,
        tracer=None if tracer is None else SafeTracer(tracer),
        prices=None if routing is None else routing.prices,
        routes=None if tiers is None else _routes(tiers, routing, made[0], clock),
        **layers,
        **as_given,
    )


def _layers(
    config: HarnessConfig,
    counter: TokenCounter | None,
    retriever: Retriever | None,
    clock: Clock,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the layers, with the harness's own where none is given."""
    normalize = given.get("normalize", _NORMALIZER)

    def clean(text: str) -> str:
        return text if normalize is None else normalize.tool_result(text).text

    validate = partial(acheck, clock=clock, limit_s=config.timeout_seconds)
    own: dict[str, Any] = {"normalize": normalize, "validate": validate, "score": by_expectation}
    if "guardrails" not in given:
        own["guardrails"] = _guardrails(config)
    if "context" not in given:
        settings = _context_settings(config)
        own["context"] = ContextAssembler(settings, counter=counter, retriever=retriever, clean=clean)
    return {**own, **given}


def by_expectation(request: Request, value: Any) -> Quality:
    """Score an extraction by what the request expects; without `metadata["expected"]` there is none."""
    expected = request.metadata.get("expected")
    if expected is None:
        return None
    from ..scoring import score_extraction

    score = score_extraction(expected, value)
    facts = {name: score[name] for name in ("field_scores", "missing", "extra")}
    return score["overall"], facts


def _routes(tiers: Mapping[str, ModelTier], routing: Routing | None, usual: Provider, clock: Clock) -> Routes:
    from ..harness.routing import Routes, Routing, Tiers

    def endpoint(tier: ModelTier) -> Endpoint:
        provider = usual if tier.provider is None else tier.provider
        return Endpoint(
            make_provider(provider, clock=clock) if isinstance(provider, str) else provider, tier.model
        )

    endpoints = {name: endpoint(tier) for name, tier in tiers.items()}
    return Routes(tiers if isinstance(tiers, Tiers) else Tiers(tiers), endpoints, routing or Routing())


def _context_settings(config: HarnessConfig) -> ContextSettings:
    return ContextSettings(
        max_tokens=config.context_max_tokens,
        max_snippets=config.context_max_snippets,
        window_tokens=config.context_window_tokens,
        history=HistoryWindow(
            config.history_max_tokens, config.history_max_messages, config.history_max_turns
        ),
    )


def _schema(schema: Any) -> Schema:
    from ..schema import Schema

    return schema if isinstance(schema, Schema) else Schema(schema)


def _gate(approver: Approver) -> Gate:
    from ..harness.gate.decision import Gate

    return Gate(approver=approver)


def _guardrails(config: HarnessConfig) -> Guardrails | None:
    if not config.enable_guardrails:
        return None
    from ..harness.guardrails import Guardrails

    return Guardrails(blocked_words=tuple(config.blocked_words), max_output_size=config.max_output_size)


def _cache(config: HarnessConfig, clock: Clock) -> Cache | None:
    if not config.cache_enabled:
        return None
    from ..adapters.caches.lru import LRUCache

    return LRUCache(clock, capacity=config.cache_capacity)


def _limiter(config: HarnessConfig, clock: Clock) -> RateLimiter | None:
    if not config.rate_limit_enabled:
        return None
    from ..adapters.limiters.token_bucket import TokenBucket

    return TokenBucket(clock, capacity=config.rate_limit_capacity, refill_s=config.rate_limit_refill_seconds)


def _tracer(config: HarnessConfig, clock: Clock) -> Tracer | None:
    if not config.enable_tracing:
        return None
    from ..adapters.tracers.logging import LoggingTracer

    return LoggingTracer(clock)


def _chance() -> Random:
    from random import Random as Chance

    return Chance()  # noqa: S311 - for waits


_NORMALIZER = Normalizer()


class RandomIds:
    """Identifiers from the system's random source."""

    def new(self) -> str:
        """Return 16 hexadecimal digits."""
        return os.urandom(8).hex()
