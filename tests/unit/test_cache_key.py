"""When two requests are the same, what may be kept, and one call for equal requests at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import Message, ToolCall, ToolSpec
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.prompt import Options, Prompt
from pytest_llmharness.domain.usage import Timing, Usage
from pytest_llmharness.harness.cache_key import cache_key, may_be_kept
from pytest_llmharness.harness.cached_answer import pack, unpack
from pytest_llmharness.harness.single_flight import SingleFlight

TOOL = ToolSpec("search", "Search.", {"type": "object", "properties": {"q": {"type": "string"}}})
BASE = Prompt(
    (
        Message.system("be kind"),
        Message.user("what is x?"),
        Message.assistant("", [ToolCall("search", {"q": "x"}, id="call_1")]),
        Message.tool(ToolCall("search", id="call_1"), "x is y"),
        Message.user("and now?"),
    ),
    (TOOL,),
    Options(
        model="m",
        temperature=0.0,
        max_tokens=64,
        top_p=0.9,
        seed=1,
        stop=("END",),
        output_schema={"type": "object"},
    ),
)


def key(prompt: Prompt = BASE, endpoint: str = "openai/m", tenant: str = "") -> str:
    return cache_key(prompt, endpoint=endpoint, tenant=tenant)


def options(**changes: Any) -> Prompt:
    return replace(BASE, options=replace(BASE.options, **changes))


def message(number: int, changed: Message) -> Prompt:
    return replace(BASE, messages=(*BASE.messages[:number], changed, *BASE.messages[number + 1 :]))


CHANGES = {
    "model": options(model="n"),
    "no model": options(model=None),
    "temperature": options(temperature=0.1),
    "max_tokens": options(max_tokens=65),
    "top_p": options(top_p=0.8),
    "seed": options(seed=2),
    "stop": options(stop=("END", "STOP")),
    "json_mode": options(json_mode=True),
    "output schema": options(output_schema={"type": "array"}),
    "no output schema": options(output_schema=None),
    "system": message(0, Message.system("be brief")),
    "first question": message(1, Message.user("what is z?")),
    "call arguments": message(2, Message.assistant("", [ToolCall("search", {"q": "z"}, id="call_1")])),
    "call name": message(2, Message.assistant("", [ToolCall("find", {"q": "x"}, id="call_1")])),
    "call text": message(2, Message.assistant("well", [ToolCall("search", {"q": "x"}, id="call_1")])),
    "tool result": message(3, Message.tool(ToolCall("search", id="call_1"), "x is z")),
    "answered call": message(3, Message.tool(ToolCall("search", id="call_2"), "x is y")),
    "last message": message(4, Message.user("and then?")),
    "role": message(4, Message.assistant("and now?")),
    "one message less": replace(BASE, messages=BASE.messages[:-1]),
    "order": replace(BASE, messages=BASE.messages[::-1]),
    "tool name": replace(BASE, tools=(replace(TOOL, name="find"),)),
    "tool words": replace(BASE, tools=(replace(TOOL, description="Find."),)),
    "tool schema": replace(BASE, tools=(replace(TOOL, schema={"type": "object"}),)),
    "tool scope": replace(BASE, tools=(replace(TOOL, read_only=True),)),
    "no tool": replace(BASE, tools=()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_any_change_is_a_miss(name: str) -> None:
    """D10: model, system, any message, tools, sampling, schema: each alone gives another key."""
    assert key(CHANGES[name]) != key()


def test_endpoint_and_tenant_are_in_the_key() -> None:
    """D10: answers never pass between tenants or models."""
    assert len({key(), key(endpoint="openai/n"), key(tenant="a"), key(tenant="b")}) == 4


def test_all_changes_differ_from_one_another() -> None:
    """No two of them share a key."""
    assert len({key(), *map(key, CHANGES.values())}) == len(CHANGES) + 1


@pytest.mark.parametrize(
    "same",
    [
        options(timeout_s=5.0),
        options(temperature=0),
        options(output_schema=dict(reversed({"type": "object"}.items()))),
        replace(
            BASE, tools=(replace(TOOL, schema={"properties": {"q": {"type": "string"}}, "type": "object"}),)
        ),
        message(2, Message.assistant("", [ToolCall("search", {"q": "x"}, id="call_1")])),
        replace(
            BASE,
            messages=(
                *BASE.messages[:2],
                Message.assistant("", [ToolCall("search", {"q": "x"}, id="other")]),
                Message.tool(ToolCall("search", id="other"), "x is y"),
                BASE.messages[4],
            ),
        ),
    ],
    ids=["timeout", "int temperature", "schema order", "tool schema order", "equal", "call ids"],
)
def test_an_equal_request_is_a_hit(same: Prompt) -> None:
    """D10: what cannot change the answer is not in the key: time limits, key order, a provider's made-up ids."""
    assert key(same) == key()


def test_the_key_has_128_bits() -> None:
    """Of a strong hash: two requests never meet by chance."""
    assert len(bytes.fromhex(key())) * 8 == 128


TEXTS = st.text(max_size=5)
PROMPTS = st.builds(
    lambda texts, calls, temperature: Prompt(
        tuple(
            [Message.user(text) for text in texts]
            + [Message.assistant("", [ToolCall(name, {"a": value}) for name, value in calls])]
        ),
        options=Options(temperature=temperature),
    ),
    st.lists(TEXTS, max_size=3),
    st.lists(st.tuples(TEXTS, TEXTS | st.integers() | st.none()), max_size=2),
    st.sampled_from([None, 0.0, 1.0]),
)


