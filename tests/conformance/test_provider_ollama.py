"""The Ollama adapter keeps the provider contract on our model server, scripted and on llama.cpp."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.providers.ollama import OllamaProvider
from pytest_llmharness.adapters.providers.openai import OpenAIProvider
from pytest_llmharness.adapters.providers.scripted import Answer
from pytest_llmharness.contracts import ProviderContract
from pytest_llmharness.domain import fault
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.tool import ToolCall
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.server import ModelServer


def ollama(url: str) -> OllamaProvider:
    return OllamaProvider(model="toy", base_url=url, clock=SystemClock())


def obedient(prompt: Prompt) -> Answer:
    """Answer any prompt as a good model would."""
    if prompt.options.output_schema is not None:
        return json.dumps({"answer": "yes", "sure": True})
    if prompt.options.json_mode:
        return "{}"
    if prompt.tools and prompt.messages[-1].role != "tool":
        return ToolCall("get_weather", {"city": "Paris"})
    if prompt.options.max_tokens == 2:
        return Completion("two tokens", finish="length", usage=Usage(5, 2), model="toy")
    return "Tokens are the pieces a text is cut into."


class OllamaContract(ProviderContract):
    """What both servers behind the dialect have in common."""

    has_call_ids = False
    deterministic = True
    short_timeout_s = 0.02

    @pytest.fixture
    def slow_provider(self) -> Iterator[OllamaProvider]:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            yield ollama(f"http://127.0.0.1:{deaf.getsockname()[1]}")

    @pytest.fixture
    def failing_provider(self) -> Iterator[OllamaProvider]:
        with ModelServer([fault.rate_limit(2), fault.server_error()]) as server:
            yield ollama(server.url("ollama"))


class TestOnAScript(OllamaContract):
    @pytest.fixture
    def provider(self) -> Iterator[OllamaProvider]:
        with ModelServer([obedient] * 16) as server:
            yield ollama(server.url("ollama"))


class TestOnLlamaCpp(OllamaContract):
    @pytest.fixture
    def provider(self, embedded_engine: EmbeddedEngine) -> Iterator[OllamaProvider]:
        model = OpenAIProvider(
            model="toy",
            base_url=embedded_engine.base_url,
            api_key=embedded_engine.api_key,
            clock=SystemClock(),
        )
        with ModelServer(model) as server:
            yield ollama(server.url("ollama"))
