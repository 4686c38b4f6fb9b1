"""What each dialect sends for a prompt, and what it makes of an answer, over a real server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import respx

from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.providers import anthropic_wire, openai_wire
from pytest_llmharness.adapters.providers.anthropic import AnthropicProvider
from pytest_llmharness.adapters.providers.known_servers import KNOWN_SERVERS
from pytest_llmharness.adapters.providers.ollama import OllamaProvider
from pytest_llmharness.adapters.providers.openai import OpenAIProvider
from pytest_llmharness.domain.completion import ChunkCollector, Completion
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.tool import ToolCall, ToolSpec
from pytest_llmharness.domain.usage import Usage
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.ports.provider import Provider

SCHEMA = {
    "type": "object",
    "properties": {
        "point": {"type": "object", "properties": {"x": {"type": "number", "minimum": 0}}, "required": ["x"]},
        "unit": {"$ref": "#/$defs/unit"},
    },
    "required": ["point"],
    "additionalProperties": False,
    "$defs": {"unit": {"enum": ["m", "km", None]}},
}
TOOL = ToolSpec("locate", "Find a point.", SCHEMA)
EVERYTHING = Options(temperature=0.5, max_tokens=7, top_p=0.9, seed=42, stop=("END",))
NOTHING = Options(temperature=None, max_tokens=None)
CALLS = (ToolCall("locate", {"point": {"x": 1}}, "a"), ToolCall("locate", {"point": {"x": 2}}, "b"))
TALK = (
    Message.system("Be brief."),
    Message.user("Where?"),
    Message.assistant("Let me see.", CALLS),
    Message.tool(CALLS[0], "here"),
    Message.tool(CALLS[1], "there"),
    Message.user("Thanks."),
)
WITHOUT_IDS = tuple(ToolCall(call.name, call.arguments) for call in CALLS)
TALK_WITHOUT_IDS = (
    Message.user("Where?"),
    Message.assistant("", WITHOUT_IDS),
    Message.tool(WITHOUT_IDS[0], "here"),
    Message.tool(WITHOUT_IDS[1], "there"),
)


# --- a server that remembers what it was asked ---


@dataclass
class Recorder:
    """Answers every POST with the next of its answers (the last one again and again)."""

    url: str = ""
    answers: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def will_say(self, answer: Any) -> None:
        """Answer in JSON; a list is a stream of server-sent events."""
        if isinstance(answer, list):
            self.answers.append(("text/event-stream", "".join(map(_framed, answer))))
        else:
            self.answers.append(("application/json", json.dumps(answer)))


def _framed(event: dict[str, Any]) -> str:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    told = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            kind, text = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def complete(provider: Provider, prompt: Prompt) -> Completion:
    async def call() -> Completion:
        try:
            return await provider.complete(prompt)
        finally:
            await provider.aclose()

    return asyncio.run(call())


def stream(provider: Provider, prompt: Prompt) -> Completion:
    async def call() -> Completion:
        collector = ChunkCollector()
        async for chunk in provider.stream(prompt):
            collector.feed(chunk)
        await provider.aclose()
        return collector.completion()

    return asyncio.run(call())


def ask(text: str = "hi", options: Options = NOTHING, tools: tuple[ToolSpec, ...] = ()) -> Prompt:
    return Prompt((Message.user(text),), tools, options)


# --- OpenAI ---


def openai_answer(**message: Any) -> dict[str, Any]:
    return {
        "model": "toy-1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def openai_chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "toy-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def piece(index: int, id: str | None, **function: str) -> dict[str, Any]:
    return {"index": index, "id": id, "function": function}


@pytest.fixture
def openai(recorder: Recorder) -> OpenAIProvider:
    recorder.will_say(openai_answer(content="hello"))
    return OpenAIProvider(model="toy", base_url=f"{recorder.url}/v1", api_key="sk-1", clock=SystemClock())


def test_openai_sends_the_options_it_was_given(openai: OpenAIProvider, recorder: Recorder) -> None:
    """Every option has its field, and None leaves its field out."""
    complete(openai, ask(options=EVERYTHING))
    complete(openai, ask(options=Options(model="other", temperature=None, max_tokens=None)))
    messages = [{"role": "user", "content": "hi"}]
    assert recorder.bodies[0] == {
        "model": "toy",
        "messages": messages,
        "temperature": 0.5,
        "max_tokens": 7,
        "top_p": 0.9,
        "seed": 42,
        "stop": ["END"],
    }
    assert recorder.bodies[1] == {"model": "other", "messages": messages}


def test_openai_itself_gets_the_new_name_of_the_limit() -> None:
    """OpenAI's own API gets max_completion_tokens, which its newer models insist on."""
    body = openai_wire.request(ask(options=EVERYTHING), "m", at_openai=True)
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


