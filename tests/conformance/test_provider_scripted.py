"""The scripted model keeps the provider contract."""

from __future__ import annotations

import json

import pytest

from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.providers.scripted import Answer, ScriptedProvider
from pytest_llmharness.contracts import ProviderContract
from pytest_llmharness.domain import fault
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.tool import ToolCall
from pytest_llmharness.domain.usage import Usage


def obedient(prompt: Prompt) -> Answer:
    """Answer any prompt as a good model would."""
    options = prompt.options
    if options.output_schema is not None:
        return json.dumps({"answer": "yes", "sure": True})
    if options.json_mode:
        return "{}"
    if prompt.tools and prompt.messages[-1].role != "tool":
        return ToolCall("get_weather", {"city": "Paris"})
    if options.max_tokens is not None and options.max_tokens < 4:
        return Completion("two tokens", finish="length", usage=Usage(5, options.max_tokens), model="scripted")
    return "Tokens are the pieces a text is cut into."


class TestScriptedProvider(ProviderContract):
    deterministic = True

    @pytest.fixture
    def provider(self) -> ScriptedProvider:
        return ScriptedProvider([obedient] * 16, clock=VirtualClock())

    @pytest.fixture
    def slow_provider(self) -> ScriptedProvider:
        return ScriptedProvider([fault.hang()], clock=VirtualClock())

    @pytest.fixture(
        params=[fault.rate_limit(2), fault.server_error(), fault.refuse_connection(), fault.cut()]
    )
    def failing_provider(self, request: pytest.FixtureRequest) -> ScriptedProvider:
        return ScriptedProvider([request.param] * 2)
