"""Providers by name."""

from __future__ import annotations

from ..adapters.clocks.system import SystemClock
from ..adapters.providers.known_servers import KNOWN_SERVERS
from ..errors import ConfigError
from ..ports.clock import Clock
from ..ports.provider import Provider

PROVIDERS = (*KNOWN_SERVERS, "anthropic", "claude")


def make_provider(
    name: str,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    clock: Clock | None = None,
) -> Provider:
    """Make a provider by name; its SDK is imported with the first call.

    Args:
        name: one of `PROVIDERS`; "claude" is another word for "anthropic".
        model: the model to ask; None leaves it to `HarnessConfig.model`.
        base_url: where the server is; None means the provider's usual place.
        api_key: the key; None reads the provider's usual environment variable.
        clock: times the calls; None means the system clock.

    Raises:
        ConfigError: no provider has this name.
        MissingExtra: its SDK is not installed (raised by the first call).
    """
    clock = clock or SystemClock()
    if name in KNOWN_SERVERS and name != "ollama":
        from ..adapters.providers.openai import OpenAIProvider

        return OpenAIProvider(name=name, model=model, base_url=base_url, api_key=api_key, clock=clock)
    if name == "ollama":
        from ..adapters.providers.ollama import OllamaProvider

        return OllamaProvider(model=model, base_url=base_url, clock=clock)
    if name in ("anthropic", "claude"):
        from ..adapters.providers.anthropic import AnthropicProvider

        return AnthropicProvider(model=model, base_url=base_url, api_key=api_key, clock=clock)
    raise ConfigError(
        f"no provider has the name {name!r}",
        where="Harness(provider)",
        fix=f"use one of {', '.join(PROVIDERS)}, or pass an object with the Provider port",
    )
