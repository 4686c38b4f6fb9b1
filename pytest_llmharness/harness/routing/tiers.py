"""The models to choose from, in steps from the cheapest to the most capable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...domain.frozen import dataclass
from ...domain.prompt import Options
from ...errors import ConfigError
from ..config import HarnessConfig

if TYPE_CHECKING:
    from ...ports.provider import Provider


@dataclass(frozen=True, slots=True)
class ModelTier:
    """One step of the stair.

    Args:
        model: the model's name, as its provider spells it.
        max_tokens: the most tokens of one answer.
        cost_per_call: US dollars a call, where the price table does not know the model; None means
            that nobody knows, and then no call fits into a limited budget.
        cloud: whether asking it sends the prompt off this machine.
        provider: who answers, or its name; None means the harness's own provider.
    """

    model: str
    max_tokens: int
    cost_per_call: float | None = 0.0
    cloud: bool = False
    provider: Provider | str | None = None

    def __post_init__(self) -> None:
        if not self.model:
            raise _bad("model", self.model, "the name of a model")
        if not self.max_tokens >= 1:
            raise _bad("max_tokens", self.max_tokens, "a number of at least 1")
        if self.cost_per_call is not None and not 0 <= self.cost_per_call < float("inf"):
            raise _bad("cost_per_call", self.cost_per_call, "dollars of at least 0, or None for unknown")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What one attempt is to ask: the tier, and how.

    Args:
        tier: the tier's name.
        model, max_tokens, cost_per_call, cloud: as the tier says.
        json_mode: True asks for JSON; None leaves it as the request has it.
    """

    tier: str
    model: str
    max_tokens: int
    cost_per_call: float | None = 0.0
    cloud: bool = False
    json_mode: bool | None = None

    def applied_to(self, config: HarnessConfig) -> HarnessConfig:
        """Return a copy of the settings that asks this model; the given ones stay as they are."""
        json_mode = config.json_mode if self.json_mode is None else self.json_mode
        return replace(config, model=self.model, max_tokens=self.max_tokens, json_mode=json_mode)

    def options(self, options: Options) -> Options:
        """Return a copy of a prompt's options that asks this model."""
        json_mode = options.json_mode if self.json_mode is None else self.json_mode
        return replace(options, model=self.model, max_tokens=self.max_tokens, json_mode=json_mode)


class Tiers(Mapping[str, ModelTier]):
    """Tiers by name, in their order from the least to the most capable.

    ```python
    tiers = Tiers({"small": ModelTier("qwen3:4b", 512), "large": ModelTier("gpt-4o", 4096, 0.01, cloud=True)})
    assert tiers.above("small") == "large"
    ```

    Raises:
        ConfigError: there is no tier.
    """

    def __init__(self, tiers: Mapping[str, ModelTier]) -> None:
        if not tiers:
            raise ConfigError("there is no tier", where="Tiers(...)", fix="give at least one ModelTier")
        self._tiers = dict(tiers)
        self.names = tuple(self._tiers)

    def __getitem__(self, name: str) -> ModelTier:
        return self._tiers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tiers)

    def __len__(self) -> int:
        return len(self._tiers)

    def place(self, name: str) -> int:
        """Return how many tiers are below this one.

        Raises:
            ConfigError: no tier has this name.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise ConfigError(
                f"no tier has the name {name!r}", where="tiers", fix=f"use one of {', '.join(self.names)}"
            ) from None

    def above(self, name: str) -> str | None:
        """Return the next tier up, or None from the top one."""
        return next(iter(self.names[self.place(name) + 1 :]), None)

    def call(self, name: str) -> ModelCall:
        """Return the call that asks this tier."""
        self.place(name)
        tier = self[name]
        return ModelCall(name, tier.model, tier.max_tokens, tier.cost_per_call, tier.cloud)


DEFAULT_TIERS = Tiers(
    {
        "fast": ModelTier("qwen3:4b", 512, 0.0),
        "balanced": ModelTier("qwen2.5-coder:7b", 1024, 0.0),
        "capable": ModelTier("qwen2.5-coder:32b", 2048, 0.0),
        "frontier": ModelTier("claude-sonnet", 4096, 0.003, cloud=True),
    }
)
"""Article 000's table. Its names and its price are those of 22 February 2026."""


def _bad(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"{name}={value!r} cannot work", where=f"ModelTier.{name}", fix=f"give it {wanted}")
