"""Which files a command is about."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..cassette import Cassette
from ..errors import CassetteError, ConfigError

_SUFFIXES = (".json", ".yaml", ".yml")
_PASSED_BY = {"node_modules", "site-packages", "__pycache__"}


def cassette_files(paths: Iterable[str]) -> list[Path]:
    """Return the files that are meant, sorted; of a folder, all that could be cassettes.

    Raises:
        ConfigError: a path is not there, or nothing is.
    """
    given = [Path(path) for path in paths]
    missing = next((path for path in given if not path.exists()), None)
    if missing is not None:
        raise ConfigError(f"there is no {missing}", where=str(missing), fix="llmharness cassette ls")
    found = {file for path in given for file in (_below(path) if path.is_dir() else (path,))}
    found |= set() if given else {file for shelf in _shelves(Path()) for file in _below(shelf)}
    return sorted(found)


def readable(files: Iterable[Path]) -> Iterator[tuple[Path, Cassette | CassetteError]]:
    """Yield each file with its cassette, or with why it is none."""
    for file in files:
        try:
            yield file, Cassette.load(file)
        except CassetteError as error:
            yield file, error


def size(count: int) -> str:
    """Return a count of bytes as people read it."""
    return (
        f"{count} B" if count < 1000 else f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
    )


def _shelves(top: Path) -> Iterator[Path]:
    for folder, inner, _ in os.walk(top):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in _PASSED_BY]
        if "cassettes" in inner:
            inner.remove("cassettes")
            yield Path(folder) / "cassettes"


def _below(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
