"""The model call: kept answers, a slot, a breaker, a limit of time; then retry, fall back, or give up."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ..domain.completion import ChunkCollector, Completion
from ..domain.event import EventKind
from ..domain.prompt import Options, Prompt
from ..domain.tool import ToolCall
from ..domain.usage import Usage
from ..errors import ConfigError, ProviderError, SessionLogError, StreamBroken
from .bounds import Bounds
from .cache_key import cache_key, may_be_kept
from .cached_answer import pack, unpack
from .constrain import Toolbox
from .degrade.backoff import Backoff
from .degrade.failure import named
from .degrade.ladder import Endpoint, FallBack, Ladder, Retry
from .degrade.messages import Messages
from .eager import within
from .foreign import cancels_us
from .parts import Parts
from .prompt import options_of
from .received import received, whole

if TYPE_CHECKING:
    from .degrade.breaker import Permit
    from .early import EarlyCalls
    from .guarded_stream import GuardedStream
    from .journal import Journal
    from .routing.tiers import ModelCall

Value = TypeVar("Value")


class Manner:
    """How a harness asks: what is the same in all of its runs, found out once.

    Args:
        parts: what the harness is made of.
    """

    def __init__(self, parts: Parts) -> None:
        config, degrade = parts.config, parts.degrade
        delay_s = config.retry_delay_seconds
        self.direct = parts.direct
        self._options = options_of(config, parts.schema)
        self._asked: dict[tuple[str | None, bool], Options] = {}
        self.refits = parts.context is not None and parts.context.trims_growth
        self.breaker = None if degrade is None else degrade.breaker
        self.messages = Messages() if degrade is None else degrade.messages
        self.backoff = (degrade and degrade.backoff) or Backoff(base_s=delay_s, jitter_s=delay_s)
        self.endpoints, self.falls_back = parts.endpoints, degrade is not None
        self.retries = 0 if degrade is None else config.max_retries
        self.bounds = Bounds.of(parts)
        self.waits = parts.limiter is not None or self.breaker is not None
        """Whether a call may have to wait for leave."""

    def options(self, endpoint: Endpoint, tier: ModelCall | None, *, repairing: bool) -> Options:
        """Return the options of a call."""
        model = endpoint.model or endpoint.provider.model
        if tier is not None:
            options = tier.options(self._options(repairing))
            return replace(options, model=model or options.model)
        found = self._asked.get((model, repairing))
        if found is None:
            free = self._options(repairing)
            found = self._asked[model, repairing] = replace(free, model=model or free.model)
        return found


class Calling:
    """Asks the models of one run, one call at a time.

    Args:
        parts: what the harness is made of.
        manner: how it asks.
        journal: where every call is written down before it is made.
        toolbox: the tools the model is told of.
        streaming: ask for streams, and tell their text as it comes.
        early: takes the calls of a stream as they become whole; None lets them wait for its end.
    """

    def __init__(
        self,
        parts: Parts,
        manner: Manner,
        journal: Journal,
        toolbox: Toolbox,
        *,
        streaming: bool,
        early: EarlyCalls | None = None,
    ) -> None:
        self._parts, self._manner, self._journal, self._toolbox = parts, manner, journal, toolbox
        self._streaming, self._early = streaming, early
        self._arriving: ChunkCollector | None = None
        self._asked, self._name = Options(), ""
        self.aim(manner.endpoints)
        self._answers: dict[str, tuple[Prompt, Completion]] = {}
        self._wanted: tuple[int, str] | None = None

    def aim(self, endpoints: tuple[Endpoint, ...], tier: ModelCall | None = None) -> None:
        """Ask these from now on.

        Args:
            endpoints: the wanted model, then the fallbacks.
            tier: what the wanted model is asked with; None asks as the settings say.
        """
        manner, state = self._manner, self._journal.state
        self._tier = tier
        self._place: tuple[Endpoint, bool] | None = None
        self._ladder = Ladder(
            endpoints if manner.falls_back else endpoints[:1],
            random=self._parts.random,
            retries=manner.retries,
            backoff=manner.backoff,
            fallen=state.fallen,
            retried=state.retried,
        )

    @property
    def degraded(self) -> bool:
        """Whether a fallback model or an old answer has answered."""
        return self._ladder.degraded or self._journal.state.stale_age_s is not None

    @property
    def partial(self) -> str:
        """The text so far of a stream that was cut off by a cancellation."""
        try:
            return "" if self._arriving is None else whole(self._arriving.text)
        except TypeError:  # what arrived is no text: the provider keeps to nothing
            return ""

    async def ask(self) -> ProviderError | None:
        """Make one call; return the failure that ends the run, or None where it goes on.

        Raises:
            BoundReached: the call, or what it took, does not fit into the run's budgets.
            InvalidRequest: what the run has gathered does not fit into the window any more.
        """
        bounds = self._manner.bounds
        journal, endpoint, key = self._journal, self._ladder.endpoint, None
        prompt = self._prompt(endpoint)
        if self._manner.refits and journal.state.depth:
            prompt = await self._refitted(prompt)
        if self._parts.cache is not None:
            key = self._key(prompt)
            kept = await self._kept(key)
            if kept is not None:
                await self._use(kept)
                return None
        if bounds is not None:
            bounds.before(journal.state, prompt)
        try:
            if self._manner.waits:
                completion = await self._admitted(endpoint, prompt, key)
            else:
                completion = await self._answered(endpoint, prompt, key, None)
        except (ConfigError, SessionLogError):
            raise
        except BaseException as error:  # whatever a provider raises, the run has a result
            if cancels_us(error):
                raise
            self._arriving = None  # what a broken stream said is no answer, by either face
            return await self._after(named(error, endpoint.provider.name, self._parts.config), endpoint, key)
        # Users' code may judge what is no call, and take its time: first the answer is kept.
        leads_on = completion.tool_calls or not (self._parts.validators or self._parts.score)
        write = journal.note if leads_on else journal.record
        facts = {} if bounds is None else {"spent": bounds.taken(prompt, completion)}
        await write(EventKind.PROVIDER_ANSWER, call=journal.state.calls, completion=completion, **facts)
        if self._early is not None:
            await self._early.settle(completion.tool_calls)
        if bounds is not None:
            bounds.after(journal.state)
        if self._wanted is not None:
            self._answers[self._wanted[1]] = prompt, completion
        return None

    async def keep(self) -> None:
        """Keep the answers of a run that ended well, for equal requests to come."""
        if self._parts.cache is None:
            return
        for key, (prompt, answer) in self._answers.items():
            effects = self._journal.state.effects
            if may_be_kept(prompt, answer, degraded=self.degraded, side_effects=effects):
                await _quietly(self._parts.cache.set(key, pack(answer), self._parts.config.cache_ttl_seconds))

    def notice(self, model: str) -> str:
        """Return what the user is told of a degraded answer."""
        age_s = self._journal.state.stale_age_s
        if age_s is not None:
            return self._manner.messages.saved(age_s)
        return self._manner.messages.degraded(model)

    # --- one call ---

    def _prompt(self, endpoint: Endpoint) -> Prompt:
        state = self._journal.state
        place = endpoint, state.repairs > 0
        if place != self._place:
            self._place, self._name = place, endpoint.name
            self._asked = self._manner.options(endpoint, self._tier, repairing=place[1])
        return Prompt(tuple(state.messages), self._toolbox.specs, self._asked)

    async def _refitted(self, prompt: Prompt) -> Prompt:
        assert self._parts.context is not None
        return (await self._parts.context.refit(prompt)).prompt

    async def _admitted(self, endpoint: Endpoint, prompt: Prompt, key: str | None) -> Completion:
        """Wait for a slot and for the breaker's leave, then ask."""
        parts, state = self._parts, self._journal.state
        if parts.limiter is not None:
            assert state.request is not None
            await parts.limiter.acquire(state.request.user or state.session_id)
            await self._journal.tell(EventKind.RATE_LIMIT_ACQUIRED, session_id=state.session_id)
        if self._manner.breaker is None:
            return await self._answered(endpoint, prompt, key, None)
        async with self._manner.breaker.guard(self._name) as permit:
            return await self._answered(endpoint, prompt, key, permit)

    async def _answered(
        self, endpoint: Endpoint, prompt: Prompt, key: str | None, permit: Permit | None
    ) -> Completion:
        journal, name, model = self._journal, self._name, prompt.options.model
        await journal.record(
            EventKind.PROVIDER_CALL, call=journal.state.calls + 1, endpoint=name, model=model
        )
        if self._streaming:
            answering = self._streamed(endpoint, prompt, permit)
        elif key is None:
            answering = self._whole(endpoint, prompt)
        else:
            answering = self._parts.flight.run(key, lambda: self._whole(endpoint, prompt))
        if journal.traced:
            attributes = {"provider": endpoint.provider.name, "endpoint": name, "model": model}
            answering = journal.inside("provider_call", answering, **attributes)
        return await answering

    async def _whole(self, endpoint: Endpoint, prompt: Prompt) -> Completion:
        provider, parts = endpoint.provider, self._parts
        answer = await within(parts.clock, parts.config.timeout_seconds, provider.complete(prompt))
        answer = received(answer, provider.name)
        return answer if parts.guardrails is None else self._bounded(answer)

    async def _streamed(self, endpoint: Endpoint, prompt: Prompt, permit: Permit | None) -> Completion:
        clock, collector, guard = self._parts.clock, ChunkCollector(), self._guard()
        self._arriving = collector
        call, tell, told = self._journal.state.calls, self._journal.tell, 0
        async with (
            clock.timeout(self._parts.config.timeout_seconds),
            aclosing(endpoint.provider.stream(prompt)) as chunks,
        ):
            async for chunk in chunks:
                if permit is not None:
                    permit.answered()
                collector.feed(chunk)
                shown = chunk.text if guard is None or not chunk.text else guard.feed(chunk.text)
                if shown:
                    await tell(EventKind.TEXT_DELTA, call=call, text=shown)
                for each in collector.new_calls() if chunk.tool_calls or chunk.finish else ():
                    await tell(EventKind.TOOL_CALL, call=call, **_facts(each))
                    if self._early is not None and (guard is None or not guard.over):
                        await self._early.begin(told, each)
                    told += 1
                if guard is not None and guard.over:
                    break
        self._arriving = None
        if guard is not None and (rest := guard.close()):
            await tell(EventKind.TEXT_DELTA, call=call, text=rest)
        if not collector.ended and (guard is None or not guard.over):
            raise _cut_off(endpoint.provider.name, collector.text)
        return self._bounded(received(collector.completion(), endpoint.provider.name))

    def _bounded(self, answer: Completion) -> Completion:
        """Return the answer without its calls where its text ends it: it is cut there, by either face."""
        guard = self._guard() if answer.tool_calls and answer.text else None
        if guard is not None:
            guard.feed(answer.text)
            guard.close()
        return answer if guard is None or not guard.over else replace(answer, tool_calls=())

    def _guard(self) -> GuardedStream | None:
        guardrails, schema = self._parts.guardrails, self._parts.schema
        return None if guardrails is None else guardrails.stream(is_json=schema is not None)

    # --- what follows a failure ---

    async def _after(
        self, failure: ProviderError, endpoint: Endpoint, key: str | None
    ) -> ProviderError | None:
        journal, step = self._journal, self._ladder.after(failure)
        next_step = (
            "retry" if isinstance(step, Retry) else "fall_back" if isinstance(step, FallBack) else "give_up"
        )
        facts = {"call": journal.state.calls, "endpoint": endpoint.name, "error": failure, "next": next_step}
        await journal.record(EventKind.PROVIDER_FAILED, **facts)
        if isinstance(step, Retry):
            await self._parts.clock.sleep(step.after_s)
            return None
        if isinstance(step, FallBack):
            await journal.tell(EventKind.FALLBACK, endpoint=step.endpoint.name)
            return None
        from .degrade.stale import stale_answer

        saved = await stale_answer(self._parts.cache, key, failure)
        if saved is None:
            return failure
        await self._use(saved[0], stale_age_s=saved[1])
        return None

    # --- kept answers ---

    def _key(self, prompt: Prompt) -> str:
        """Return the name of this request in the cache; a repair answers the request it repairs."""
        state, key = self._journal.state, cache_key(prompt, endpoint=self._name)
        if not state.repairs or self._wanted is None or self._wanted[0] != state.depth:
            self._wanted = state.depth, key
        return key

    async def _kept(self, key: str) -> Completion | None:
        assert self._parts.cache is not None
        kept = unpack(await _quietly(self._parts.cache.get(key)))
        await self._journal.tell(EventKind.CACHE_MISS if kept is None else EventKind.CACHE_HIT, key=key)
        return kept

    async def _use(self, kept: Completion, **age: float) -> None:
        """Take a kept answer for the model's; it costs no tokens, and a stream shows it in one piece."""
        journal = self._journal
        call, guard = journal.state.calls, self._guard()
        kept = replace(kept, usage=Usage())
        if self._streaming:
            shown = kept.text if guard is None else guard.feed(kept.text) + guard.close()
            if shown:
                await journal.tell(EventKind.TEXT_DELTA, call=call, text=shown)
            for each in kept.tool_calls:
                await journal.tell(EventKind.TOOL_CALL, call=call, **_facts(each))
        await journal.record(EventKind.PROVIDER_ANSWER, call=call, completion=kept, cached=True, **age)
        if self._early is not None:
            await self._early.settle(kept.tool_calls)


def _facts(call: ToolCall) -> dict[str, Any]:
    return {"tool": call.name, "arguments": call.arguments, "id": call.id}


def _cut_off(provider: str, text: str) -> StreamBroken:
    return StreamBroken(
        "the stream ended without saying how the answer ended",
        where=f"provider {provider}",
        fix="retry the call; an adapter's last chunk must carry the finish",
        provider=provider,
    ).with_partial(text)


async def _quietly(awaited: Awaitable[Value]) -> Value | None:
    """Return what a cache says; one that fails says nothing, and fails no run."""
    try:
        return await awaited
    except Exception:  # noqa: BLE001 - see above
        return None
