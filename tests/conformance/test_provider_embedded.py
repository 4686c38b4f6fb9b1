"""OpenAI and Anthropic adapters keep the provider contract on a real llama.cpp server (a toy model)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.providers.anthropic import AnthropicProvider
from pytest_llmharness.adapters.providers.openai import OpenAIProvider
from pytest_llmharness.contracts import ProviderContract
from pytest_llmharness.domain.completion import ChunkCollector, Completion
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.tool import ToolSpec
from pytest_llmharness.errors import AuthenticationFailed, ContextOverflow
from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.ports.provider import Provider

TOOL = ToolSpec(
    "get_weather", "Tell the weather.", {"type": "object", "properties": {"city": {"type": "string"}}}
)


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where connections are taken and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def openai(url: str, key: str) -> OpenAIProvider:
    return OpenAIProvider(model="toy", base_url=url, api_key=key, clock=SystemClock())


def anthropic(url: str, key: str) -> AnthropicProvider:
    return AnthropicProvider(model="toy", base_url=url, api_key=key, clock=SystemClock())


class TestOpenAIProvider(ProviderContract):
    deterministic = True
    short_timeout_s = 0.02

    @pytest.fixture
    def provider(self, embedded_engine: EmbeddedEngine) -> OpenAIProvider:
        return openai(embedded_engine.base_url, embedded_engine.api_key)

    @pytest.fixture
    def slow_provider(self, deaf: str) -> OpenAIProvider:
        return openai(deaf, "sk-local")

    @pytest.fixture
    def failing_provider(self, embedded_engine: EmbeddedEngine) -> OpenAIProvider:
        return openai(embedded_engine.base_url, "sk-wrong")


class TestAnthropicProvider(ProviderContract):
    deterministic = True
    short_timeout_s = 0.02

    @pytest.fixture
    def provider(self, embedded_engine: EmbeddedEngine) -> AnthropicProvider:
        return anthropic(embedded_engine.base_url, embedded_engine.api_key)

    @pytest.fixture
    def slow_provider(self, deaf: str) -> AnthropicProvider:
        return anthropic(deaf, "sk-local")

    @pytest.fixture
    def failing_provider(self, embedded_engine: EmbeddedEngine) -> AnthropicProvider:
        return anthropic(embedded_engine.base_url, "sk-wrong")


@pytest.fixture(params=[openai, anthropic])
def provider(request: pytest.FixtureRequest, embedded_engine: EmbeddedEngine) -> Provider:
    made: Provider = request.param(embedded_engine.base_url, embedded_engine.api_key)
    return made


async def streamed(provider: Provider, prompt: Prompt) -> Completion:
    collector = ChunkCollector()
    async for chunk in provider.stream(prompt):
        collector.feed(chunk)
    return collector.completion()


def test_too_long_a_prompt_is_context_overflow(provider: Provider) -> None:
    """The real server's refusal of a long prompt is known by its code, streamed or not."""
    prompt = Prompt((Message.user("token " * 10_000),))
    for call in (provider.complete, lambda prompt: streamed(provider, prompt)):
        with pytest.raises(ContextOverflow, match="context"):
            asyncio.run(call(prompt))


def test_wrong_key_is_refused(embedded_engine: EmbeddedEngine) -> None:
    """The real server's refusal of a key is named, and the key is not shown."""
    for make in (openai, anthropic):
        with pytest.raises(AuthenticationFailed) as caught:
            asyncio.run(
                make(embedded_engine.base_url, "sk-wrong-5150").complete(Prompt((Message.user("hi"),)))
            )
        assert "sk-wrong-5150" not in str(caught.value)


def test_tool_call_cut_by_the_limit_never_looks_whole(provider: Provider) -> None:
    """A real server that is cut inside a call gives no call that could run."""
    prompt = Prompt((Message.user("What is the weather in Paris?"),), (TOOL,))
    whole = asyncio.run(streamed(provider, prompt))
    assert whole.finish == "tool_calls"
    length, raw = whole.usage.tokens_out, 0
    for tokens in (length // 2, length * 3 // 4):
        cut = Prompt(prompt.messages, prompt.tools, Options(max_tokens=tokens))
        for answer in (asyncio.run(streamed(provider, cut)), asyncio.run(provider.complete(cut))):
            assert answer.finish == "length"
            calls = [call for call in answer.tool_calls if call.raw_arguments is None]
            assert all(call.arguments == whole.tool_calls[0].arguments for call in calls)
            raw += len(answer.tool_calls) - len(calls)
    assert raw > 0, "no cut hit the arguments"


def test_openai_learns_the_first_token_time_from_the_server(embedded_engine: EmbeddedEngine) -> None:
    """llama.cpp reports how long it read the prompt, also unstreamed."""
    answer = asyncio.run(
        openai(embedded_engine.base_url, embedded_engine.api_key).complete(Prompt((Message.user("hi"),)))
    )
    assert answer.timing.ttft_ms is not None
    assert 0 < answer.timing.ttft_ms < answer.timing.total_ms
