"""What the embedded engine answers: real plumbing that ends by itself, around words of no meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.live.toy_text import SENTENCES

openai = pytest.importorskip("openai")

SEEDS = range(20)
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello there"}]
WORDS = {word.strip(".") for sentence in SENTENCES for word in sentence.split()}
RECORDS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "score": {"type": "number"},
            "count": {"type": "integer"},
            "good": {"type": "boolean"},
        },
        "required": ["name", "score", "count", "good"],
        "additionalProperties": False,
    },
}
ORDER = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "route": {"enum": ["billing", "technical"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3},
        "note": {"type": ["string", "null"]},
    },
    "required": ["title", "route", "score", "tags"],
    "additionalProperties": False,
}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in ("weather", "time")
]


@pytest.fixture(scope="module")
def client(embedded_engine: EmbeddedEngine) -> Iterator[Any]:
    url, key = embedded_engine.base_url, embedded_engine.api_key
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


def ask(client: Any, seed: int, messages: Any = None, **options: Any) -> Any:
    return client.chat.completions.create(
        model="toy", messages=messages or HELLO, seed=seed, max_tokens=1024, **options
    )


def constrained(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize("temperature", [0, 0.8, 1.5])
def test_a_plain_answer_is_a_short_text(client: Any, temperature: float) -> None:
    """Without tools and schema: words of the sentences, 5 to 60 tokens, and it stops by itself."""
    for seed in SEEDS if temperature else [0]:
        answer = ask(client, seed, temperature=temperature)
        assert answer.choices[0].finish_reason == "stop"
        assert 5 <= answer.usage.completion_tokens <= 60
        assert {word.strip(".") for word in answer.choices[0].message.content.split()} <= WORDS


@pytest.mark.parametrize("schema", [RECORDS, ORDER], ids=["records", "order"])
@pytest.mark.parametrize("temperature", [0, 0.8])
def test_constrained_json_ends_by_itself(client: Any, schema: Any, temperature: float) -> None:
    """Strings, numbers, lists and objects all close: valid JSON, finish "stop", for every seed."""
    for seed in SEEDS if temperature else [0]:
        answer = ask(client, seed, temperature=temperature, response_format=constrained(schema))
        assert answer.choices[0].finish_reason == "stop", answer.choices[0].message.content[:300]
        jsonschema.validate(json.loads(answer.choices[0].message.content), schema)


def test_a_list_of_records_is_never_empty_at_temperature_zero(client: Any) -> None:
    """Constrained answers carry something to work on, not just brackets."""
    answer = ask(client, 0, temperature=0, response_format=constrained(RECORDS))
    records = json.loads(answer.choices[0].message.content)
    assert records
    assert all(record["name"] for record in records)


def test_any_json_object_ends_by_itself(client: Any) -> None:
    """`json_object` without a schema is closed too."""
    for seed in SEEDS[:8]:
        answer = ask(client, seed, response_format={"type": "json_object"})
        assert answer.choices[0].finish_reason == "stop"
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_a_tool_turn_is_one_call_then_text(client: Any) -> None:
    """A question with tools is answered by exactly one call, and its result by text, for every seed."""
    called = set()
    for seed in SEEDS:
        turn = ask(client, seed, tools=TOOLS).choices[0]
        call = the_call(turn)
        called.add(call.function.name)
        text = ask(client, seed, told(turn, call), tools=TOOLS)
        assert text.choices[0].finish_reason == "stop"
        assert not text.choices[0].message.tool_calls
        assert 5 <= text.usage.completion_tokens <= 60
    assert called == {"weather", "time"}


def test_a_new_question_is_a_new_tool_turn(client: Any) -> None:
    """Results of past turns do not count: the next question opens with a call again."""
    turn = ask(client, 0, tools=TOOLS).choices[0]
    past = [*told(turn, the_call(turn)), {"role": "assistant", "content": "It is blue."}]
    for seed in SEEDS[:5]:
        the_call(ask(client, seed, [*past, {"role": "user", "content": "And now?"}], tools=TOOLS).choices[0])


@pytest.mark.parametrize(
    "options", [{"tool_choice": "required"}, {"temperature": 0}, {"parallel_tool_calls": True}]
)
def test_a_tool_turn_is_one_call_with_other_options(client: Any, options: dict[str, Any]) -> None:
    """Required, greedy or with leave to call in parallel: still one call."""
    for seed in SEEDS[:4]:
        the_call(ask(client, seed, tools=TOOLS, **options).choices[0])


def the_call(turn: Any) -> Any:
    assert turn.finish_reason == "tool_calls"
    (call,) = turn.message.tool_calls
    jsonschema.validate(json.loads(call.function.arguments), PARAMETERS)
    return call


def told(turn: Any, call: Any) -> list[Any]:
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"sky": ["blue"]}'}
    return [*HELLO, turn.message.model_dump(exclude_none=True), result]


def test_a_streamed_tool_call_is_the_whole_one(client: Any) -> None:
    """The arguments that come in pieces are the arguments that come at once."""
    whole = ask(client, 3, tools=TOOLS).choices[0].message.tool_calls[0].function
    name, pieces = "", []
    for chunk in ask(client, 3, tools=TOOLS, stream=True):
        for delta in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            name += delta.function.name or ""
            pieces.append(delta.function.arguments or "")
    assert len(pieces) > 3
    assert (name, "".join(pieces)) == (whole.name, whole.arguments)


def test_a_seed_fixes_the_answer(client: Any) -> None:
    """The same seed gives the same words, cached prompt or not; other seeds give others."""
    texts = [
        ask(client, seed, extra_body={"cache_prompt": cached}).choices[0].message.content
        for seed in SEEDS
        for cached in (True, False)
    ]
    assert texts[::2] == texts[1::2]
    assert len(set(texts)) > len(SEEDS) / 2