def test_openai_json_modes(openai: OpenAIProvider, recorder: Recorder) -> None:
    """A schema wins over JSON mode, and goes out unchanged."""
    complete(openai, ask(options=Options(json_mode=True)))
    complete(openai, ask(options=Options(json_mode=True, output_schema=SCHEMA)))
    formats = [body["response_format"] for body in recorder.bodies]
    assert formats[0] == {"type": "json_object"}
    assert formats[1] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


def test_openai_sends_tools_and_their_results(openai: OpenAIProvider, recorder: Recorder) -> None:
    """Tool specs, calls and results keep their schemas, ids and order."""
    complete(openai, Prompt(TALK, (TOOL,), NOTHING))
    body = recorder.bodies[0]
    function = {"name": "locate", "description": "Find a point.", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert [message["role"] for message in body["messages"]] == [m.role for m in TALK]
    sent = body["messages"][2]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in sent] == [call.arguments for call in CALLS]
    assert [call["id"] for call in sent] == ["a", "b"]
    assert body["messages"][4] == {"role": "tool", "tool_call_id": "b", "content": "there"}


def test_openai_gives_ids_to_calls_without(openai: OpenAIProvider, recorder: Recorder) -> None:
    """A history from a dialect without ids gets them, the same in call and result."""
    complete(openai, Prompt(TALK_WITHOUT_IDS, (TOOL,), NOTHING))
    messages = recorder.bodies[0]["messages"]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert ids == [message["tool_call_id"] for message in messages[2:]] == ["call_1", "call_2"]


def test_openai_reads_an_answer(openai: OpenAIProvider) -> None:
    """Text, finish, usage and model are the server's; an unstreamed first token is unknown."""
    answer = complete(openai, ask())
    assert (answer.text, answer.finish, answer.usage, answer.model) == ("hello", "stop", Usage(3, 2), "toy-1")
    assert answer.timing.ttft_ms is None
    assert answer.timing.total_ms > 0


def test_openai_takes_a_first_token_time_where_one_is_told(
    openai: OpenAIProvider, recorder: Recorder
) -> None:
    """llama.cpp tells how long it read the prompt."""
    recorder.answers.clear()
    recorder.will_say({**openai_answer(content="x"), "timings": {"prompt_ms": 1.25}})
    assert complete(openai, ask()).timing.ttft_ms == 1.25


@pytest.mark.parametrize(("arguments", "raw"), [('{"city": "Bonn"}', None), ("{", "{"), ("[1]", "[1]")])
def test_openai_keeps_cut_arguments_raw(
    openai: OpenAIProvider, recorder: Recorder, arguments: str, raw: str | None
) -> None:
    """Arguments that are no JSON object are kept as they came, streamed or not."""
    call = {"id": "a", "index": 0, "type": "function", "function": {"name": "f", "arguments": arguments}}
    recorder.answers.clear()
    recorder.will_say(openai_answer(content=None, tool_calls=[call]))
    recorder.will_say([openai_chunk(tool_calls=[call]), openai_chunk("length")])
    for answer in (complete(openai, ask()), stream(openai, ask())):
        assert answer.tool_calls[0].raw_arguments == raw
        assert answer.tool_calls[0].arguments == ({} if raw else {"city": "Bonn"})


