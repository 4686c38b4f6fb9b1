"""Whatever a provider or a tool does, the run ends in a result; nothing foreign escapes or corrupts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MemorySessionLog,
    Request,
    ScriptedProvider,
    SqliteSessionLog,
    ToolCall,
    ToolSpec,
    VirtualClock,
    fault,
    tool,
)
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.domain.completion import Chunk, ChunkCollector, Completion, ToolCallDelta
from pytest_llmharness.domain.event import EventKind
from pytest_llmharness.domain.usage import Timing, Usage
from pytest_llmharness.errors import ConfigError, ProviderError, RateLimited, SessionLogError
from pytest_llmharness.harness.context import ContextAssembler, ContextSettings
from pytest_llmharness.harness.degrade import Backoff, Degrade
from pytest_llmharness.harness.guardrails import Guardrails
from pytest_llmharness.harness.normalize import Normalizer, NormalizeSettings
from pytest_llmharness.harness.received import received
from pytest_llmharness.harness.single_flight import SingleFlight

Face = Callable[[Harness, Any], LLMResult]


def _streamed(harness: Harness, request: Any) -> LLMResult:
    async def last() -> Any:
        return [event async for event in harness.stream(request)][-1]

    result: LLMResult = asyncio.run(last()).data["result"]
    return result


@pytest.fixture(params=[Harness.run, _streamed], ids=["run", "stream"])
def face(request: pytest.FixtureRequest) -> Face:
    """D4b: whatever holds for the one holds for the other."""
    found: Face = request.param
    return found


class Raw:
    """A provider that keeps to nothing: it returns, yields or raises what it is given."""

    name, model = "raw", "raw"

    def __init__(self, *answers: Any) -> None:
        self.answers = iter(answers)
        self.prompts: list[Any] = []

    async def complete(self, prompt: Any) -> Any:
        self.prompts.append(prompt)
        answer = next(self.answers, "done")
        if isinstance(answer, BaseException):
            raise answer
        return Completion(answer) if isinstance(answer, str) else answer

    async def stream(self, prompt: Any) -> Any:
        answer = await self.complete(prompt)
        if not isinstance(answer, Completion):
            yield answer
            return
        yield Chunk(text=answer.text)
        for index, call in enumerate(answer.tool_calls):
            yield Chunk(tool_calls=(ToolCallDelta(index, call.name, call.arguments_text, call.id),))
        yield Chunk(finish=answer.finish, usage=answer.usage, timing=answer.timing, model=answer.model)

    async def aclose(self) -> None: ...


def told(provider: Any) -> list[str]:
    """Return what the tools told the model."""
    return [message.text for message in provider.prompts[-1].messages if message.role == "tool"]


@tool(read_only=True)
def look(what: str) -> str:
    """Look at something."""
    return f"seen {what}"


class Unspeakable(Exception):
    """Its text is a fault of its own."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")


# --- the model's side ---


@pytest.mark.parametrize(
    "answer", [None, "text", b"bytes", 7, {"text": "hi"}, object()], ids=lambda value: type(value).__name__
)
def test_an_answer_of_the_wrong_kind_is_a_named_failure(answer: Any) -> None:
    """B2: it costs one call and names the adapter."""

    class Wrong(Raw):
        async def complete(self, prompt: Any) -> Any:
            return answer

    result = Harness(Wrong(), clock=VirtualClock()).run("go")
    assert result.metadata["failure_reason"] == "provider_refused"
    assert "no Completion" in result.content


@pytest.mark.parametrize(
    "answer",
    [
        Completion(b"bytes"),  # type: ignore[arg-type]
        Completion("", tool_calls=("look",)),  # type: ignore[arg-type]
        Completion("", tool_calls=(ToolCall(None),)),  # type: ignore[arg-type]
        Completion("", tool_calls=7),  # type: ignore[arg-type]
    ],
    ids=["bytes", "calls of str", "no name", "no tuple"],
)
def test_an_answer_with_wrong_content_is_a_named_failure(answer: Any) -> None:
    """B2: text is text, and calls are calls."""
    result = Harness(Raw(answer), tools=[look], clock=VirtualClock()).run("go")
    assert type(result.metadata["error"]).__name__ == "MalformedResponse"