@settings(max_examples=200, deadline=None)
@given(PROMPTS, PROMPTS)
def test_equal_keys_mean_equal_requests(one: Prompt, other: Prompt) -> None:
    """No way of cutting a conversation into messages gives the key of another one."""
    assert (key(one) == key(other)) is (one == other)


@pytest.mark.parametrize(
    ("kept", "circumstances"),
    [
        (True, {}),
        (False, {"degraded": True}),
        (False, {"side_effects": True}),
        (False, {"answer": Completion("cut", finish="length")}),
        (False, {"answer": Completion("", finish="content_filter")}),
        (False, {"answer": Completion("", finish="unknown")}),
        (False, {"prompt": options(temperature=0.7)}),
        (False, {"prompt": options(temperature=None)}),
        (True, {"prompt": options(temperature=0.7), "any_temperature": True}),
        (False, {"prompt": options(temperature=0.7), "any_temperature": True, "degraded": True}),
    ],
)
def test_what_may_be_kept(kept: bool, circumstances: dict[str, Any]) -> None:
    """D10: never a degraded, partial or side-effecting one; other temperatures only when told."""
    arguments = {"prompt": BASE, "answer": Completion("whole"), **circumstances}
    assert may_be_kept(arguments.pop("prompt"), arguments.pop("answer"), **arguments) is kept


def test_an_answer_comes_back_but_for_its_times() -> None:
    """Text, calls, usage and model; the times were those of another call."""
    answer = Completion(
        "größer \ud800", (ToolCall("t", {"a": [1, None]}, "id"), ToolCall("t", raw_arguments="{")), "tool_calls", Usage(3, 5), Timing(1, 2), "m"
    )  # fmt: skip
    assert unpack(pack(answer)) == replace(answer, timing=Timing())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=50))
def test_bytes_of_another_kind_are_no_answer(data: bytes) -> None:
    """Whatever lies in the cache, reading it never fails."""
    assert unpack(data) is None
    assert unpack(b"[1" + data) is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{}",
        b"[1,2,3,4,5,6]",
        b'[2,"x",[],"stop",[0,0],"m"]',
        b'[1,"x",[[]],"stop",[0,0],"m"]',
        b"[" * 5000,
    ],
)
def test_what_pack_did_not_make_is_no_answer(data: bytes | None) -> None:
    """Other versions, other shapes, depth."""
    assert unpack(data) is None


# --- single flight ---


class Calls:
    """A slow call that counts itself."""

    def __init__(self, error: Exception | None = None) -> None:
        self.made, self.cancelled, self.error = 0, 0, error
        self.go = asyncio.Event()

    async def __call__(self) -> str:
        self.made += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return f"answer {self.made}"


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_equal_requests_at_once_make_one_call() -> None:
    """Ten ask, one call is made, all get its answer; a later one makes its own."""

    async def clause() -> tuple[list[str], str, int]:
        flight, calls = SingleFlight[str](), Calls()
        together = asyncio.gather(*(flight.run("k", calls) for _ in range(10)))
        await _settle()
        calls.go.set()
        return list(await together), await flight.run("k", calls), calls.made

    assert asyncio.run(clause()) == (["answer 1"] * 10, "answer 2", 2)


def test_different_keys_make_their_own_calls() -> None:
    """Only equal requests share."""

    async def clause() -> int:
        flight, calls = SingleFlight[str](), Calls()
        calls.go.set()
        await asyncio.gather(flight.run("a", calls), flight.run("b", calls))
        return calls.made

    assert asyncio.run(clause()) == 2


def test_an_error_is_everyones() -> None:
    """And it is not kept: the next request asks again."""

    async def clause() -> tuple[list[Any], int]:
        flight, calls = SingleFlight[str](), Calls(ValueError("no"))
        together = asyncio.gather(*(flight.run("k", calls) for _ in range(3)), return_exceptions=True)
        await _settle()
        calls.go.set()
        found = list(await together)
        calls.error = None
        await flight.run("k", calls)
        return found, calls.made

    found, made = asyncio.run(clause())
    assert [repr(one) for one in found] == ["ValueError('no')"] * 3
    assert made == 2


def test_one_who_leaves_does_not_take_the_call_along() -> None:
    """The first one is cancelled: the others get the answer of the same call."""

    async def clause() -> tuple[str, int, int]:
        flight, calls = SingleFlight[str](), Calls()
        first, second = (asyncio.ensure_future(flight.run("k", calls)) for _ in range(2))
        await _settle()
        first.cancel()
        await _settle()
        calls.go.set()
        return await second, calls.made, calls.cancelled

    assert asyncio.run(clause()) == ("answer 1", 1, 0)


def test_when_all_leave_nothing_goes_on() -> None:
    """D15: the last one to be cancelled ends the call, and a new request begins anew."""

    async def clause() -> tuple[int, int, int]:
        flight, calls = SingleFlight[str](), Calls()
        tasks = [asyncio.ensure_future(flight.run("k", calls)) for _ in range(3)]
        await _settle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        running = len(asyncio.all_tasks()) - 1
        calls.go.set()
        await flight.run("k", calls)
        return running, calls.cancelled, calls.made

    assert asyncio.run(clause()) == (0, 1, 2)


def test_loops_do_not_share_calls() -> None:
    """A call belongs to the event loop that made it."""
    flight = SingleFlight[str]()

    async def clause() -> int:
        calls = Calls()
        calls.go.set()
        await flight.run("k", calls)
        return calls.made

    assert [asyncio.run(clause()) for _ in range(2)] == [1, 1]
