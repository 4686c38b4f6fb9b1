"""The constraint layer: what a model sees, and every step that can refuse what it names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import Schema, ToolCall, ToolSpec, VirtualClock, tool
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.constrain import Constraints, Toolbox
from pytest_llmharness.harness.gate import Charge
from pytest_llmharness.harness.refusal import Refusal


@tool(read_only=True)
def read_file(path: str, limit: int = 10) -> str:
    """Read a file."""
    return f"{path}:{limit}"


@tool
def write_file(path: str, text: str) -> str:
    """Write a file."""
    written.append(path)
    return f"Written {len(text)} bytes to {path}"


written: list[str] = []


class Raw:
    """A tool with a schema of its own."""

    def __init__(self, schema: Mapping[str, Any], name: str = "raw") -> None:
        self.spec = ToolSpec(name, schema=schema)
        self.got: list[Mapping[str, Any]] = []

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        self.got.append(arguments)
        return arguments


READ = ToolCall("read_file", {"path": "a"})
WRITE = ToolCall("write_file", {"path": "a", "text": "b"})


@pytest.fixture(autouse=True)
def _nothing_written() -> None:
    written.clear()


def rule(toolbox: Toolbox, call: ToolCall) -> str | None:
    refused = toolbox.judge(call)
    return refused and refused.rule


def names(toolbox: Toolbox) -> list[str]:
    return [spec.name for spec in toolbox.specs]


BOX = Toolbox([read_file, write_file])


@pytest.mark.parametrize(
    ("toolbox", "call", "broken"),
    [
        (BOX, ToolCall("delete_everything", {}), "unknown_tool"),
        (BOX, ToolCall("read_file", {}, raw_arguments='{"path": "a'), "arguments"),
        (BOX, ToolCall("read_file", {"path": 5}), "arguments"),
        (BOX, ToolCall("read_file", {"path": "a", "sudo": True}), "arguments"),
        (BOX, ToolCall("read_file", {}), "arguments"),
        (BOX.session(Constraints(allowed_tools=("read_file",))), WRITE, "allowed_tools"),
        (BOX.session(Constraints(write=False)), WRITE, "scope"),
        (BOX.session(Constraints(granted=("files:read",), needs={"write_file": ("files:write",)})), WRITE, "permission"),
        (BOX.session(Constraints(quotas={"write_file": 0})), WRITE, "quota"),
    ],
)  # fmt: skip
def test_every_step_of_the_way_can_refuse(toolbox: Toolbox, call: ToolCall, broken: str) -> None:
    """C7, B14-B16: name, argument text, arguments, allow-list, scope, permission, quota: 0 invocations."""
    message, ok = asyncio.run(toolbox.session().invoke(call))
    assert (ok, written) == (False, [])
    assert message.text.startswith("Error: ")
    refused = toolbox.session().admit(call)
    assert isinstance(refused, Refusal)
    assert (refused.layer, refused.rule) == ("constrain", broken)
    assert refused.facts == {"layer": "constrain", "rule": broken, "reason": refused.reason}


def test_without_the_layer_the_write_goes_through() -> None:
    """B44: scope off, and the out-of-scope tool runs."""
    message, ok = asyncio.run(BOX.session(Constraints(write=True)).invoke(WRITE))
    assert (ok, written, message.text) == (True, ["a"], "Written 1 bytes to a")


@pytest.mark.parametrize(
    ("constraints", "shown"),
    [
        (Constraints(), ["read_file", "write_file"]),
        (Constraints(allowed_tools=()), ["read_file", "write_file"]),
        (Constraints(allowed_tools=("write_file",)), ["write_file"]),
        (Constraints(write=False), ["read_file"]),
        (Constraints(granted=(), needs={"read_file": ("files:read",)}), ["write_file"]),
        (
            Constraints(granted=("files:*",), needs={"read_file": ("files:read",)}),
            ["read_file", "write_file"],
        ),
    ],
)
def test_the_model_sees_what_it_may_use(constraints: Constraints, shown: list[str]) -> None:
    """B14, D17.12: exposed before the call what may be named after it; an empty list means all."""
    toolbox = BOX.session(constraints)
    assert names(toolbox) == shown
    assert [call.name for call in (READ, WRITE) if toolbox.judge(call) is None] == shown


def test_a_session_can_only_be_narrowed() -> None:
    """What an outer session may not do, an inner one may not either."""
    outer = BOX.session(Constraints(allowed_tools=("read_file",), quotas={"read_file": 2}))
    inner = outer.session(Constraints(allowed_tools=("write_file",), quotas={"read_file": 5}))
    assert names(inner) == []
    both = outer.session(Constraints(quotas={"read_file": 5}))
    assert [isinstance(both.admit(READ), Charge) for _ in range(3)] == [True, True, False]


def test_an_unknown_name_in_the_allow_list_fails_at_the_door() -> None:
    """A typing error does not silently take a tool away."""
    with pytest.raises(ConfigError, match="allowed_tools names 'raed_file'"):
        Toolbox([read_file], Constraints(allowed_tools=("raed_file",)))


def test_refusals_name_only_what_is_shown() -> None:
    """A read-only session does not learn of the tools it may not use."""
    refused = BOX.session(Constraints(write=False)).judge(ToolCall("write", {}))
    assert refused is not None
    assert refused.reason == "unknown tool 'write'; the tools are: read_file"


# --- quotas ---


def test_a_quota_is_reserved_before_dispatch() -> None:
    """Five calls side by side with room for two: two run, in their order, none overshoots."""
    running, peak = 0, 0

    @tool
    async def slow(n: int) -> int:
        """Wait."""
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1
        return n

    toolbox = Toolbox([slow], Constraints(quotas={"slow": 2})).session()

    async def clause() -> list[bool]:
        answers = await asyncio.gather(*(toolbox.invoke(ToolCall("slow", {"n": n})) for n in range(5)))
        return [ok for _, ok in answers]

    assert asyncio.run(clause()) == [True, True, False, False, False]
    assert peak == 2


def test_quotas_count_by_tool_by_pattern_and_over_all() -> None:
    """Each that covers a tool binds it."""
    toolbox = BOX.session(Constraints(quotas={"*": 3, "*_file": 3, "write_file": 1}))
    calls = [WRITE, WRITE, READ, READ, READ]
    assert [isinstance(toolbox.admit(call), Charge) for call in calls] == [True, False, True, True, False]


def test_sessions_count_for_themselves_and_after_a_restart() -> None:
    """One session's calls are not another's; the history brings a count back."""
    limited = Toolbox([read_file], Constraints(quotas={"read_file": 1}))
    first, second = limited.session(), limited.session()
    assert isinstance(first.admit(READ), Charge)
    assert isinstance(second.admit(READ), Charge)
    assert isinstance(limited.session(history=first.history).admit(READ), Refusal)


def test_what_was_not_dispatched_is_given_back() -> None:
    """A call that the gate refuses afterwards costs no quota."""
    toolbox = Toolbox([read_file], Constraints(quotas={"read_file": 1})).session()
    charge = toolbox.admit(READ)
    assert isinstance(charge, Charge)
    toolbox.release(charge)
    assert isinstance(toolbox.admit(READ), Charge)


def test_a_refused_call_costs_no_quota() -> None:
    """Wrong arguments do not use up the calls."""
    toolbox = Toolbox([read_file], Constraints(quotas={"read_file": 1})).session()
    assert isinstance(toolbox.admit(ToolCall("read_file", {"path": 5})), Refusal)
    assert isinstance(toolbox.admit(READ), Charge)


# --- action schema ---


@pytest.mark.parametrize(
    ("schema", "unknown_passes"),
    [
        ({"type": "object", "properties": {"a": {}}}, False),
        ({"type": "object", "properties": {}}, False),
        ({"properties": {"a": {}}}, False),
        ({"type": "object"}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, True),
        ({"type": "object", "properties": {"a": {}}, "patternProperties": {"^i": {}}}, True),
        (
            {
                "type": "object",
                "properties": {"a": {}},
                "anyOf": [{"required": ["a"]}, {"required": ["invented"]}],
            },
            True,
        ),
    ],
)
def test_invented_arguments_are_refused(schema: dict[str, Any], unknown_passes: bool) -> None:
    """B15: unless the author says that more is welcome."""
    toolbox = Toolbox([Raw(schema)])
    assert (rule(toolbox, ToolCall("raw", {"invented": 1})) is None) is unknown_passes


def test_the_schema_sent_is_the_schema_checked() -> None:
    """D19: what the model is told is closed against invented arguments too; the author's own stays as it was."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    own = Raw(schema)
    (spec,) = Toolbox([own]).specs
    assert spec.schema == {**schema, "additionalProperties": False}
    assert own.spec.schema == schema == {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_defaults_are_applied() -> None:
    """D19: what the schema gives a default for is there when the tool runs; the call itself stays as it was."""
    own = Raw(
        {
            "type": "object",
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer", "default": 10}},
        }
    )
    call = ToolCall("raw", {"query": "x"})
    asyncio.run(Toolbox([own]).invoke(call))
    asyncio.run(Toolbox([own]).invoke(ToolCall("raw", {"query": "x", "limit": 3})))
    assert own.got == [{"query": "x", "limit": 10}, {"query": "x", "limit": 3}]
    assert call.arguments == {"query": "x"}


ACTIONS = st.builds(
    lambda name, arguments: {"name": name, "arguments": arguments},
    st.sampled_from(["read_file", "write_file", "delete", ""]),
    st.dictionaries(
        st.sampled_from(["path", "text", "limit", "x"]), st.text(max_size=3) | st.integers(), max_size=3
    ),
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS, st.booleans())
def test_the_action_schema_says_what_may_be_proposed(action: dict[str, Any], write: bool) -> None:
    """B14: a proposal satisfies the schema of actions exactly where no call of it is refused."""
    toolbox = BOX.session(Constraints(write=write))
    refused = toolbox.judge(ToolCall(action["name"], action["arguments"]))
    assert Schema(toolbox.action_schema).accepts_value(action) is (refused is None)


def test_no_tools_means_no_actions() -> None:
    """Nothing satisfies the schema of nothing."""
    assert not Schema(Toolbox().action_schema).accepts_value({"name": "x", "arguments": {}})


# --- running ---


def test_a_tool_that_hangs_is_cancelled_at_its_limit() -> None:
    """C7: 30 seconds unless told; the model is told, the tool is cancelled."""
    cancelled: list[bool] = []

    @tool
    async def hangs() -> None:
        """Never end."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    clock = VirtualClock()

    async def clause() -> tuple[str, bool, float]:
        message, ok = await Toolbox([hangs], clock=clock).invoke(ToolCall("hangs"))
        return message.text, ok, clock.now()

    assert asyncio.run(clause()) == (
        "Error: TimeoutError: the tool did not answer within 30 s",
        False,
        30.0,
    )
    assert cancelled == [True]


def test_a_tool_that_fails_ends_nothing() -> None:
    """C7: its error is its answer, and the next call runs."""

    @tool
    def broken() -> None:
        """Fail."""
        raise ZeroDivisionError("by zero")

    toolbox = Toolbox([broken, read_file], clock=None)

    async def clause() -> list[tuple[str, bool]]:
        answers = await asyncio.gather(toolbox.invoke(ToolCall("broken")), toolbox.invoke(READ))
        return [(message.text, ok) for message, ok in answers]

    assert asyncio.run(clause()) == [("Error: ZeroDivisionError: by zero", False), ("a:10", True)]


def test_the_result_answers_its_call() -> None:
    """C7: the message carries the call's id and the tool's name into the next turn."""
    message, _ = asyncio.run(BOX.invoke(ToolCall("read_file", {"path": "a"}, id="c7")))
    assert (message.role, message.tool_call_id, message.tool_name, message.text) == (
        "tool",
        "c7",
        "read_file",
        "a:10",
    )