def test_what_is_missing_beside_the_answer_costs_nothing() -> None:
    """B2: every valid output is accepted, though its usage, times, finish and model are none."""
    answer = Completion("fine", finish="no", usage=None, timing=Timing(float("nan")), model=None)  # type: ignore[arg-type]
    result = Harness(Raw(answer), session_log=MemorySessionLog(), clock=VirtualClock()).run("go")
    assert (result.content, result.tokens_in, result.ttft_ms, result.model) == ("fine", 0, 0.0, "")
    assert received(Completion("x", usage=Usage(-1, 2)), "raw").usage == Usage()
    assert received(Completion(None), "raw").text == ""  # type: ignore[arg-type]


def test_a_good_answer_is_taken_as_it_is() -> None:
    """Nothing is copied that needs no mending."""
    answer = Completion(
        "grüße", (ToolCall("look", {"what": [1, {"a": None}]}, "1"),), "tool_calls", Usage(1, 2)
    )
    assert received(answer, "raw") is answer


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_half_characters_are_mended(store: str, face: Face, tmp_path: Path) -> None:
    """Lone surrogates never reach the log, the user, or the model again; whole pairs are joined."""
    log: Any = MemorySessionLog() if store == "memory" else SqliteSessionLog(tmp_path / "s.db")
    answers = [
        Completion(
            "a\ud83d", (ToolCall("look", {"what": "x\ud800"}, "\udfff"), ToolCall("look", {"what": "y"}))
        )
    ]
    provider = Raw(*answers, "\ud83d\ude00 and \udc00")
    result = face(Harness(provider, tools=[look], session_log=log, clock=VirtualClock()), "go")
    assert result.content == "\U0001f600 and \ufffd"
    refused, seen = told(provider)
    assert refused.startswith("Error: the arguments are no JSON object")
    assert seen == "seen y"
    repr(provider.prompts).encode()


def test_arguments_that_json_cannot_express_are_refused(face: Face, tmp_path: Path) -> None:
    """NaN, endless nesting: the call is answered, the log goes on, and the tool is not run."""
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    calls = tuple(ToolCall("look", {"what": value}, str(n)) for n, value in enumerate([float("nan"), deep]))
    provider = Raw(Completion("", calls, "tool_calls"))
    log = SqliteSessionLog(tmp_path / "s.db")
    parts = {
        "tools": [look],
        "session_log": log,
        "layers": {"guardrails": Guardrails()},
        "clock": VirtualClock(),
    }
    assert face(Harness(provider, **parts), "go").success
    assert all("no JSON object" in one for one in told(provider))


def test_calls_that_share_an_id_get_ids_of_their_own(face: Face) -> None:
    """G4: each result can be told from the others, in order."""
    calls = [
        ToolCall("look", {"what": what}, given)
        for what, given in (("a", "1"), ("b", "1"), ("c", "1_2"), ("d", "1"))
    ]
    provider = Raw(Completion("", tuple(calls), "tool_calls"))
    assert face(Harness(provider, tools=[look], clock=VirtualClock()), "go").success
    assert told(provider) == ["seen a", "seen b", "seen c", "seen d"]
    answers = [message.tool_call_id for message in provider.prompts[-1].messages if message.role == "tool"]
    assert len(set(answers)) == 4
    assert answers == [call.id for message in provider.prompts[-1].messages for call in message.tool_calls]


def test_ten_thousand_calls_of_one_answer_are_all_answered(face: Face) -> None:
    """No quadratic step hides in a round: each call is answered in order."""
    calls = tuple(ToolCall("look", {"what": str(n)}, "same") for n in range(10_000))
    provider = Raw(Completion("", calls, "tool_calls"))

    @tool(name="look", read_only=True)
    async def seen(what: str) -> str:
        """Look."""
        return what

    assert face(Harness(provider, tools=[seen], clock=VirtualClock()), "go").success
    assert told(provider) == [str(n) for n in range(10_000)]


