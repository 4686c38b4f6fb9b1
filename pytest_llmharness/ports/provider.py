"""The port to a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from ..domain.completion import Chunk, Completion
from ..domain.prompt import Prompt


class Provider(Protocol):
    """Answers prompts. Failures are `ProviderError`s; cancellation ends the call at the server."""

    @property
    def name(self) -> str:
        """The adapter's name, as `--llm-engine` and configuration spell it."""

    @property
    def model(self) -> str | None:
        """The model asked where `prompt.options.model` is None."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Return the whole answer."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Yield the answer as it comes; the last chunk carries finish, usage and timing.

        Closing the generator ends the call at the server.
        """
        ...

    async def aclose(self) -> None:
        """Release connections. A closed provider may be used again and then reconnects."""
