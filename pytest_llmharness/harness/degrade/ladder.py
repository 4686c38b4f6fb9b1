"""What follows a failed call: wait and retry, fall back to another model, or give up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from ...domain.frozen import dataclass
from ...errors import CircuitOpen, ConfigError, ProviderError
from .backoff import Backoff
from .failure import blames_endpoint

if TYPE_CHECKING:
    from ...ports.provider import Provider
    from ...ports.random import Random


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model that can be asked.

    Args:
        provider: who answers.
        model: the model to ask for; None means the provider's own.
    """

    provider: Provider
    model: str | None = None

    @property
    def name(self) -> str:
        """The name its circuit breaker goes by, such as "openai/gpt-4o"."""
        return f"{self.provider.name}/{self.model or self.provider.model or 'default'}"


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask the same endpoint again, with an equal prompt, after a wait."""

    after_s: float


@dataclass(frozen=True, slots=True)
class FallBack:
    """Ask the next endpoint of the list, at once. The answer is then a degraded one."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No endpoint is left that could help."""


Step: TypeAlias = Retry | FallBack | GiveUp


class Ladder:
    """The way down from the model that was wanted, for one request.

    Only what an equal call may mend is retried (408, 429, 5xx, a reset, a timeout), and only within
    the time left; then, as after any other fault of the endpoint, the next one is asked. A refusal of
    the request itself (400, 401, 403, 404, context overflow) ends it after one call: no other model
    is asked to hide a wrong key.

    ```python
    ladder = Ladder([Endpoint(openai, "gpt-4o"), Endpoint(ollama)], random=random.Random(), retries=2)
    step = ladder.after(RateLimited(...), left_s=deadline - clock.now())
    ```

    Args:
        endpoints: the wanted model first, then the fallbacks in the order of preference.
        random: where the jitter comes from.
        retries: calls after the first one, at each endpoint.
        backoff: how long to wait between them.
        fallen, retried: endpoints given up and retries at the next one, in an earlier life of the request.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        random: Random,
        retries: int = 2,
        backoff: Backoff | None = None,
        fallen: int = 0,
        retried: int = 0,
    ) -> None:
        if not endpoints:
            raise ConfigError(
                "there is no model to ask", where="Ladder(endpoints=...)", fix="give at least one Endpoint"
            )
        self._endpoints = tuple(endpoints)
        self._random = random
        self._retries = retries
        self._backoff = backoff or Backoff()
        self._position = min(fallen, len(self._endpoints) - 1)
        self._retried = retried

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint to ask now."""
        return self._endpoints[self._position]

    @property
    def degraded(self) -> bool:
        """Whether the endpoint is not the wanted one."""
        return self._position > 0

    def after(self, failure: ProviderError, *, left_s: float | None = None) -> Step:
        """Return what to do after a failed call.

        Args:
            failure: how the call failed.
            left_s: seconds until the request's deadline; None means it has none.
        """
        if failure.retryable and self._retried < self._retries:
            delay_s = self._backoff.delay_s(self._retried, self._random, failure.retry_after_s)
            if left_s is None or delay_s < left_s:
                self._retried += 1
                return Retry(delay_s)
        may_fall_back = blames_endpoint(failure) or isinstance(failure, CircuitOpen)
        if may_fall_back and self._position + 1 < len(self._endpoints):
            self._position += 1
            self._retried = 0
            return FallBack(self.endpoint)
        return GiveUp()
