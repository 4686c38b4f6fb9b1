"""The composition root: settings in, a harness with both faces out."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Iterable
from types import TracebackType
from typing import Any, Self

from .adapters.clocks.system import SystemClock
from .adapters.providers.known_servers import KNOWN_SERVERS
from .domain.event import Event
from .domain.request import Request
from .domain.result import LLMResult
from .errors import ConfigError
from .harness.config import HarnessConfig
from .harness.constrain import Toolbox
from .harness.normalize import as_request
from .harness.orchestrator import Orchestrator, Parts
from .harness.validate import Validator
from .ports.clock import Clock
from .ports.ids import Ids
from .ports.provider import Provider
from .ports.tool import Tool
from .schema import Schema

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
        from .adapters.providers.openai import OpenAIProvider

        return OpenAIProvider(name=name, model=model, base_url=base_url, api_key=api_key, clock=clock)
    if name == "ollama":
        from .adapters.providers.ollama import OllamaProvider

        return OllamaProvider(model=model, base_url=base_url, clock=clock)
    if name in ("anthropic", "claude"):
        from .adapters.providers.anthropic import AnthropicProvider

        return AnthropicProvider(model=model, base_url=base_url, api_key=api_key, clock=clock)
    raise ConfigError(
        f"no provider has the name {name!r}",
        where="Harness(provider)",
        fix=f"use one of {', '.join(PROVIDERS)}, or pass an object with the Provider port",
    )


class Harness:
    """A complete harness around a model: async core, sync face.

    `run` works anywhere: in a script, in a thread, inside a running event loop. `arun` and `stream`
    belong to the loop they are awaited on. A harness may be used from many threads at once.

    Args:
        provider: an object with the Provider port, or a name such as "openai" or "ollama".
        system: the standing instruction.
        tools: what the model may call: functions decorated with `tool`, or Tool objects.
        schema: what the answer must satisfy: a Schema, or whatever `Schema` takes.
        validators: functions of the validated value that return a complaint, or None to accept.
        config: the settings.
        clock: the time; None means the system clock.
        ids: makes session ids; None means random ones.
    """

    def __init__(
        self,
        provider: Provider | str,
        *,
        system: str | None = None,
        tools: Iterable[Tool] = (),
        schema: Any = None,
        validators: Iterable[Validator] = (),
        config: HarnessConfig | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        clock, config = clock or SystemClock(), config or HarnessConfig()
        self._orchestrator = Orchestrator(
            Parts(
                provider=make_provider(provider, clock=clock) if isinstance(provider, str) else provider,
                clock=clock,
                ids=ids or RandomIds(),
                system=system,
                toolbox=Toolbox(tools, clock=clock, timeout_s=config.tool_timeout_seconds),
                schema=schema if schema is None or isinstance(schema, Schema) else Schema(schema),
                validators=tuple(validators),
                config=config,
            )
        )

    @property
    def provider(self) -> Provider:
        """The provider in use."""
        return self._orchestrator.parts.provider

    async def arun(self, request: Request | str) -> LLMResult:
        """Run one request to its result; a failure of the model is a result too.

        Raises:
            ConfigError: the request or a setting cannot work.
        """
        return await self._orchestrator.run(as_request(request))

    def stream(self, request: Request | str) -> AsyncGenerator[Event, None]:
        """Yield what happens while it happens; the last event's data holds the result.

        Closing the generator early cancels the model call.
        """
        return self._orchestrator.events(as_request(request), streaming=True)

    async def aclose(self) -> None:
        """Release the provider's connections of the running loop."""
        await self.provider.aclose()

    def run(self, request: Request | str) -> LLMResult:
        """Do what `arun` does, from sync code."""
        from .adapters.executors.portal import portal

        return portal().run(self.arun(request))

    def close(self) -> None:
        """Do what `aclose` does, from sync code."""
        from .adapters.executors.portal import portal

        portal().run(self.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class RandomIds:
    """Identifiers from the system's random source."""

    def new(self) -> str:
        """Return 16 hexadecimal digits."""
        return secrets.token_hex(8)
