"""How much code a harness is: lines that hold some, without comments and docstrings."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from types import ModuleType

from ..errors import ConfigError

_NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
)
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
MAX_FILES = 2_000
"""More of them are not read: so much is no harness, whatever is in them."""


def code_lines(source: ModuleType | str | PathLike[str]) -> int:
    """Return how many lines of code a module, a package, a file or a folder has.

    Raises:
        ConfigError: there is no Python source, or it cannot be parsed.
    """
    paths = list(_files(source))
    if not paths:
        raise ConfigError(
            f"no Python source is at {source!r}",
            where="code_lines(source)",
            fix="give a module, a package, a .py file or a folder of them",
        )
    return sum(map(_count, paths[:MAX_FILES]))


def _files(source: ModuleType | str | PathLike[str]) -> Iterator[Path]:
    if isinstance(source, ModuleType):
        own = getattr(source, "__file__", None)
        places: list[str | PathLike[str]] = list(getattr(source, "__path__", ()))
        places = places or ([own] if own and own.endswith(".py") else [])
    else:
        places = [source]
    for path in map(Path, places):
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.is_file() else []


def _count(path: Path) -> int:
    try:
        text = path.read_text(encoding="utf-8")
        documented = _docstring_lines(ast.parse(text))
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ConfigError(
            f"the source cannot be read: {error}", where=str(path), fix="give files that Python can compile"
        ) from error
    held = (range(token.start[0], token.end[0] + 1) for token in tokens if token.type not in _NO_CODE)
    return len({number for lines in held for number in lines} - documented)


def _docstring_lines(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            found |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return found
