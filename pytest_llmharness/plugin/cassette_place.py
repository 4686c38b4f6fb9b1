"""Where a cassette lies: one file a test, a parameter set and a model; or one a class, module or session.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

SCOPES = ("function", "class", "module", "session")
_SHELVES: pytest.StashKey[dict[Path, Path]] = pytest.StashKey()


def cassette_path(item: pytest.Item, name: str | None, model: str | None, scope: str = "function") -> Path:
    """Return the test's file in the nearest `cassettes/` upward from the test, else beside it.

    Below it come the test file's own folders, so that two tests never share a file by accident.

    Args:
        item: the test.
        name: the name its marker gives to the file, or None.
        model: the model it asks where several run side by side, or None.
        scope: whose file it is: "function", "class", "module" or "session".
    """
    if scope == "session":
        return _session_path(item.path.parent, item.config) if name is None else _home(item) / f"{name}.json"
    folder = _shelf(item)
    if name is not None:
        stem = name + (_suffix(f"[{model}]") if model else "")
    elif scope == "function":
        stem = _stem(item) + _suffix(_parameters(item))
    else:
        cls = getattr(item, "cls", None) if scope == "class" else None
        if cls is None:
            return folder.with_name(f"{folder.name}.json")
        stem = cls.__qualname__
    return folder / f"{stem}.json"


def fixture_path(item: pytest.Item, scope: str, base: str) -> Path:
    """Return the file for the calls of fixtures of one scope.

    Args:
        item: the test that the fixture is set up for.
        scope: of the fixture.
        base: the folder or file, from the root, in which the fixture is defined; "" for a plugin's.
    """
    if scope == "session" and base:
        place = item.config.rootpath / base
        return _session_path(place if place.is_dir() else place.parent, item.config)
    if scope == "package":
        folder = _shelf(item)
        return folder.with_name("package.json")
    return cassette_path(item, None, None, scope)


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


def _shelf(item: pytest.Item) -> Path:
    """Return the folder for the cassettes of a test file."""
    shelves = item.config.stash.setdefault(_SHELVES, {})
    if item.path not in shelves:
        shelves[item.path] = _folder(item.path.parent, item.config) / item.path.stem
    return shelves[item.path]


def _home(item: pytest.Item) -> Path:
    return _folder(item.path.parent, item.config)


def _session_path(folder: Path, config: pytest.Config) -> Path:
    return _folder(folder, config) / "session.json"


def _folder(folder: Path, config: pytest.Config) -> Path:
    """Return the folder for the cassettes of a folder of tests."""
    upward = [folder, *folder.parents]
    reach = upward[: upward.index(config.rootpath) + 1] if config.rootpath in upward else [folder]
    home = next((each for each in reach if (each / "cassettes").is_dir()), folder)
    return home / "cassettes" / folder.relative_to(home)


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