def test_a_stream_that_ends_without_an_end_is_broken(face: Face) -> None:
    """G4: a cut answer is never taken for a whole one; it is asked for again."""

    class Cut(Raw):
        async def stream(self, prompt: Any) -> Any:
            self.prompts.append(prompt)
            yield Chunk(text="The answer is not ")
            if len(self.prompts) > 1:
                yield Chunk(text="42.", finish="stop")

    provider = Cut("The answer is not 42.")
    result = face(Harness(provider, clock=VirtualClock()), "go")
    assert result.content == "The answer is not 42."
    assert result.retries == (face is not Harness.run)


def test_calls_are_told_once_in_whatever_order_they_come() -> None:
    """D4: a chunk of an earlier call after a later one hides neither."""
    collector = ChunkCollector()
    seen = []
    for index, name in ((1, "b"), (0, "a"), (2, "c")):
        collector.feed(Chunk(tool_calls=(ToolCallDelta(index, name, "{}"),)))
        seen += [call.name for call in collector.new_calls()]
    collector.feed(Chunk(finish="tool_calls"))
    seen += [call.name for call in collector.new_calls()]
    assert sorted(seen) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), Unspeakable(), StopAsyncIteration(), MemoryError()], ids=repr
)
def test_whatever_a_provider_raises_ends_in_a_result(error: BaseException, face: Face) -> None:
    """B2: a cancellation that nobody asked for and an error without words are failures like others."""
    result = face(Harness(Raw(error), clock=VirtualClock()), "go")
    assert result.metadata["failure_reason"] == "provider_refused"
    assert result.content


@pytest.mark.parametrize("wait", [float("inf"), float("nan"), -5.0, "soon", True])
def test_a_wait_that_is_no_time_is_not_waited_for(wait: Any, face: Face) -> None:
    """A server cannot hang a run by what it asks for."""
    clock = VirtualClock()
    limited = RateLimited("slow down", where="raw", fix="wait", retry_after_s=wait)
    result = face(
        Harness(Raw(limited, "fine"), layers={"degrade": Degrade(backoff=Backoff(jitter_s=0))}, clock=clock),
        "go",
    )
    assert (result.content, clock.now()) == ("fine", 1.0)


def test_what_a_limiter_says_is_not_put_into_the_providers_mouth(face: Face) -> None:
    """D26: a limiter that cannot be reached ends the run with its own words."""
    from pytest_llmharness.errors import SharedStateUnavailable

    class Gone:
        async def acquire(self, key: str, **_: Any) -> None:
            raise SharedStateUnavailable("the limiter is gone", where="redis://there", fix="start it")

    error = face(Harness(Raw(), limiter=Gone(), clock=VirtualClock()), "go").metadata["error"]
    assert isinstance(error, ProviderError)
    assert (error.what, error.where, error.fix) == ("the limiter is gone", "redis://there", "start it")


# --- the tools' side ---


class Odd:
    """A tool that keeps to nothing."""

    def __init__(self, act: Callable[[Any], Any], schema: dict[str, Any] | None = None, **facts: Any) -> None:
        self.spec = ToolSpec(
            "odd", "Odd.", schema or {"type": "object", "properties": {}}, read_only=True, **facts
        )
        self.act = act

    def invoke(self, arguments: Any) -> Any:
        return self.act(arguments)


def _raises(error: BaseException) -> Any:
    def act(arguments: Any) -> Any:
        raise error

    return act


