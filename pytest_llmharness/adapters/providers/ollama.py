"""The Ollama dialect (/api/chat), over the ollama SDK."""

from __future__ import annotations

import codecs
import os
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

from ...domain.completion import Chunk, Completion, FinishReason, ToolCallDelta
from ...domain.message import Message
from ...domain.prompt import Prompt
from ...domain.tool import ToolCall
from ...domain.usage import Timing, Usage
from ...errors import ProviderError
from ...ports.clock import Clock
from .connection import checked_key, checked_url, http_settings, password_in, readable_url, sdk
from .endpoint import Endpoint
from .failure import broken, malformed, refused, refused_midway, unreachable
from .known_servers import KNOWN_SERVERS
from .sdk_provider import SdkProvider

if TYPE_CHECKING:
    from ollama import AsyncClient, ChatResponse

_SERVER = KNOWN_SERVERS["ollama"]


class OllamaProvider(SdkProvider["AsyncClient"]):
    """A model behind an Ollama server (article 000's mapping).

    `temperature` becomes `options.temperature`, `max_tokens` `options.num_predict`, JSON mode
    `format="json"`, an output schema `format=<schema>`. Tool calls have no ids in this dialect.

    Args:
        model: the model asked where a prompt names none.
        base_url: the address of the server; None means OLLAMA_HOST, else this machine's.
        clock: limits and times the calls.
        api_key: the key of a server that wants one; None reads OLLAMA_API_KEY, as the SDK does.

    Raises:
        ConfigError: the address or key cannot work.
    """

    def __init__(
        self,
        *,
        model: str | None,
        base_url: str | None = None,
        clock: Clock,
        api_key: str | None = None,
    ) -> None:
        self._url = checked_url(base_url or _host() or _SERVER.base_url, "ollama: base_url")
        self._key = checked_key(api_key or os.environ.get("OLLAMA_API_KEY"), "ollama: api_key")
        super().__init__(_endpoint(self._url, self._key), model=model, clock=clock)

    def _connect(self) -> AsyncClient:
        module = sdk("ollama", "ollama")

        class ExactClient(module.AsyncClient):  # type: ignore[name-defined, misc]
            async def chat_exactly(self, body: dict[str, Any]) -> Any:
                # chat() drops every schema keyword that its own Tool model does not know.
                where = ("POST", "/api/chat")
                return await self._request(module.ChatResponse, *where, json=body, stream=body["stream"])

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        hooks = {"response": [_check]}
        settings = http_settings("httpx", self._url)
        client: AsyncClient = ExactClient(host=self._url, headers=headers, event_hooks=hooks, **settings)
        return client

    async def _ask(self, client: Any, prompt: Prompt, model: str) -> Completion:
        answer: ChatResponse = await client.chat_exactly(_request(prompt, model, streaming=False))
        calls = _calls(answer)
        duration_ns = answer.prompt_eval_duration
        return Completion(
            text=answer.message.content or "",
            tool_calls=calls,
            finish=_finish(answer, bool(calls)),
            usage=_usage(answer),
            timing=Timing(ttft_ms=None if duration_ns is None else duration_ns / 1e6),
            model=answer.model or "",
        )

    async def _listen(self, client: Any, prompt: Prompt, model: str) -> AsyncGenerator[Chunk, None]:
        parts = await client.chat_exactly(_request(prompt, model, streaming=True))
        try:
            async for chunk in _chunks(parts):
                yield chunk
        finally:
            await parts.aclose()

    def _explain(self, error: Exception, at: Endpoint, partial: str | None) -> ProviderError | None:
        import httpx

        if isinstance(error, _Refused):
            return refused(at, error.response)
        if isinstance(error, sdk("ollama", "ollama").ResponseError):
            return refused_midway(at, {"error": error.error}, partial or "")
        if isinstance(error, httpx.DecodingError):
            return malformed(at, str(error))
        if isinstance(error, httpx.RequestError | httpx.StreamError | ConnectionError):
            return unreachable(at, error) if partial is None else broken(at, partial, str(error))
        return None


async def _check(response: Any) -> None:
    # The SDK's own error has neither headers nor, for some bodies, a status.
    if not response.is_success and not response.has_redirect_location:
        await response.aread()
        raise _Refused(response)
    if "content-encoding" not in response.headers:
        response.stream = _strict(response.stream)


def _strict(stream: Any) -> Any:
    """Refuse bytes that are no UTF-8: httpx would put U+FFFD in their place, in the answer's text."""
    import httpx

    class StrictStream(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncGenerator[bytes, None]:
            decoder = codecs.getincrementaldecoder("utf-8")()
            async for piece in stream:
                decoder.decode(piece)
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return StrictStream()


class _Refused(Exception):
    """An answer with an error status, headers and body included."""

    def __init__(self, response: Any) -> None:
        super().__init__(f"status {response.status_code}: {response.text}")
        self.response = response


def _host() -> str | None:
    host = os.environ.get("OLLAMA_HOST", "").strip()
    if not host or "://" in host:
        return host or None
    return f"http://{host}" if ":" in host else f"http://{host}:11434"


def _endpoint(url: str, key: str | None) -> Endpoint:
    return Endpoint(
        provider="ollama",
        url=f"{readable_url(url)}/api/chat",
        key_fix="export OLLAMA_API_KEY=...  # or pass api_key=...",
        start_fix=_SERVER.start or "",
        models_fix="ollama pull {model}  # ollama list shows what is there",
        secrets=(*filter(None, [key]), *password_in(url)),
    )


def _request(prompt: Prompt, model: str, *, streaming: bool) -> dict[str, Any]:
    options = prompt.options
    asked = {
        "temperature": options.temperature,
        "num_predict": options.max_tokens,
        "top_p": options.top_p,
        "seed": options.seed,
        "stop": list(options.stop) or None,
    }
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in prompt.messages],
        "stream": streaming,
        "options": {name: value for name, value in asked.items() if value is not None},
    }
    if prompt.tools:
        body["tools"] = [_tool(spec.name, spec.description, dict(spec.schema)) for spec in prompt.tools]
    if options.output_schema is not None:
        body["format"] = dict(options.output_schema)
    elif options.json_mode:
        body["format"] = "json"
    return body


def _tool(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def _message(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        body["tool_calls"] = [
            {"function": {"name": call.name, "arguments": call.arguments}} for call in message.tool_calls
        ]
    if message.role == "tool":
        body["tool_name"] = message.tool_name
    return body


async def _chunks(parts: AsyncIterator[ChatResponse]) -> AsyncGenerator[Chunk, None]:
    index = 0
    async for part in parts:
        calls = _calls(part)
        deltas = tuple(
            ToolCallDelta(number, call.name, call.arguments_text) for number, call in enumerate(calls, index)
        )
        index += len(calls)
        yield Chunk(
            text=part.message.content or "",
            tool_calls=deltas,
            finish=_finish(part, index > 0) if part.done else None,
            usage=_usage(part) if part.done else None,
            model=part.model or "",
        )


def _calls(answer: ChatResponse) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(call.function.name, dict(call.function.arguments))
        for call in answer.message.tool_calls or ()
    )


def _finish(answer: ChatResponse, called: bool) -> FinishReason:
    if answer.done_reason == "length":
        return "length"
    return "tool_calls" if called else "stop"


def _usage(answer: ChatResponse) -> Usage:
    return Usage(answer.prompt_eval_count or 0, answer.eval_count or 0)
