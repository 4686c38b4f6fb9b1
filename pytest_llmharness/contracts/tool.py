"""The contract of the tool port: a model calls it with anything, and reads what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ..domain.tool import ToolCall
from ..harness.constrain import Toolbox
from ..ports.tool import Tool
from ..schema import Schema
from .contract import Contract, assert_no_task_left, needs

_OUTSIDE = "the text that lies outside"
_OUT_OF_ROOT = (
    "../outside.txt",
    "inside/../../outside.txt",
    "..\\outside.txt",
    "link-out.txt",
    "folder-out/outside.txt",
    "~/outside.txt",
    "%2e%2e/outside.txt",
    "outside.txt\0.md",
)
_SAYING = {"type", "enum", "const", "anyOf", "oneOf", "$ref"}
_LARGEST = 1024 * 1024
_PATIENT_S = 0.05
_OTHERS: Mapping[str, Any] = {
    "string": 7,
    "integer": "seven",
    "number": "seven",
    "boolean": "yes",
    "array": "a, b",
    "object": "a: b",
}


class ToolContract(Contract):
    """Subclass it, define the fixtures `tool` and `arguments`, and pytest proves your tool.

    ```python
    class TestSearch(ToolContract):
        @pytest.fixture
        def tool(self):
            return search

        @pytest.fixture
        def arguments(self):
            return {"query": "refunds"}
    ```
    """

    repeatable: ClassVar[bool] = True
    """Whether a second call with equal arguments gives an equal answer."""
    path_argument: ClassVar[str] = ""
    """The argument that names a file under the fixture `root`; "" where there is none."""

    @pytest.fixture
    def tool(self) -> Tool:
        """The tool under test."""
        pytest.fail(f"define the fixture `tool` in {type(self).__name__}")

    @pytest.fixture
    def arguments(self) -> Mapping[str, Any]:
        """Arguments of a call that works."""
        pytest.fail(f"define the fixture `arguments` in {type(self).__name__}")

    @pytest.fixture
    def failing_arguments(self) -> Mapping[str, Any]:
        """Arguments that fit the schema, of a call that fails."""
        pytest.skip(f"{type(self).__name__} has no fixture `failing_arguments`")

    @pytest.fixture
    def slow_arguments(self) -> Mapping[str, Any]:
        """Arguments of a call that is still at work when it is cancelled."""
        pytest.skip(f"{type(self).__name__} has no fixture `slow_arguments`")

    @pytest.fixture
    def root(self) -> Path:
        """The folder that the tool must not leave."""
        pytest.skip(f"{type(self).__name__} has no fixture `root`")

    # --- what the model is told ---

    def test_the_spec_says_what_it_does(self, tool: Tool) -> None:
        """A name that models can call, a description, and the same each time it is asked."""
        spec = tool.spec
        assert 1 <= len(spec.name) <= 64, "a name has 1 to 64 characters"
        assert all(mark.isalnum() or mark in "_-" for mark in spec.name), "letters, digits, '_' and '-'"
        assert spec.description.strip(), "without a description a model has to guess"
        assert tool.spec == spec

    def test_the_schema_describes_every_argument(self, tool: Tool) -> None:
        """An object schema that compiles; each argument has a type or a choice."""
        schema = dict(tool.spec.schema)
        assert schema.get("type") == "object", "arguments are an object"
        Schema(schema)
        for name, argument in schema.get("properties", {}).items():
            assert isinstance(argument, bool) or _SAYING & set(argument), f"{name!r} takes anything"

    def test_the_schema_refuses_what_is_wrong(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """A missing, an unknown and a wrongly typed argument never reach the tool."""
        box = Toolbox([tool])
        name = tool.spec.name
        assert box.refusal(ToolCall(name, dict(arguments))) is None, "`arguments` must fit the schema"
        for wrong, why in _wrong(tool, arguments):
            assert box.refusal(ToolCall(name, wrong)) is not None, f"{why} was let through: {wrong}"

    # --- what it does ---

    def test_it_answers(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """A call that works has a text of a size that a model can read."""
        text, ok = self.run(self._called(tool, arguments))
        assert ok, text
        assert len(text.encode()) <= _LARGEST, "an answer is bounded: 1 MiB is more than a model reads"

    def test_arguments_are_not_changed(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """What the caller holds is the caller's."""
        given = deepcopy(dict(arguments))
        self.run(self.within_patience(tool.invoke(given), "a call must come to an end"))
        assert given == dict(arguments)

    @needs("repeatable")
    def test_a_second_call_gives_the_same(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """A call that is made again after a crash does no harm and says the same."""
        assert self.run(self._called(tool, arguments)) == self.run(self._called(tool, arguments))

    def test_many_at_once(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """Eight calls side by side all work."""

        async def clause() -> list[tuple[str, bool]]:
            return await asyncio.gather(*(self._called(tool, arguments) for _ in range(8)))

        assert all(ok for _, ok in self.run(clause()))

    def test_a_failure_says_why(self, tool: Tool, failing_arguments: Mapping[str, Any]) -> None:
        """A call that fails raises, with words that help the model to call it better."""
        text, ok = self.run(self._called(tool, failing_arguments))
        assert not ok, f"it answered {text!r} as if nothing were wrong"
        kind, _, words = text.removeprefix("Error: ").partition(": ")
        assert words.strip() not in ("", kind), f"{kind} without a word of why"
        assert "Traceback" not in text, "a model needs the reason, not the stack"

    def test_it_can_be_cancelled(self, tool: Tool, slow_arguments: Mapping[str, Any]) -> None:
        """A call that is cancelled ends, and leaves nothing running."""

        async def clause() -> None:
            before = asyncio.all_tasks()
            call = asyncio.ensure_future(tool.invoke(slow_arguments))
            await asyncio.wait([call], timeout=_PATIENT_S)
            assert not call.done(), "`slow_arguments` must take longer than a moment"
            call.cancel()
            lesson = "let asyncio.CancelledError through, and stop what was started"
            with pytest.raises(asyncio.CancelledError):
                await self.within_patience(call, lesson)
            await assert_no_task_left(before, lesson)

        self.run(clause())

    @needs("path_argument")
    def test_nothing_leads_out_of_its_root(
        self, tool: Tool, arguments: Mapping[str, Any], root: Path
    ) -> None:
        """No `..`, no absolute path, no link, however it is written, shows what lies outside."""
        outside = root.parent / "outside.txt"
        outside.write_text(_OUTSIDE, encoding="utf-8")
        (root / "link-out.txt").symlink_to(outside)
        (root / "folder-out").symlink_to(root.parent)
        for path in (*_OUT_OF_ROOT, str(outside), outside.as_uri()):
            text, ok = self.run(self._called(tool, {**arguments, self.path_argument: path}))
            assert _OUTSIDE not in text, f"{path!r} leads out of the root"
            assert not ok, f"{path!r} must be refused, and was answered with {text!r}"
        assert outside.read_text(encoding="utf-8") == _OUTSIDE, "a file outside the root was changed"

    async def _called(self, tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        call = ToolCall(tool.spec.name, deepcopy(dict(arguments)))
        lesson = "a call must come to an end by itself, or be cancellable"
        message, ok = await self.within_patience(Toolbox([tool]).invoke(call), lesson)
        return message.text, ok


def _wrong(tool: Tool, arguments: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    schema = tool.spec.schema
    yield {**arguments, "no_such_argument": 1}, "an unknown argument"
    for name in schema.get("required", ()):
        yield {key: value for key, value in arguments.items() if key != name}, f"a missing {name!r}"
    for name, argument in schema.get("properties", {}).items():
        kind = argument.get("type") if isinstance(argument, Mapping) else None
        if isinstance(kind, str) and kind in _OTHERS:
            wrong = {**arguments, name: _OTHERS[kind]}
            yield wrong, f"a {json.dumps(_OTHERS[kind])} for the {kind} {name!r}"
