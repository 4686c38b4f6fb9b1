"""A model call that degrades by steps: retry, fall back, a saved answer, an honest word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...domain.completion import Completion
from ...domain.prompt import Prompt
from ...errors import CircuitOpen, ConfigError, ProviderError
from ...ports.cache import Cache
from ...ports.clock import Clock
from ...ports.random import Random
from ..cached_answer import unpack
from ..config import HarnessConfig
from .backoff import Backoff
from .breaker import Breaker
from .failure import blames_endpoint, named, reason
from .ladder import Endpoint, FallBack, Ladder, Retry
from .messages import Messages

Listener = Callable[[str, Mapping[str, Any]], None]
"""Told what happens, as (name, JSON values): "provider_failed", "retry", "fallback", "stale_answer"."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, and how it came about.

    Args:
        completion: the answer.
        endpoint: the name of the endpoint that gave it.
        calls: how many calls were made for it; those an open circuit refused are not among them.
        degraded: whether a fallback model or the cache answered.
        stale_age_s: how old a saved answer is; None where a model answered.
        notice: what the user is told about it; "" where nothing is reduced.
        tried: the names of the endpoints that were asked, in order.
    """

    completion: Completion
    endpoint: str
    calls: int = 1
    degraded: bool = False
    stale_age_s: float | None = None
    notice: str = ""
    tried: tuple[str, ...] = ()


class ModelService:
    """Asks for whole answers under a breaker, with retries, fallbacks and saved answers.

    The parts can be had one by one (`Breaker`, `Ladder`, `stale_answer`) where a caller needs its own
    order, as a stream does.

    ```python
    service = ModelService([Endpoint(openai), Endpoint(ollama)], clock=clock, random=random.Random())
    served = await service.complete(prompt)
    ```

    Args:
        endpoints: the wanted model first, then the fallbacks.
        clock: the time.
        random: where the jitter comes from.
        config: `timeout_seconds` limits one call, `max_retries` the calls after the first.
        breaker: leaves failing endpoints alone; None asks them always.
        backoff: the waits between retries.
        cache: where saved answers lie; None means there are none.
        messages: what the user is told.
        listener: told what happens.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        clock: Clock,
        random: Random,
        config: HarnessConfig | None = None,
        breaker: Breaker | None = None,
        backoff: Backoff | None = None,
        cache: Cache | None = None,
        messages: Messages | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._clock, self._random = clock, random
        self._config = config or HarnessConfig()
        self._breaker, self._backoff, self._cache = breaker, backoff, cache
        self._messages = messages or Messages()
        self._listener = listener

    async def complete(
        self, prompt: Prompt, *, key: str | None = None, deadline_s: float | None = None
    ) -> Served:
        """Return an answer, from wherever one can be had.

        Args:
            prompt: what to ask.
            key: the request's cache key; with it an answer that was kept is served in an outage.
            deadline_s: the time on the clock after which nothing is waited for.

        Raises:
            ProviderError: no endpoint answered and nothing was saved; `user_message` says what to tell
                the user.
        """
        ladder = Ladder(
            self._endpoints, random=self._random, retries=self._config.max_retries, backoff=self._backoff
        )
        tried: list[str] = []
        while True:
            endpoint = ladder.endpoint
            try:
                completion = await self._ask(endpoint, prompt, tried)
            except ConfigError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a provider raises gets a name
                failure = named(error, endpoint.provider.name, self._config)
                self._tell("provider_failed", endpoint=endpoint.name, error=type(failure).__name__)
            else:
                return self._served(completion, ladder, tried)
            step = ladder.after(
                failure, left_s=None if deadline_s is None else deadline_s - self._clock.now()
            )
            if isinstance(step, Retry):
                self._tell("retry", endpoint=endpoint.name, after_s=step.after_s)
                await self._clock.sleep(step.after_s)
            elif isinstance(step, FallBack):
                self._tell("fallback", endpoint=step.endpoint.name)
            else:
                return await self._saved(failure, key, tried)

    def user_message(self, failure: ProviderError) -> str:
        """Return what to tell the user of a failure, without its internals."""
        return self._messages.failed(reason(failure), retry_after_s=failure.retry_after_s)

    async def _ask(self, endpoint: Endpoint, prompt: Prompt, tried: list[str]) -> Completion:
        if endpoint.model is not None:
            prompt = replace(prompt, options=replace(prompt.options, model=endpoint.model))
        if self._breaker is None:
            return await self._within_time(endpoint, prompt, tried)
        async with self._breaker.guard(endpoint.name):
            return await self._within_time(endpoint, prompt, tried)

    async def _within_time(self, endpoint: Endpoint, prompt: Prompt, tried: list[str]) -> Completion:
        tried.append(endpoint.name)
        async with self._clock.timeout(self._config.timeout_seconds):
            return await endpoint.provider.complete(prompt)

    def _served(self, completion: Completion, ladder: Ladder, tried: list[str]) -> Served:
        endpoint = ladder.endpoint
        model = completion.model or endpoint.model or endpoint.provider.model or endpoint.provider.name
        notice = self._messages.degraded(model) if ladder.degraded else ""
        return Served(
            completion, endpoint.name, len(tried), ladder.degraded, notice=notice, tried=tuple(tried)
        )

    async def _saved(self, failure: ProviderError, key: str | None, tried: list[str]) -> Served:
        """Serve what was kept; only an outage calls for it, never a refusal of the request."""
        kept = await stale_answer(self._cache, key, failure)
        if kept is None:
            raise failure
        completion, age_s = kept
        self._tell("stale_answer", age_s=age_s)
        return Served(completion, "cache", len(tried), True, age_s, self._messages.saved(age_s), tuple(tried))

    def _tell(self, name: str, **facts: Any) -> None:
        if self._listener is not None:
            self._listener(name, facts)


async def stale_answer(
    cache: Cache | None, key: str | None, failure: ProviderError
) -> tuple[Completion, float] | None:
    """Return the kept answer to an equal request and its age in seconds, where an outage calls for it.

    A cache that fails has nothing kept.
    """
    outage = blames_endpoint(failure) or isinstance(failure, CircuitOpen)
    if cache is None or key is None or not outage:
        return None
    try:
        found = await cache.stale(key)
        answer = unpack(found[0]) if found is not None else None
        return None if found is None or answer is None else (answer, float(found[1]))
    except Exception:  # noqa: BLE001 - the outage is the news, not the cache
        return None