async def _stray() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    "act",
    [
        _raises(OSError("at once")),
        lambda _: "no coroutine",
        _raises(Unspeakable()),
        lambda _: _stray(),
        lambda _: None,
    ],
    ids=["raises at once", "sync", "no words", "stray cancel", "None"],
)
@pytest.mark.parametrize("count", [1, 3])
def test_whatever_a_tool_does_the_model_is_told(act: Any, count: int, face: Face) -> None:
    """D12: one failing tool ends nothing, alone or beside others."""
    calls = [ToolCall("odd") if n == 0 else ToolCall("look", {"what": "x"}) for n in range(count)]
    provider = ScriptedProvider([calls, "done"])
    result = face(Harness(provider, tools=[Odd(act), look], clock=VirtualClock()), "go")
    assert result.content == "done"
    first, *others = told(provider)
    assert first.startswith("Error: ")
    assert others == ["seen x"] * (count - 1)


def test_a_tool_that_changes_its_arguments_changes_nothing_else() -> None:
    """C5: neither the conversation, nor the log, nor the schema's defaults."""

    async def spoil(arguments: Any) -> str:
        arguments["list"].append("spoilt")
        arguments["more"].append("spoilt")
        return f"{arguments['list']} {arguments['more']}"

    schema = {
        "type": "object",
        "properties": {"list": {"type": "array"}, "more": {"type": "array", "default": []}},
    }
    provider = ScriptedProvider([ToolCall("odd", {"list": [1]}), ToolCall("odd", {"list": [1]}), "done"])
    log = MemorySessionLog()
    harness = Harness(provider, tools=[Odd(spoil, schema)], session_log=log, clock=VirtualClock())
    harness.run(Request("go", session_id="s"))
    assert told(provider) == ["[1, 'spoilt'] ['spoilt']"] * 2
    assert "spoilt" not in repr(
        [call for message in provider.prompts[-1].messages for call in message.tool_calls]
    )
    assert harness.state_at("s").messages[:-1] == list(provider.prompts[-1].messages)


def test_half_characters_of_a_tool_are_mended(face: Face) -> None:
    """A file name that is no UTF-8, say."""

    @tool(read_only=True)
    def names() -> str:
        """List the files."""
        return "caf\udce9.txt"

    provider = ScriptedProvider([ToolCall("names"), "done"])
    face(Harness(provider, tools=[names]), "go")
    assert told(provider) == ["caf\ufffd.txt"]


def test_a_tool_result_that_fills_the_window_ends_the_run_by_name(face: Face) -> None:
    """B2, B11: what cannot be sent is not sent, and nothing is raised."""

    @tool(read_only=True)
    def read() -> str:
        """Read a book."""
        return "word " * 5_000

    provider = ScriptedProvider([ToolCall("read"), "done"])
    narrow = ContextAssembler(ContextSettings(window_tokens=500))
    result = face(Harness(provider, tools=[read], layers={"context": narrow}), "go")
    assert (result.metadata["failure_reason"], len(provider.prompts)) == ("invalid_request", 1)


def test_a_tool_that_is_to_be_looked_up_has_a_lookup() -> None:
    """Fail at the door, not at the first crash."""
    with pytest.raises(ConfigError, match="has no lookup"):
        Harness(Raw(), tools=[Odd(lambda _: None, in_doubt="lookup")])


# --- validators, guardrails, caches, logs ---


@pytest.mark.parametrize(
    "error", [TypeError("a str"), AssertionError("too small"), KeyError("x"), Unspeakable()], ids=repr
)
def test_a_validator_that_stumbles_over_an_answer_has_said_no(error: Exception, face: Face) -> None:
    """B2: what a model wrote never ends in a validator's exception."""

    def strict(value: Any) -> str | None:
        if value != "good":
            raise error
        return None

    provider = ScriptedProvider(["bad", "good"])
    assert face(Harness(provider, validators=[strict], clock=VirtualClock()), "go").content == "good"
    assert "invalid because" in provider.prompts[1].messages[-1].text


@pytest.mark.parametrize("verdict", [True, False, 0, [7], {"bad": "words"}])
def test_a_validator_that_returns_no_words_is_a_mistake_of_the_test(verdict: Any) -> None:
    """False means invalid to some and nothing to us: it is refused, not guessed."""
    with pytest.raises(ConfigError, match="returned"):
        Harness(ScriptedProvider(["x"]), validators=[lambda value: verdict]).run("go")


