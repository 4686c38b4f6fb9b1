"""The Anthropic dialect (messages), over the anthropic SDK."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from ...domain.completion import Chunk, Completion
from ...domain.prompt import Prompt
from ...errors import ProviderError
from ...ports.clock import Clock
from .anthropic_wire import MessageReader, StreamReader, request
from .connection import checked_key, checked_url, is_loopback, password_in, readable_url, sdk
from .endpoint import Endpoint
from .sdk_provider import SdkProvider
from .stainless import check_stream, explain, make_client

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_HOME = "https://api.anthropic.com"


class AnthropicProvider(SdkProvider["AsyncAnthropic"]):
    """A model behind the messages API.

    Args:
        model: the model asked where a prompt names none.
        base_url: the address of the server, with or without "/v1"; None means ANTHROPIC_BASE_URL,
            else Anthropic's own.
        api_key: the key; None reads ANTHROPIC_API_KEY. A key from the environment goes to no
            loopback address, unless that address is from there too.
        clock: limits and times the calls.

    An `output_schema` is sent as `output_config` to Anthropic's own API, which enforces it.
    Other servers of this dialect ignore that, and no server of it has a JSON mode: there the
    model is made to call a tool whose arguments are the answer, and the answer's text is those
    arguments. `max_tokens` is required by the API: 4096 where the options name none. The dialect
    has no `seed`, and Anthropic's own API takes no `temperature` and no `top_p` any more: those go
    to other servers only. Nothing is retried.

    Raises:
        ConfigError: the address or key cannot work.
    """

    def __init__(
        self,
        *,
        model: str | None,
        base_url: str | None = None,
        api_key: str | None = None,
        clock: Clock,
    ) -> None:
        moved = os.environ.get("ANTHROPIC_BASE_URL") or None
        url = checked_url(base_url or moved or _HOME, "anthropic: base_url")
        self._url = url.removesuffix("/v1")
        trusted = base_url is None or not is_loopback(self._url)
        found = os.environ.get("ANTHROPIC_API_KEY") if trusted else None
        self._key = checked_key(api_key or found, "anthropic: api_key")
        super().__init__(_endpoint(self._url, self._key), model=model, clock=clock)

    def _connect(self) -> AsyncAnthropic:
        module = sdk("anthropic", "anthropic")
        client: AsyncAnthropic = make_client(module, "AsyncAnthropic", self._url, self._key, None)
        return client

    async def _ask(self, client: AsyncAnthropic, prompt: Prompt, model: str) -> Completion:
        body = request(prompt, model, at_home=self._at_home)
        answer = await client.messages.create(**body)
        return MessageReader(prompt, at_home=self._at_home).completion(answer)

    async def _listen(
        self, client: AsyncAnthropic, prompt: Prompt, model: str
    ) -> AsyncGenerator[Chunk, None]:
        body = request(prompt, model, at_home=self._at_home)
        stream: Any = await client.messages.create(**body, stream=True)
        reader = StreamReader(prompt, at_home=self._at_home)
        begun = False
        try:
            while (event := await anext(stream, None)) is not None:
                begun = True
                yield reader.chunk(event)
            check_stream(stream, begun)
        finally:
            await stream.close()

    def _explain(self, error: Exception, at: Endpoint, partial: str | None) -> ProviderError | None:
        return explain(sdk("anthropic", "anthropic"), error, at, partial)

    @property
    def _at_home(self) -> bool:
        return self._url.startswith(_HOME)


def _endpoint(url: str, key: str | None) -> Endpoint:
    shown = readable_url(url)
    listing = (
        f'curl -sS {shown}/v1/models -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01"'
    )
    return Endpoint(
        provider="anthropic",
        url=f"{shown}/v1/messages",
        key_fix="export ANTHROPIC_API_KEY=...  # or pass api_key=...; "
        "a key from the environment goes to no loopback address",
        start_fix=listing,
        models_fix=f"{listing}  # must list {{model}}",
        secrets=(*filter(None, [key]), *password_in(url)),
    )
