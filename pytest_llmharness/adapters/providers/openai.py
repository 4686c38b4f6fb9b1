"""The OpenAI dialect (chat completions), over the openai SDK: OpenAI and all who speak like it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from ...domain.completion import Chunk, Completion
from ...domain.prompt import Prompt
from ...errors import ConfigError, ProviderError
from ...ports.clock import Clock
from .connection import checked_key, checked_url, is_loopback, password_in, readable_url, sdk
from .endpoint import Endpoint
from .known_servers import KNOWN_SERVERS, KnownServer
from .openai_wire import chunk, completion, request
from .sdk_provider import SdkProvider
from .stainless import check_stream, explain, make_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class OpenAIProvider(SdkProvider["AsyncOpenAI"]):
    """A model behind chat completions.

    Args:
        model: the model asked where a prompt names none.
        base_url: the address of the API, with its "/v1"; None means the known server's.
        api_key: the key; None reads the known server's environment variable. A key from the
            environment goes to no loopback address, unless that address is from there too.
        clock: limits and times the calls.
        name: a known server ("openai", "gemini", "vllm", ...), or a name of your own with a `base_url`.
        headers: further headers of every request.

    An `output_schema` is sent as `response_format` json_schema, not in strict mode: strict mode
    refuses many valid schemas. Nothing is retried.

    Raises:
        ConfigError: the name is unknown, or the address or key cannot work.
    """

    def __init__(
        self,
        *,
        model: str | None,
        base_url: str | None = None,
        api_key: str | None = None,
        clock: Clock,
        name: str = "openai",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        server = _server(name, base_url)
        moved = os.environ.get(server.url_variable or "") or None
        self._url = checked_url(base_url or moved or server.base_url, f"{name}: base_url")
        trusted = base_url is None or not is_loopback(self._url)
        found = os.environ.get(server.key_variable or "") if trusted else None
        self._key = checked_key(api_key or found, f"{name}: api_key")
        self._headers = dict(headers or {})
        secrets = (*filter(None, [self._key]), *_credentials(self._headers), *password_in(self._url))
        super().__init__(_endpoint(server, self._url, secrets), model=model, clock=clock)

    def _connect(self) -> AsyncOpenAI:
        module = sdk("openai", "openai")
        own = {} if _is_openai(self._url) else _no_account(module)
        client: AsyncOpenAI = make_client(
            module, "AsyncOpenAI", self._url, self._key, {**own, **self._headers}
        )
        return client

    async def _ask(self, client: AsyncOpenAI, prompt: Prompt, model: str) -> Completion:
        body = request(prompt, model, at_openai=_is_openai(self._url))
        return completion(await client.chat.completions.create(**body))

    async def _listen(self, client: AsyncOpenAI, prompt: Prompt, model: str) -> AsyncGenerator[Chunk, None]:
        body = request(prompt, model, at_openai=_is_openai(self._url))
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        stream = await client.chat.completions.create(**body)
        begun = False
        try:
            while (event := await anext(stream, None)) is not None:
                begun = True
                yield chunk(event)
            check_stream(stream, begun)
        finally:
            await stream.close()

    def _explain(self, error: Exception, at: Endpoint, partial: str | None) -> ProviderError | None:
        return explain(sdk("openai", "openai"), error, at, partial)


def _server(name: str, base_url: str | None) -> KnownServer:
    server = KNOWN_SERVERS.get(name) or (KnownServer(name, base_url) if base_url else None)
    if server is None or server.dialect != "openai":
        known = ", ".join(name for name, each in KNOWN_SERVERS.items() if each.dialect == "openai")
        raise ConfigError(
            f"no server of this dialect has the name {name!r}",
            where="OpenAIProvider(name=...)",
            fix=f"use one of {known}, or give a base_url",
        )
    return server


def _endpoint(server: KnownServer, url: str, secrets: tuple[str, ...]) -> Endpoint:
    shown = readable_url(url)
    key = f"export {server.key_variable}=...  # or " if server.key_variable else ""
    bearer = f' -H "Authorization: Bearer ${server.key_variable}"' if server.key_variable else ""
    listing = f"curl -sS {shown}/models{bearer}"
    return Endpoint(
        provider=server.name,
        url=f"{shown}/chat/completions",
        key_fix=f"{key}pass api_key=...; a key from the environment goes to no loopback address",
        start_fix=server.start if server.start and is_loopback(url) else listing,
        models_fix=f"{listing}  # must list {{model}}",
        secrets=secrets,
    )


def _credentials(headers: Mapping[str, str]) -> list[str]:
    public = {"accept", "content-type", "user-agent"}
    return [value for name, value in headers.items() if name.lower() not in public and len(value) > 7]


def _is_openai(url: str) -> bool:
    return url.startswith("https://api.openai.com/")


def _no_account(module: Any) -> dict[str, Any]:
    # The SDK sends these from its environment variables to whatever server it talks to.
    return {"OpenAI-Organization": module.Omit(), "OpenAI-Project": module.Omit()}