def test_guardrails_clean_what_comes_in(face: Face) -> None:
    """D8: also where the normalizer is switched off; and the switch switches it off."""
    off = Normalizer(NormalizeSettings(enabled=False))
    for inputs, expected in ((True, "ab"), (False, "a\x00b")):
        provider = ScriptedProvider(["fine"])
        face(Harness(provider, layers={"normalize": off, "guardrails": Guardrails(inputs=inputs)}), "a\x00b")
        assert provider.prompts[0].messages[-1].text == expected


@pytest.mark.parametrize(
    "kept", [b'[1,"x",[{}],"stop",[0,0],"m"]', b'[1,"x",[],"stop",[Infinity,0],"m"]', 7, "x"]
)
def test_a_cache_that_returns_rubbish_is_a_miss(kept: Any, face: Face) -> None:
    """D26: for answers in time and past it."""

    class Rubbish:
        async def get(self, key: str) -> Any:
            return kept

        async def stale(self, key: str) -> Any:
            return kept

        async def set(self, *args: Any) -> None: ...

    provider = ScriptedProvider(["fine", *[fault.refuse_connection()] * 3])
    harness = Harness(provider, cache=Rubbish(), clock=VirtualClock())
    assert face(harness, "go").content == "fine"
    assert face(harness, "go").metadata["failure_reason"] == "provider_unavailable"


def test_a_kept_answer_is_used_by_both_faces_and_costs_no_tokens() -> None:
    """D4b, D10: a stream shows it, guarded, and asks no model."""
    clock = VirtualClock()
    provider = ScriptedProvider(["my password: hunter2"])
    harness = Harness(provider, cache=LRUCache(clock), layers={"guardrails": Guardrails()}, clock=clock)
    harness.run("go")

    async def watch() -> Any:
        return [event async for event in harness.stream("go")]

    events = asyncio.run(watch())
    again: LLMResult = harness.run("go")
    streamed: LLMResult = events[-1].data["result"]
    shown = "".join(event.data["text"] for event in events if event.kind is EventKind.TEXT_DELTA)
    assert shown == streamed.content == again.content == "my [REDACTED]"
    assert streamed.metadata["cached"]
    assert (streamed.tokens_in, streamed.tokens_out) == (again.tokens_in, again.tokens_out) == (0, 0)


def test_what_follows_a_tool_is_not_kept_for_the_question_before_it() -> None:
    """D10: the first turn's repair is over; the answer that used a tool belongs to another prompt."""
    clock = VirtualClock()
    seen = []

    @tool(read_only=True)
    def rate() -> str:
        """Ask today's rate."""
        seen.append(1)
        return "7"

    def valid(text: str) -> str | None:
        return "ask the tool first" if text == "no" else None

    provider = ScriptedProvider(["no", ToolCall("rate"), "it is 7"] + ["it is 8"] * 3)
    harness = Harness(provider, tools=[rate], validators=[valid], cache=LRUCache(clock), clock=clock)
    harness.run("go")
    harness.run("go")
    assert len(seen) == 2


def test_a_log_that_fails_is_not_the_providers_fault(face: Face) -> None:
    """C3: whatever the log raises ends the run as an error of the log, and no retry hides it."""

    class Full(MemorySessionLog):
        async def append(self, session_id: str, seq: int, event: Any) -> None:
            if event.kind is EventKind.PROVIDER_CALL:
                raise OSError("no space left")
            await super().append(session_id, seq, event)

    provider = Raw()
    with pytest.raises(SessionLogError, match="no space left"):
        face(Harness(provider, session_log=Full(), clock=VirtualClock()), "go")
    assert provider.prompts == []