def test_openai_stream_adds_up(openai: OpenAIProvider, recorder: Recorder) -> None:
    """Pieces of two interleaved calls, text and a late usage chunk become one completion."""
    recorder.answers.clear()
    recorder.will_say(
        [
            openai_chunk(role="assistant", content=None),
            openai_chunk(content="Let "),
            openai_chunk(content="me."),
            openai_chunk(
                tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]
            ),
            openai_chunk(tool_calls=[{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]),
            openai_chunk(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
            openai_chunk("tool_calls"),
            {"model": "toy-1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
        ]
    )
    answer = stream(openai, ask())
    assert recorder.bodies[0]["stream"] is True
    assert recorder.bodies[0]["stream_options"] == {"include_usage": True}
    assert answer.text == "Let me."
    assert answer.tool_calls == (ToolCall("f", {"x": 1}, "a"), ToolCall("g", {}, "b"))
    assert (answer.finish, answer.usage) == ("tool_calls", Usage(9, 4))


def test_openai_reads_a_lost_usage_as_zero(openai: OpenAIProvider, recorder: Recorder) -> None:
    """An answer without usage is an answer."""
    recorder.answers.clear()
    recorder.will_say({**openai_answer(content="x"), "usage": None})
    assert complete(openai, ask()).usage == Usage(0, 0)


@pytest.mark.parametrize(("key", "sent"), [("sk-1", "Bearer sk-1"), (None, None)])
def test_openai_sends_no_key_of_the_environment_to_loopback(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, key: str | None, sent: str | None
) -> None:
    """A local server gets the key it was given, never the paid one, nor the account."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-paid")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-mine")
    recorder.will_say(openai_answer(content="x"))
    complete(OpenAIProvider(model="m", base_url=recorder.url, api_key=key, clock=SystemClock()), ask())
    assert recorder.headers[0].get("authorization") == sent
    assert not {"openai-organization", "openai-project"} & set(recorder.headers[0])


def test_openai_goes_where_the_environment_says(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENAI_BASE_URL moves the address, and then the environment's key goes along."""
    monkeypatch.setenv("OPENAI_BASE_URL", recorder.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    recorder.will_say(openai_answer(content="x"))
    provider = OpenAIProvider(model="m", clock=SystemClock(), headers={"X-Team": "blue"})
    assert complete(provider, ask()).text == "x"
    assert recorder.headers[0]["authorization"] == "Bearer sk-env"
    assert recorder.headers[0]["x-team"] == "blue"


def test_openai_knows_servers_by_name() -> None:
    """Every known server makes a provider of its name; an unknown name needs an address."""
    for name in set(KNOWN_SERVERS) - {"ollama"}:
        assert OpenAIProvider(model="m", name=name, clock=SystemClock()).name == name
    assert OpenAIProvider(model="m", name="mine", base_url="http://h/v1", clock=SystemClock()).name == "mine"
    with pytest.raises(ConfigError, match="'mine'"):
        OpenAIProvider(model="m", name="mine", clock=SystemClock())


# --- Anthropic ---


def anthropic_answer(*content: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2}
    return {
        "type": "message",
        "model": "toy-1",
        "content": list(content),
        "stop_reason": stop,
        "usage": usage,
    }


def anthropic_events(*blocks: tuple[dict[str, Any], list[dict[str, Any]]], stop: str) -> list[dict[str, Any]]:
    message = {
        "model": "toy-1",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}})
    return [*events, {"type": "message_stop"}]


def text_block(*pieces: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]


def tool_block(name: str, *pieces: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return {"type": "tool_use", "id": f"id-{name}", "name": name, "input": {}}, deltas


@pytest.fixture
def anthropic(recorder: Recorder) -> AnthropicProvider:
    recorder.will_say(anthropic_answer({"type": "text", "text": "hello"}))
    return AnthropicProvider(model="toy", base_url=f"{recorder.url}/v1", api_key="sk-1", clock=SystemClock())


def test_anthropic_sends_the_options_it_was_given(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """Options have their fields; max_tokens has a default because the API demands it."""
    complete(anthropic, ask(options=EVERYTHING))
    complete(anthropic, ask())
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert recorder.bodies[0] == {
        "model": "toy",
        "messages": messages,
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
    }
    assert recorder.bodies[1] == {"model": "toy", "messages": messages, "max_tokens": 4096}
    assert recorder.headers[0]["authorization"] == "Bearer sk-1"


def test_anthropic_turns(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """The system text stands apart, and results of one turn's calls share one user turn."""
    complete(anthropic, Prompt(TALK, (TOOL,), NOTHING))
    body = recorder.bodies[0]
    assert body["system"] == "Be brief."
    assert body["tools"] == [{"name": "locate", "description": "Find a point.", "input_schema": SCHEMA}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "a", "name": "locate", "input": {"point": {"x": 1}}},
        {"type": "tool_use", "id": "b", "name": "locate", "input": {"point": {"x": 2}}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "here"},
        {"type": "tool_result", "tool_use_id": "b", "content": "there"},
    ]


def test_anthropic_gives_ids_to_calls_without(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """A history from a dialect without ids gets them, the same in call and result."""
    complete(anthropic, Prompt(TALK_WITHOUT_IDS, (TOOL,), NOTHING))
    _, calls, results = recorder.bodies[0]["messages"]
    assert [call["id"] for call in calls["content"]] == ["call_1", "call_2"]
    assert [result["tool_use_id"] for result in results["content"]] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "unknown"),
    ],
)
def test_anthropic_finish(anthropic: AnthropicProvider, recorder: Recorder, stop: str, finish: str) -> None:
    """Every stop reason has its finish, streamed or not; cached prompt tokens count."""
    recorder.answers.clear()
    recorder.will_say(anthropic_answer({"type": "text", "text": "hello"}, stop=stop))
    recorder.will_say(anthropic_events(text_block("hel", "lo"), stop=stop))
    for answer in (complete(anthropic, ask()), stream(anthropic, ask())):
        assert (answer.text, answer.finish, answer.usage) == ("hello", finish, Usage(7, 2))
        assert answer.model == "toy-1"


def test_anthropic_tool_calls(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """Text and two calls arrive alike, streamed or not."""
    recorder.answers.clear()
    uses = [{"type": "tool_use", "id": f"id-{name}", "name": name, "input": {"x": 1}} for name in ("f", "g")]
    recorder.will_say(anthropic_answer({"type": "text", "text": "Let me."}, *uses, stop="tool_use"))
    blocks = (text_block("Let ", "me."), tool_block("f", '{"x"', ": 1}"), tool_block("g", '{"x": 1}'))
    recorder.will_say(anthropic_events(*blocks, stop="tool_use"))
    for answer in (complete(anthropic, ask(tools=(TOOL,))), stream(anthropic, ask(tools=(TOOL,)))):
        assert answer.text == "Let me."
        assert answer.tool_calls == (ToolCall("f", {"x": 1}, "id-f"), ToolCall("g", {"x": 1}, "id-g"))
        assert answer.finish == "tool_calls"


def test_anthropic_keeps_cut_arguments_raw(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """A call that max_tokens cut off never looks whole."""
    recorder.answers.clear()
    use = {"type": "tool_use", "id": "id-f", "name": "f", "input": {}}
    recorder.will_say(anthropic_answer(use, stop="max_tokens"))
    recorder.will_say(anthropic_events(tool_block("f", '{"x'), stop="max_tokens"))
    answers = (complete(anthropic, ask()), stream(anthropic, ask()))
    assert [answer.tool_calls[0].raw_arguments for answer in answers] == ["{}", '{"x']
    assert {answer.finish for answer in answers} == {"length"}


REFERRING = {"$ref": "#/$defs/n", "$defs": {"n": {"type": "array"}}}
WRAPPED = {
    "type": "object",
    "properties": {"answer": {"$ref": "#/$defs/n"}},
    "required": ["answer"],
    "$defs": {"n": {"type": "array"}},
}


@pytest.mark.parametrize(
    ("options", "schema", "answered"),
    [
        (Options(json_mode=True), {"type": "object"}, ('{"a"', ": 1}", '{"a": 1}')),
        (Options(output_schema=SCHEMA), SCHEMA, ('{"a"', ": 1}", '{"a": 1}')),
        (Options(output_schema=REFERRING), WRAPPED, ('{"answer"', ": [1]}", "[1]")),
    ],
)
def test_anthropic_json_by_a_forced_tool(
    recorder: Recorder, options: Options, schema: Any, answered: tuple[str, str, str]
) -> None:
    """Where the API has no JSON mode a forced tool's arguments are the answer's text."""
    *pieces, text = answered
    use = {"type": "tool_use", "id": "x", "name": "json_answer", "input": json.loads("".join(pieces))}
    recorder.will_say(anthropic_answer(use, stop="tool_use"))
    recorder.will_say(anthropic_events(tool_block("json_answer", *pieces), stop="tool_use"))
    provider = AnthropicProvider(model="toy", base_url=recorder.url, clock=SystemClock())
    for answer in (complete(provider, ask(options=options)), stream(provider, ask(options=options))):
        assert (answer.text, answer.finish, answer.tool_calls) == (text, "stop", ())
    assert recorder.bodies[0]["tools"][0]["input_schema"] == schema
    forced = {"type": "tool", "name": "json_answer", "disable_parallel_tool_use": True}
    assert recorder.bodies[0]["tool_choice"] == forced
    assert "authorization" not in recorder.headers[0]


def test_anthropic_json_takes_the_first_of_many_answers(
    anthropic: AnthropicProvider, recorder: Recorder
) -> None:
    """A model that answers again and again until it is cut has answered once, and wholly."""
    recorder.answers.clear()
    uses = [{"type": "tool_use", "id": str(x), "name": "json_answer", "input": {"x": x}} for x in (1, 2)]
    blocks = (tool_block("json_answer", '{"x": ', "1}"), tool_block("json_answer", '{"x'))
    recorder.will_say(anthropic_answer(*uses, stop="max_tokens"))
    recorder.will_say(anthropic_events(*blocks, stop="max_tokens"))
    prompt = ask(options=Options(json_mode=True))
    for answer in (complete(anthropic, prompt), stream(anthropic, prompt)):
        assert (answer.text, answer.finish, answer.tool_calls) == ('{"x": 1}', "stop", ())


def test_anthropic_json_that_was_cut_is_not_whole(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """An answer cut by the token limit never looks like an empty object."""
    recorder.answers.clear()
    use = {"type": "tool_use", "id": "x", "name": "json_answer", "input": {}}
    recorder.will_say(anthropic_answer(use, stop="max_tokens"))
    recorder.will_say(anthropic_events(tool_block("json_answer", '{"x'), stop="max_tokens"))
    prompt = ask(options=Options(json_mode=True))
    answers = (complete(anthropic, prompt), stream(anthropic, prompt))
    assert [answer.text for answer in answers] == ["", '{"x']
    assert {answer.finish for answer in answers} == {"length"}


def test_anthropic_json_leaves_other_tools_in_reach(anthropic: AnthropicProvider, recorder: Recorder) -> None:
    """With tools on offer the model may call one of them before it answers."""
    recorder.answers.clear()
    use = {"type": "tool_use", "id": "x", "name": "locate", "input": {}}
    recorder.will_say(anthropic_answer(use, stop="tool_use"))
    answer = complete(anthropic, ask(options=Options(json_mode=True), tools=(TOOL,)))
    assert [tool["name"] for tool in recorder.bodies[0]["tools"]] == ["locate", "json_answer"]
    assert recorder.bodies[0]["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert (answer.finish, answer.tool_calls[0].name) == ("tool_calls", "locate")


def test_anthropic_itself_enforces_schemas_and_takes_no_sampling() -> None:
    """Anthropic's own API gets output_config, and neither temperature nor top_p."""
    options = Options(temperature=0.5, top_p=0.9, output_schema={"type": "object", "properties": {}})
    body = anthropic_wire.request(ask(options=options), "claude", at_home=True)
    schema = body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert set(body) == {"model", "max_tokens", "messages", "output_config"}


def test_anthropic_itself_gets_a_schema_the_sdk_cannot_adapt_as_it_is() -> None:
    """What the SDK's transformation refuses is left to the server to judge."""
    body = anthropic_wire.request(ask(options=Options(output_schema={"minimum": 1})), "claude", at_home=True)
    assert body["output_config"]["format"]["schema"] == {"minimum": 1}


# --- Ollama (HTTP by respx) ---


@pytest.fixture
def ollama() -> OllamaProvider:
    return OllamaProvider(model="qwen3:4b", base_url="http://ollama.test:11434", clock=SystemClock())


def ollama_answer(content: str = "hello", **facts: Any) -> dict[str, Any]:
    return {"model": "toy-1", "message": {"role": "assistant", "content": content}, "done": True, **facts}


@pytest.fixture
def chat() -> Iterator[respx.Route]:
    with respx.mock(base_url="http://ollama.test:11434") as router:
        route = router.post("/api/chat")
        route.return_value = httpx.Response(200, json=ollama_answer())
        yield route


def sent(route: respx.Route) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


def test_ollama_sends_the_options_it_was_given(ollama: OllamaProvider, chat: respx.Route) -> None:
    """Temperature and max_tokens go to options, stream is off, JSON mode is format "json"."""
    complete(ollama, ask(options=EVERYTHING))
    messages = [{"role": "user", "content": "hi"}]
    options = {"temperature": 0.5, "num_predict": 7, "top_p": 0.9, "seed": 42, "stop": ["END"]}
    assert sent(chat) == {"model": "qwen3:4b", "messages": messages, "stream": False, "options": options}
    complete(ollama, ask(options=Options(temperature=None, max_tokens=None, json_mode=True)))
    assert sent(chat) == {
        "model": "qwen3:4b",
        "messages": messages,
        "stream": False,
        "options": {},
        "format": "json",
    }
    complete(ollama, ask(options=Options(json_mode=True, output_schema=SCHEMA)))
    assert sent(chat)["format"] == SCHEMA


def test_ollama_sends_tools_and_their_results(ollama: OllamaProvider, chat: respx.Route) -> None:
    """A tool's schema goes out whole (the SDK's own chat() drops most of it); results name the tool."""
    complete(ollama, Prompt(TALK, (TOOL,), NOTHING))
    body = sent(chat)
    function = {"name": "locate", "description": "Find a point.", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": function}]
    calls = [{"function": {"name": "locate", "arguments": {"point": {"x": x}}}} for x in (1, 2)]
    assert body["messages"][2] == {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
    assert body["messages"][3] == {"role": "tool", "content": "here", "tool_name": "locate"}


def test_ollama_reads_counts_and_times(ollama: OllamaProvider, chat: respx.Route) -> None:
    """Counts and the time to the first token are the server's; missing counts are 0."""
    facts: dict[str, Any] = {"prompt_eval_count": 11, "eval_count": 5, "prompt_eval_duration": 2_500_000}
    chat.return_value = httpx.Response(200, json=ollama_answer(**facts))
    answer = complete(ollama, ask())
    assert (answer.usage, answer.timing.ttft_ms) == (Usage(11, 5), 2.5)
    chat.return_value = httpx.Response(200, json=ollama_answer())
    answer = complete(ollama, ask())
    assert (answer.usage, answer.timing.ttft_ms, answer.model) == (Usage(0, 0), None, "toy-1")


@pytest.mark.parametrize(("reason", "finish"), [("stop", "stop"), ("length", "length"), (None, "stop")])
def test_ollama_finish(ollama: OllamaProvider, chat: respx.Route, reason: str | None, finish: str) -> None:
    """Every done_reason has its finish."""
    chat.return_value = httpx.Response(200, json=ollama_answer(done_reason=reason))
    assert complete(ollama, ask()).finish == finish


def test_ollama_stream_adds_up(ollama: OllamaProvider, chat: respx.Route) -> None:
    """Lines of text and calls become one completion; calls have no ids and keep their order."""
    calls = [[{"function": {"name": name, "arguments": {"x": 1}}}] for name in ("f", "g")]
    lines: list[dict[str, Any]] = [
        {"model": "toy-1", "message": {"role": "assistant", "content": "Let "}, "done": False},
        {"model": "toy-1", "message": {"role": "assistant", "content": "me."}, "done": False},
        *(
            {
                "model": "toy-1",
                "message": {"role": "assistant", "content": "", "tool_calls": call},
                "done": False,
            }
            for call in calls
        ),
        ollama_answer("", done_reason="stop", prompt_eval_count=11, eval_count=5),
    ]
    chat.return_value = httpx.Response(200, text="".join(json.dumps(line) + "\n" for line in lines))
    answer = stream(ollama, ask())
    assert sent(chat)["stream"] is True
    assert answer.text == "Let me."
    assert answer.tool_calls == (ToolCall("f", {"x": 1}), ToolCall("g", {"x": 1}))
    assert (answer.finish, answer.usage) == ("tool_calls", Usage(11, 5))
    assert answer.timing.ttft_ms is not None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("box:1234", "http://box:1234"),
        ("box", "http://box:11434"),
        ("https://box", "https://box"),
        ("", "11434"),
    ],
)
def test_ollama_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    """OLLAMA_HOST moves the address, in each form that Ollama itself takes."""
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert url in OllamaProvider(model="m", clock=SystemClock())._endpoint.url
