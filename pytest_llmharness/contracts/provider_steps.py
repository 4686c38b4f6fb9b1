"""How the clauses of the provider contract are run: prompts, limits, and what is looked at."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

import pytest

from ..domain.completion import Chunk, ChunkCollector, Completion
from ..domain.message import Message
from ..domain.prompt import Options, Prompt
from ..domain.tool import ToolSpec
from ..errors import ProviderError, ProviderTimeout
from ..ports.provider import Provider
from .contract import Contract, Value, assert_no_task_left

_TOOL = ToolSpec(
    "get_weather",
    "Tell the weather in a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "name of the city"}},
        "required": ["city"],
    },
)


class ProviderSteps(Contract):
    """The flags, fixtures and steps that the clauses of `ProviderContract` are made of."""

    supports_streaming: ClassVar[bool] = True
    supports_tools: ClassVar[bool] = True
    supports_json_mode: ClassVar[bool] = True
    supports_json_schema: ClassVar[bool] = True
    honours_max_tokens: ClassVar[bool] = True
    reports_usage: ClassVar[bool] = True
    has_call_ids: ClassVar[bool] = True
    """Whether tool calls carry ids (Ollama's do not)."""
    deterministic: ClassVar[bool] = False
    """Whether equal prompts at temperature 0 get equal answers."""

    max_tokens: ClassVar[int] = 64
    short_timeout_s: ClassVar[float] = 0.001

    @pytest.fixture
    def provider(self) -> Provider:
        """Return the provider under proof."""
        pytest.fail(f"define the fixture `provider` in {type(self).__name__}")

    @pytest.fixture
    def slow_provider(self, provider: Provider) -> Provider:
        """Return a provider whose model does not answer within `short_timeout_s`."""
        return provider

    @pytest.fixture
    def failing_provider(self) -> Provider:
        """Return a provider whose every call fails."""
        pytest.skip(f"{type(self).__name__} defines no fixture `failing_provider`")

    def prompt(self, text: str = "Tell me about tokens.", **options: Any) -> Prompt:
        """Return a prompt with the contract's limits; `options` are fields of `Options`."""
        limits = {"max_tokens": self.max_tokens, "timeout_s": self.patience_s}
        return Prompt((Message.user(text),), options=Options(**{**limits, **options}))

    def with_tool(self) -> Prompt:
        """Return a prompt that offers one tool and asks for it."""
        prompt = self.prompt("What is the weather in Paris? Use the tool.", max_tokens=256)
        return Prompt(prompt.messages, (_TOOL,), prompt.options)

    def check_call(self, answer: Completion) -> None:
        """Fail unless an answer is a whole tool turn."""
        assert answer.tool_calls, "the model was offered a tool and the answer holds no call"
        assert answer.finish == "tool_calls", f"finish is {answer.finish!r} where tools were called"
        for call in answer.tool_calls:
            assert call.name == _TOOL.name, f"the call names {call.name!r}"
            assert call.raw_arguments is None, f"arguments are no JSON object: {call.raw_arguments!r}"
            assert isinstance(call.arguments, dict), "ToolCall.arguments must be a dict"
        if self.has_call_ids:
            ids = [call.id for call in answer.tool_calls]
            assert all(ids), "a call has no id: keep the server's, the tool message must repeat it"
            assert len(set(ids)) == len(ids), f"two calls share an id: {ids}"

    def ask(self, provider: Provider, prompt: Prompt) -> Completion:
        """Make one call on a loop of its own."""
        return self.run(self._and_close(provider, self.once(provider, prompt)))

    def listen(self, provider: Provider, prompt: Prompt) -> list[Chunk]:
        """Stream one answer on a loop of its own."""
        call = self.within_patience(gathered(provider, prompt), "A stream must end.")
        return self.run(self._and_close(provider, call))

    async def once(self, provider: Provider, prompt: Prompt) -> Completion:
        """Make one call."""
        return await self.within_patience(provider.complete(prompt), "complete() must end.")

    async def _and_close(self, provider: Provider, call: Coroutine[Any, Any, Value]) -> Value:
        try:
            return await call
        finally:
            await provider.aclose()

    async def times_out(self, provider: Provider, call: Callable[[Prompt], Any]) -> ProviderTimeout:
        """Return the error of a call that outlasts its limit; fail where it brings an answer."""
        before = asyncio.all_tasks()
        prompt = self.prompt(timeout_s=self.short_timeout_s)
        lesson = "Enforce options.timeout_s: `async with clock.timeout(options.timeout_s)` around the call."
        try:
            answer = await self.within_patience(call(prompt), lesson)
        except ProviderTimeout as error:
            await provider.aclose()
            await assert_no_task_left(before, "A timeout must end the call itself.")
            return error
        pytest.fail(
            f"timeout_s={self.short_timeout_s} and yet {answer!r} came. {lesson} (Where the model is "
            "faster than that, define a fixture `slow_provider`.)"
        )

    async def is_cancelled(self, provider: Provider, call: Callable[[Prompt], Any]) -> None:
        """Cancel a call and fail unless it ends as cancelled."""
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(call(self.prompt(timeout_s=None)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done(), "the model answered at once: define a fixture `slow_provider`"
        task.cancel()
        await asyncio.wait({task}, timeout=self.patience_s)
        assert task.done(), "the call goes on after its task was cancelled: let CancelledError pass"
        assert task.cancelled(), f"cancellation was swallowed: {task!r}. Let CancelledError pass."
        await provider.aclose()
        await assert_no_task_left(before, "Cancellation must end the call itself.")

    async def closes_early(self, provider: Provider) -> None:
        """Leave a stream after its first chunk, then make a call."""
        before = asyncio.all_tasks()
        stream = provider.stream(self.prompt())
        await self.within_patience(anext(stream), "A stream must begin.")
        await self.within_patience(stream.aclose(), "Closing a stream must not wait for its end.")
        await assert_no_task_left(before, "Closing the generator must end the call itself.")
        answer = await self.once(provider, self.prompt())
        await provider.aclose()
        assert answer.text, "no text from a call after a stream was closed early"

    async def closes_twice(self, provider: Provider) -> None:
        """Call, close twice, and all of it again."""
        for _ in range(2):
            answer = await self.once(provider, self.prompt())
            assert answer.text, "a provider must reconnect after aclose()"
            await provider.aclose()
            await provider.aclose()

    async def eight(self, provider: Provider) -> list[Completion]:
        """Make eight calls at once."""
        calls = asyncio.gather(*(provider.complete(self.prompt()) for _ in range(8)))
        answers = self.within_patience(calls, "Calls must not wait for one another.")
        return await self._and_close(provider, answers)

    async def fails(self, provider: Provider, call: Callable[[Prompt], Any]) -> None:
        """Fail unless a call raises an error that explains itself."""
        try:
            await self.within_patience(call(self.prompt()), "A failing call must end.")
        except ProviderError as error:
            check_error(error, provider.name)
        else:
            pytest.fail("the `failing_provider` answered")
        finally:
            with suppress(ProviderError):
                await provider.aclose()


def check_error(error: ProviderError, provider: str) -> None:
    """Fail unless an error is a leaf that explains itself and survives pickle and copy."""
    assert type(error) is not ProviderError, "raise a leaf of ProviderError, not the root"
    assert error.what, "the error does not say what happened"
    assert error.where, "the error does not say where"
    assert error.fix, "the error does not say how to mend"
    assert error.provider == provider, f"the error names the provider {error.provider!r}"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(twin) is type(error), "the error changes its type when it is pickled"
        assert str(twin) == str(error), "the error loses its text when it is pickled"
        assert twin.retry_after_s == error.retry_after_s, "the error loses its facts when it is pickled"


def check_timing(answer: Completion) -> None:
    """Fail where the times of an answer cannot be."""
    timing = answer.timing
    assert timing.total_ms >= 0, f"total_ms is {timing.total_ms}"
    if timing.ttft_ms is not None:
        assert 0 <= timing.ttft_ms <= timing.total_ms, (
            f"ttft_ms is {timing.ttft_ms}, total_ms {timing.total_ms}: both count from the start of the call"
        )


def parsed(answer: Completion) -> Any:
    """Return the answer's JSON value; fail where it is none."""
    try:
        return json.loads(answer.text)
    except ValueError:
        pytest.fail(f"the answer is no JSON: {answer.text[:200]!r}. Send the dialect's JSON setting.")


def collected(chunks: list[Chunk]) -> Completion:
    """Return what the chunks add up to."""
    collector = ChunkCollector()
    for chunk in chunks:
        collector.feed(chunk)
    return collector.completion()


async def gathered(provider: Provider, prompt: Prompt) -> list[Chunk]:
    """Return the chunks of one stream."""
    return [chunk async for chunk in provider.stream(prompt)]