def test_a_flight_that_ends_late_leaves_its_follower_alone() -> None:
    """Single flight: a cancelled call that takes its time to end does not hide the next one."""

    async def scenario() -> int:
        flight: SingleFlight[int] = SingleFlight()
        made = 0
        release = asyncio.Event()

        async def call() -> int:
            nonlocal made
            made += 1
            try:
                await asyncio.Event().wait() if made == 1 else await release.wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
                raise
            return made

        first = asyncio.ensure_future(flight.run("k", call))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.ensure_future(flight.run("k", call))
        await asyncio.gather(first, return_exceptions=True)
        third = asyncio.ensure_future(flight.run("k", call))
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(second, third)
        return made

    assert asyncio.run(scenario()) == 2


def test_settings_of_time_may_be_left_out() -> None:
    """A tool without a limit that raises a bare TimeoutError is answered."""
    from pytest_llmharness.harness.constrain import Toolbox

    async def late(arguments: Any) -> None:
        raise TimeoutError

    told, ok = asyncio.run(Toolbox([Odd(late)], timeout_s=None).dispatch(ToolCall("odd")))
    assert (ok, told.startswith("Error: TimeoutError")) == (False, True)


def test_max_tool_depth_zero_runs_no_tool(face: Face) -> None:
    """D3: a limit of none is a limit."""
    provider = ScriptedProvider([ToolCall("look", {"what": "x"})])
    result = face(Harness(provider, tools=[look], config=HarnessConfig(max_tool_depth=0)), "go")
    assert result.metadata["failure_reason"] == "max_tool_depth"


@pytest.mark.parametrize(
    ("guardrails", "text", "reason"),
    [
        (Guardrails(action="block"), "my password: hunter2", "output_blocked"),
        (Guardrails(max_output_size=20), "x" * 21, "output_too_large"),
        (Guardrails(max_output_size=40, truncate=True), "x" * 41, None),
    ],
    ids=["blocked", "too large", "truncated"],
)
def test_what_a_text_says_beside_its_calls_is_guarded_too(
    guardrails: Guardrails, text: str, reason: str | None, face: Face
) -> None:
    """D8, D4b: the answer ends where its text may not go on; its calls are not made."""
    provider = Raw(Completion(text, (ToolCall("look", {"what": "x"}),), "tool_calls"))
    result = face(
        Harness(provider, tools=[look], layers={"guardrails": guardrails}, clock=VirtualClock()), "go"
    )
    assert result.metadata.get("failure_reason") == reason
    assert len(provider.prompts) == 1
    assert "hunter2" not in result.content


def test_a_failure_shows_no_more_than_a_success_would(face: Face) -> None:
    """D8: the last answer of a run that found no valid one is redacted as well."""
    guarded = Guardrails(secret_names=("password",))
    says = '{"priority": "password: hunter2"}'
    schema = {"type": "object", "properties": {"priority": {"type": "integer"}}}
    config = HarnessConfig(max_retries=0)
    result = face(
        Harness(
            ScriptedProvider([says]),
            schema=schema,
            layers={"guardrails": guarded},
            config=config,
            clock=VirtualClock(),
        ),
        "go",
    )
    assert result.metadata["failure_reason"] == "validation_failed_after_retries"
    assert "hunter2" not in result.content
    calls = Completion("password: hunter2", (ToolCall("look", {"what": "x"}),), "tool_calls")
    config = HarnessConfig(max_tool_depth=0)
    result = face(
        Harness(
            Raw(calls), tools=[look], layers={"guardrails": guarded}, config=config, clock=VirtualClock()
        ),
        "go",
    )
    assert result.metadata["failure_reason"] == "max_tool_depth"
    assert "hunter2" not in result.content


def test_looking_for_circles_takes_no_time() -> None:
    """B3: three long answers of few different characters must not hold up every other run."""
    from pytest_llmharness.harness.progress import going_round

    chance = Random(1)
    texts = ["".join(chance.choice("ab ") for _ in range(2_000)) for _ in range(3)]
    began = process_time()
    assert not going_round([(text, ()) for text in texts])
    assert process_time() - began < 0.5
    same = "I have looked at the list of the open orders, and there is one that I cannot read. " * 20
    assert going_round([(f"{same} attempt {n} {'!' * n}", ()) for n in range(3)])
