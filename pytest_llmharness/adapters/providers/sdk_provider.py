"""What every adapter over an SDK does alike: limits, times, chunks, and names for failures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Generic, NoReturn, TypeVar

from ...domain.completion import Chunk, Completion, FinishReason
from ...domain.prompt import Prompt
from ...domain.usage import Timing, Usage
from ...errors import ConfigError, HarnessError, ProviderError
from ...ports.clock import Clock
from .connection import ClientPerLoop, Closable
from .endpoint import Endpoint
from .failure import broken, misshapen, timed_out, unsendable

Client = TypeVar("Client", bound=Closable)

# What reading an answer of the wrong shape raises, in the SDKs and here.
_WRONG_SHAPE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


class SdkProvider(ABC, Generic[Client]):
    """A provider over one SDK. A subclass speaks the dialect; this class keeps the promises.

    The promises: the clock port limits and times every call; cancelling a call or closing a
    stream closes its connection; whatever the SDK raises becomes a `ProviderError`.
    """

    def __init__(self, endpoint: Endpoint, *, model: str | None, clock: Clock) -> None:
        self.name = endpoint.provider
        self.model = model
        self._endpoint = endpoint
        self._clock = clock
        self._clients: ClientPerLoop[Client] = ClientPerLoop()

    async def complete(self, prompt: Prompt) -> Completion:
        """Return the whole answer.

        Raises:
            ProviderError: the call failed; the leaf says how.
            ConfigError: no model is named.
            MissingExtra: the SDK is not installed.
        """
        at = self._asked(prompt)
        client = await self._clients.get(self._connect)
        watch = _Stopwatch(self._clock, prompt.options.timeout_s)
        try:
            async with watch.limit():
                completion = await self._ask(client, prompt, at.model)
        except Exception as error:  # noqa: BLE001 - named, or raised as it is
            _reraise(self._named(error, at, prompt, None), error, at)
        timing = replace(watch.timing(), ttft_ms=completion.timing.ttft_ms)
        return replace(completion, timing=timing, model=completion.model or at.model)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Yield text and pieces of tool calls as they come, then one chunk with the rest.

        The timeout runs from the start to the last chunk, the consumer's own time included.

        Raises:
            StreamBroken: the stream ended before the answer; `.partial` is the text so far.
            ProviderError: as `complete` does.
        """
        at = self._asked(prompt)
        client = await self._clients.get(self._connect)
        watch = _Stopwatch(self._clock, prompt.options.timeout_s)
        heard = _Heard()
        chunks = self._listen(client, prompt, at.model)
        try:
            while True:
                try:
                    async with watch.limit():
                        chunk = await anext(chunks, None)
                except Exception as error:  # noqa: BLE001 - named, or raised as it is
                    _reraise(self._named(error, at, prompt, heard.partial), error, at)
                if chunk is None:
                    break
                heard.take(chunk)
                if chunk.text or chunk.tool_calls:
                    watch.first_token()
                    yield Chunk(text=chunk.text, tool_calls=chunk.tool_calls)
        finally:
            await chunks.aclose()
        yield self._last(heard, at, watch.timing())

    async def aclose(self) -> None:
        """Close the running loop's connections; the next call opens new ones."""
        await self._clients.aclose()

    @abstractmethod
    def _connect(self) -> Client:
        """Make a client for the running loop."""

    @abstractmethod
    async def _ask(self, client: Client, prompt: Prompt, model: str) -> Completion:
        """Make an unstreamed call; of the timing only the server's own ttft is looked at."""

    @abstractmethod
    def _listen(self, client: Client, prompt: Prompt, model: str) -> AsyncGenerator[Chunk, None]:
        """Make a streamed call; closing the generator closes the connection."""

    @abstractmethod
    def _explain(self, error: Exception, at: Endpoint, partial: str | None) -> ProviderError | None:
        """Name an error of the SDK; None for one it does not know.

        `partial` is the text so far of a stream that has begun, else None.
        """

    def _asked(self, prompt: Prompt) -> Endpoint:
        model = prompt.options.model or self.model
        if not model:
            raise ConfigError(
                "no model is named",
                where=f"provider {self.name}",
                fix="give the provider a model, or set HarnessConfig(model=...)",
            )
        return self._endpoint.asking(model)

    def _named(
        self, error: Exception, at: Endpoint, prompt: Prompt, partial: str | None
    ) -> HarnessError | None:
        own = _harness_error_in(error)
        if own is not None:
            return own
        explained = self._explain(error, at, partial)
        if explained is not None:
            return explained
        if isinstance(error, TimeoutError):
            return timed_out(at, prompt.options.timeout_s)
        if isinstance(error, UnicodeEncodeError):
            return unsendable(at, error)
        if isinstance(error, _WRONG_SHAPE):
            return misshapen(at, error)
        return None

    def _last(self, heard: _Heard, at: Endpoint, timing: Timing) -> Chunk:
        if heard.finish is None:
            raise broken(at, heard.partial or "", "it ended without a finish reason")
        return Chunk(finish=heard.finish, usage=heard.usage, timing=timing, model=heard.model or at.model)


@dataclass(slots=True)
class _Heard:
    """What a stream has said so far."""

    text: list[str] = field(default_factory=list)
    finish: FinishReason | None = None
    usage: Usage = Usage()
    model: str = ""

    @property
    def partial(self) -> str | None:
        """The text so far; None while not even an empty chunk has come."""
        return "".join(self.text) if self.text else None

    def take(self, chunk: Chunk) -> None:
        self.text.append(chunk.text)
        self.finish = chunk.finish or self.finish
        self.usage = chunk.usage or self.usage
        self.model = chunk.model or self.model


class _Stopwatch:
    """Times one call and limits what is left of it."""

    def __init__(self, clock: Clock, timeout_s: float | None) -> None:
        self._clock = clock
        self._started = clock.now()
        self._timeout_s = timeout_s
        self._ttft_ms: float | None = None

    def limit(self) -> AbstractAsyncContextManager[object]:
        # A limit around each wait, not around the stream: a generator may be stepped by several
        # tasks, and a timeout that spans a yield would cancel its consumer.
        if self._timeout_s is None:
            return self._clock.timeout(None)
        return self._clock.timeout(max(self._timeout_s - self._elapsed_s(), 0.0))

    def first_token(self) -> None:
        if self._ttft_ms is None:
            self._ttft_ms = self._elapsed_s() * 1e3

    def timing(self) -> Timing:
        return Timing(self._ttft_ms, self._elapsed_s() * 1e3)

    def _elapsed_s(self) -> float:
        return self._clock.now() - self._started


def _harness_error_in(error: BaseException | None) -> HarnessError | None:
    # What our own transports raise (a damaged cassette, say) comes back wrapped by some SDKs.
    while error is not None and not isinstance(error, HarnessError):
        error = error.__cause__
    return error


def _reraise(named: HarnessError | None, error: Exception, at: Endpoint) -> NoReturn:
    if named is None or named is error:
        raise error
    cause = None if at.betrays(error) else error
    try:
        raise named from cause
    finally:
        del named, error, cause  # a traceback that holds its own error keeps connections alive
