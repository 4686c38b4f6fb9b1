"""How a test wants its cassette: what its markers say, and what `llm_cassette_config` says for many.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ..errors import ConfigError
from .cassette_place import SCOPES

PLAYING = ("speed", "clock", "rechunk", "match", "max_age", "keep_failed")
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
        matches: what each marker says about matching, from outside in.
    """

    name: str | None
    record_mode: str | None
    scope: str
    playing: Mapping[str, Any]
    matches: tuple[Any, ...] = ()

    @classmethod
    def of(cls, item: pytest.Item) -> CassetteSettings:
        """Read the markers of a test, the nearest winning."""
        said: dict[str, Any] = {}
        marks = list(item.iter_markers("llm_cassette"))[::-1]
        for mark in marks:
            said |= mark.kwargs
        playing = {name: said[name] for name in PLAYING if name in said and name != "match"}
        return cls(
            said.get("name"),
            said.get("record_mode"),
            said.get("scope", "function"),
            playing,
            tuple(mark.kwargs.get("match") for mark in marks),
        )


def check_mark(mark: pytest.Mark) -> str | None:
    """Say what is wrong with the values of an llm_cassette marker, or None."""
    from ..options import RECORD_MODES

    mode, scope = mark.kwargs.get("record_mode"), mark.kwargs.get("scope")
    if mode is not None and mode not in RECORD_MODES:
        return f"record_mode={mode!r} is no record mode; use one of {', '.join(RECORD_MODES)}"
    if scope is not None and scope not in SCOPES:
        return f"scope={scope!r} is no scope; use one of {', '.join(SCOPES)}"
    return None


def configured(request: pytest.FixtureRequest) -> list[Mapping[str, Any]]:
    """Return what every `llm_cassette_config` in reach says, from outside in.

    One that takes its outer one as an argument has merged it itself.

    Raises:
        ConfigError: one of them returns something else than settings.
    """
    name = "llm_cassette_config"
    nearest = request.getfixturevalue(name)
    return [_checked(each, request.node.nodeid) for each in (*_outer(request, name), nearest)]


def _outer(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """Return the values of the overridden definitions, as far as they need no fixture of their own."""
    manager: Any = request.config.pluginmanager.get_plugin("funcmanage")
    definitions = manager.getfixturedefs(name, request.node) or ()
    return [each.func() for each in definitions[:-1] if not each.argnames]


def _checked(said: Any, nodeid: str) -> Mapping[str, Any]:
    if not isinstance(said, Mapping) or set(said) - set(PLAYING):
        raise ConfigError(
            f"llm_cassette_config is {said!r}",
            where=nodeid,
            fix=f"let the fixture return a dict with some of {', '.join(PLAYING)}",
        )
    return said
