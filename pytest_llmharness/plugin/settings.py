"""How a test wants its cassette: what its markers say, and what `llm_cassette_config` says for many.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from .cassette_place import SCOPES

PLAYING = ("speed", "clock", "rechunk", "max_age", "keep_failed")
"""What `llm_cassette_config` may say, and a marker too."""
MARKED = ("name", "record_mode", "scope", *PLAYING)


@dataclass(frozen=True)
class CassetteSettings:
    """What holds for the cassette of one test.

    Attributes:
        name: of the file, or None.
        record_mode: or None where the marker leaves it open.
        scope: whose file it is.
        playing: speed, clock, rechunk, max_age and keep_failed, as far as they are said.
    """

    name: str | None
    record_mode: str | None
    scope: str
    playing: Mapping[str, Any]

    @classmethod
    def of(cls, item: pytest.Item) -> CassetteSettings:
        """Read the markers of a test, the nearest winning."""
        said: dict[str, Any] = {}
        for mark in reversed(list(item.iter_markers("llm_cassette"))):
            said |= mark.kwargs
        playing = {name: said[name] for name in PLAYING if name in said}
        return cls(said.get("name"), said.get("record_mode"), said.get("scope", "function"), playing)


def check_mark(mark: pytest.Mark) -> str | None:
    """Say what is wrong with the values of an llm_cassette marker, or None."""
    from ..options import RECORD_MODES

    mode, scope = mark.kwargs.get("record_mode"), mark.kwargs.get("scope")
    if mode is not None and mode not in RECORD_MODES:
        return f"record_mode={mode!r} is no record mode; use one of {', '.join(RECORD_MODES)}"
    if scope is not None and scope not in SCOPES:
        return f"scope={scope!r} is no scope; use one of {', '.join(SCOPES)}"
    return None


def configured(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what every `llm_cassette_config` in reach says, the nearest winning.

    One that takes its outer one as an argument has merged it itself.

    Raises:
        pytest.UsageError: it returns something else than settings.
    """
    name = "llm_cassette_config"
    said: dict[str, Any] = {}
    nearest = request.getfixturevalue(name)
    for outer in _outer(request, name):
        said.update(_checked(outer))
    return {**said, **_checked(nearest)}


def _outer(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """Return the values of the overridden definitions, as far as they need no fixture of their own."""
    manager: Any = request.config.pluginmanager.get_plugin("funcmanage")
    definitions = manager.getfixturedefs(name, request.node) or ()
    return [each.func() for each in definitions[:-1] if not each.argnames]


def _checked(said: Any) -> Mapping[str, Any]:
    unknown = sorted(set(said) - set(PLAYING)) if isinstance(said, Mapping) else [type(said).__name__]
    if unknown:
        raise pytest.UsageError(
            f"llm_cassette_config has no setting {unknown[0]!r}; return a dict of {', '.join(PLAYING)}"
        )
    found: Mapping[str, Any] = said
    return found
