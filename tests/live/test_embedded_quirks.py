"""What the real server does that one would not expect: a harness has to live with each of these."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_llmharness.live.embedded import EmbeddedEngine

openai = pytest.importorskip("openai")

HELLO = [{"role": "user", "content": "hello there"}]


def tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


@pytest.fixture(scope="module")
def client(embedded_engine: EmbeddedEngine) -> Iterator[Any]:
    url, key = embedded_engine.base_url, embedded_engine.api_key
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


def ask(client: Any, messages: Any = HELLO, **options: Any) -> Any:
    return client.chat.completions.create(**{"model": "toy", "messages": messages, "seed": 1} | options)


def test_an_unknown_model_is_answered(client: Any) -> None:
    """A wrong model name is no error: 200, and the reply names the model that is there."""
    assert ask(client, model="no-such-model").model == "toy"


def test_a_named_tool_choice_is_ignored(client: Any) -> None:
    """Naming one tool works like "auto": other tools are called."""
    choice = {"type": "function", "function": {"name": "weather"}}
    called = {
        ask(client, tools=[tool("weather"), tool("time")], tool_choice=choice, seed=seed)
        .choices[0]
        .message.tool_calls[0]
        .function.name
        for seed in range(20)
    }
    assert called == {"weather", "time"}


def test_tool_choice_none_writes_the_call_as_text(client: Any) -> None:
    """The tools stay in the prompt, so the toy writes its tag, and nobody parses it."""
    choice = ask(client, tools=[tool("weather")], tool_choice="none").choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.tool_calls is None
    assert choice.message.content.startswith("<tool_call>")


def test_a_limit_inside_a_tool_call_leaves_broken_arguments(client: Any) -> None:
    """The reason "length" comes with a tool call whose arguments are cut in the middle."""
    whole = ask(client, tools=[tool("weather")])
    limit = whole.usage.completion_tokens - 6
    cut = ask(client, tools=[tool("weather")], max_tokens=limit).choices[0]
    assert cut.finish_reason == "length"
    arguments = cut.message.tool_calls[0].function.arguments
    assert whole.choices[0].message.tool_calls[0].function.arguments.startswith(arguments)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        json.loads(arguments)


@pytest.mark.parametrize("stream", [False, True])
def test_too_long_a_prompt_names_its_error_type(client: Any, stream: bool) -> None:
    """400 `exceed_context_size_error` with both sizes, before any stream begins."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, [{"role": "user", "content": "x" * 9000}], stream=stream)
    assert caught.value.body["type"] == "exceed_context_size_error"
    assert caught.value.body["n_prompt_tokens"] > caught.value.body["n_ctx"] == 2048


def test_cached_tokens_depend_on_what_ran_before(client: Any) -> None:
    """The same request reports other cached tokens the second time, unless caching is off."""
    prompt = [{"role": "user", "content": "a question that nobody asked before"}]

    def cached(**options: Any) -> list[int]:
        answers = [ask(client, prompt, extra_body=options) for _ in range(2)]
        return [answer.usage.prompt_tokens_details.cached_tokens for answer in answers]

    first, second = cached()
    assert second > first
    assert cached(cache_prompt=False) == [0, 0]


def test_ids_and_times_change_with_every_call(client: Any) -> None:
    """Two equal calls differ in their ids: a cassette must not compare them."""
    one, two = (ask(client, tools=[tool("weather")], max_tokens=200) for _ in range(2))
    calls = [answer.choices[0].message.tool_calls[0] for answer in (one, two)]
    assert calls[0].function == calls[1].function
    assert one.id != two.id
    assert calls[0].id != calls[1].id
