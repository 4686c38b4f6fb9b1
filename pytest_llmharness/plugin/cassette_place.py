"""Where a test's cassette lies: one file a test, a parameter set and a model.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

_SHELVES: pytest.StashKey[dict[Path, Path]] = pytest.StashKey()


def cassette_path(item: pytest.Item, name: str | None, model: str | None) -> Path:
    """Return the test's file in the nearest `cassettes/` upward from the test, else beside it.

    Below it come the test file's own folders, so that two tests never share a file by accident.

    Args:
        item: the test.
        name: the name its marker gives to the file, or None.
        model: the model it asks where several run side by side, or None.
    """
    shelves = item.config.stash.setdefault(_SHELVES, {})
    if item.path not in shelves:
        shelves[item.path] = _shelf(item.path, item.config.rootpath)
    if name is None:
        stem = _stem(item) + _suffix(_parameters(item))
    else:
        stem = name + (_suffix(f"[{model}]") if model else "")
    return shelves[item.path] / f"{stem}.json"


def recorded_models(item: pytest.Item) -> list[str]:
    """Return the models for which a test that now runs for one was recorded side by side."""
    from ..cassette.loading import read_header

    plain = cassette_path(item, None, None)
    found = []
    for path in sorted(plain.parent.glob(f"{_stem(item)}-*.json")):
        model = read_header(path).get("model")
        if isinstance(model, str) and path.stem == _stem(item) + _suffix(f"[{model}]"):
            found.append(model)
    return found


def _shelf(test_file: Path, rootdir: Path) -> Path:
    """Return the folder for the cassettes of a test file."""
    folder = test_file.parent
    upward = [folder, *folder.parents]
    reach = upward[: upward.index(rootdir) + 1] if rootdir in upward else [folder]
    home = next((each for each in reach if (each / "cassettes").is_dir()), folder)
    return home / "cassettes" / folder.relative_to(home) / test_file.stem


def _stem(item: pytest.Item) -> str:
    parent = getattr(item, "cls", None)
    test = getattr(item, "originalname", None) or item.name
    return f"{parent.__qualname__}.{test}" if parent is not None else str(test)


def _parameters(item: pytest.Item) -> str:
    test = getattr(item, "originalname", None) or item.name
    return item.name[len(test) :]


def _suffix(parameters: str) -> str:
    """Return parameters as a file name can hold them: readable, and by a hash one of a kind."""
    if not parameters:
        return ""
    slug = re.sub(r"[^\w.-]+", "-", parameters.strip("[]")).strip("-")[:40]
    return f"-{slug}-{hashlib.sha256(parameters.encode()).hexdigest()[:8]}"
