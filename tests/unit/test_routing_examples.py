"""The examples in the docstrings of routing, batch and scoring are true."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest

from pytest_llmharness.domain.usage import Usage

ROOMS = [
    importlib.import_module(f"pytest_llmharness.{name}")
    for name in ("harness.routing", "harness.batch", "scoring")
]


def examples() -> Iterator[Any]:
    """Yield each python block of each public docstring."""
    for room in ROOMS:
        for info in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            module = importlib.import_module(info.name)
            for node in ast.walk(ast.parse(inspect.getsource(module))):
                is_documented = isinstance(
                    node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                )
                text = (ast.get_docstring(node) or "") if is_documented else ""
                for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
                    where = (
                        f"{info.name.rpartition('llmharness.')[2]}.{getattr(node, 'name', '')}{number or ''}"
                    )
                    yield pytest.param(textwrap.dedent(block), id=where)


def compiled(block: str) -> CodeType:
    return compile(block, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


EXAMPLES = list(examples())


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_is_true(block: str) -> None:
    """It is valid Python; what needs no model runs as it stands, with the public names."""
    code = compiled(block)
    if "await" in block or "async for" in block or "Path(" in block:
        return
    names: dict[str, Any] = {"Usage": Usage}
    for room in ROOMS:
        names |= {name: getattr(room, name) for name in room.__all__}
    exec(code, names)


def test_there_are_examples() -> None:
    """The loop above has something to run."""
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__.rpartition(".")[2])
def test_every_public_name_loads(room: Any) -> None:
    """Each name is what its home says it is, and no other name is there."""
    assert all(getattr(room, name) is not None for name in room.__all__)
    assert sorted(room.__all__) == sorted(room._HOMES)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = room.no_such_name
