"""The tool contract holds for good tools, and each clause fails on a tool that is broken for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pytest_llmharness import Tool, ToolSpec, tool
from pytest_llmharness.contracts import ToolContract

FORM = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path"],
}
SPEC = ToolSpec("read_file", "Return a file.", FORM, read_only=True)
ARGUMENTS = {"path": "a.txt", "lines": 2}


class Reads:
    """Reads files under one folder."""

    spec = SPEC

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    async def invoke(self, arguments: Mapping[str, Any]) -> str:
        path = (self.root / arguments["path"]).resolve()
        if not path.is_relative_to(self.root):
            raise PermissionError(f"{arguments['path']} is outside the folder")
        return path.read_text(encoding="utf-8")


class TestReads(ToolContract):
    path_argument = "path"

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "inside"
        root.mkdir()
        (root / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
        return root

    @pytest.fixture
    def tool(self, root: Path) -> Tool:
        return Reads(root)

    @pytest.fixture
    def arguments(self) -> Mapping[str, Any]:
        return ARGUMENTS

    @pytest.fixture
    def failing_arguments(self) -> Mapping[str, Any]:
        return {"path": "no-such.txt"}


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    if a < 0:
        raise ValueError("a must not be negative")
    return a + b


class TestSyncFunction(ToolContract):
    @pytest.fixture
    def tool(self) -> Tool:
        return add

    @pytest.fixture
    def arguments(self) -> Mapping[str, Any]:
        return {"a": 1, "b": 2}

    @pytest.fixture
    def failing_arguments(self) -> Mapping[str, Any]:
        return {"a": -1}


class TestAsyncFunction(ToolContract):
    repeatable: ClassVar[bool] = False

    @pytest.fixture
    def tool(self) -> Tool:
        started = 0

        @tool
        async def wait(seconds: float) -> int:
            """Wait, and say how often that was asked for."""
            nonlocal started
            started += 1
            if seconds:
                await asyncio.Event().wait()
            return started

        return wait

    @pytest.fixture
    def arguments(self) -> Mapping[str, Any]:
        return {"seconds": 0}

    @pytest.fixture
    def slow_arguments(self) -> Mapping[str, Any]:
        return {"seconds": 60}


# --- broken ones ---


class Fake:
    """A tool that does what it is told."""

    spec = SPEC

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        return "fine"


class HasNoDescription(Fake):
    spec = replace(SPEC, description=" ")


class HasASpacedName(Fake):
    spec = replace(SPEC, name="read file")


class TakesAnything(Fake):
    spec = replace(SPEC, schema={"type": "object", "properties": {"path": {}}})


class TakesWrongTypes(Fake):
    spec = replace(
        SPEC,
        schema={
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "lines": {"type": "integer", "not": {"type": "integer"}},
            },
        },
    )


class AnswersWithoutEnd(Fake):
    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        return "x" * 2_000_000


class ChangesItsArguments(Fake):
    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        assert isinstance(arguments, dict)
        return arguments.pop("lines")


class Counts(Fake):
    calls = 0

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        self.calls += 1
        return self.calls


class WorksAlone(Fake):
    busy = False

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        if self.busy:
            raise RuntimeError("busy")
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False


class FailsWithoutAWord(Fake):
    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        raise ValueError


class CannotBeCancelled(Fake):
    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                return "not now"


class FollowsAnyPath(Fake):
    def __init__(self, root: Path) -> None:
        self.root = root

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        return (self.root / arguments["path"]).read_text(encoding="utf-8")


CLAUSES: list[tuple[type[Fake], str, tuple[Any, ...]]] = [
    (HasNoDescription, "test_the_spec_says_what_it_does", ()),
    (HasASpacedName, "test_the_spec_says_what_it_does", ()),
    (TakesAnything, "test_the_schema_describes_every_argument", ()),
    (TakesAnything, "test_the_schema_refuses_what_is_wrong", (ARGUMENTS,)),
    (TakesWrongTypes, "test_the_schema_refuses_what_is_wrong", (ARGUMENTS,)),
    (FailsWithoutAWord, "test_it_answers", (ARGUMENTS,)),
    (AnswersWithoutEnd, "test_it_answers", (ARGUMENTS,)),
    (ChangesItsArguments, "test_arguments_are_not_changed", (ARGUMENTS,)),
    (Counts, "test_a_second_call_gives_the_same", (ARGUMENTS,)),
    (WorksAlone, "test_many_at_once", (ARGUMENTS,)),
    (Fake, "test_a_failure_says_why", (ARGUMENTS,)),
    (FailsWithoutAWord, "test_a_failure_says_why", (ARGUMENTS,)),
    (Fake, "test_it_can_be_cancelled", (ARGUMENTS,)),
    (CannotBeCancelled, "test_it_can_be_cancelled", (ARGUMENTS,)),
]


@pytest.mark.parametrize(
    ("broken", "clause", "given"), CLAUSES, ids=[f"{b.__name__}-{c}" for b, c, _ in CLAUSES]
)
def test_clause_catches_its_bug(broken: type[Fake], clause: str, given: tuple[Any, ...]) -> None:
    """The clause fails on a tool broken for it."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(ToolContract(), clause)(broken(), *given)


def test_a_tool_that_follows_any_path_is_caught(tmp_path: Path) -> None:
    """D20: by the first way that leads out."""
    root = tmp_path / "inside"
    root.mkdir()
    with pytest.raises(AssertionError, match="leads out of the root"):
        contract = type("Own", (ToolContract,), {"path_argument": "path"})()
        contract.test_nothing_leads_out_of_its_root(FollowsAnyPath(root), ARGUMENTS, root)
