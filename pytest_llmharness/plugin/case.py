"""One test as this plugin sees it: its markers, its cassette's place, its plan.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any, NamedTuple

import pytest

from ..errors import CassetteError
from .plan import Plan, plan
from .settings import MARKED, CassetteSettings, check_mark

_CASE: pytest.StashKey[Case] = pytest.StashKey()
_MARKERS = {
    "llm_live": ("engine", "models"),
    "llm_cassette": MARKED,
    "llm_allow_network": (),
}


class Before(NamedTuple):
    """What a recording had counted before a test began to use it: other tests may share it."""

    played: int = 0
    recorded: int = 0
    misses: int = 0


class Case:
    """What the markers of one test say, and what follows from them."""

    def __init__(self, item: pytest.Item, *, live_allowed: bool, record_mode: str | None) -> None:
        from .cassette_place import cassette_path

        self.item = item
        live, cassette = item.get_closest_marker("llm_live"), item.get_closest_marker("llm_cassette")
        names = getattr(item, "fixturenames", ())
        self.live_marked = live is not None
        self.engine: str | None = live.kwargs.get("engine") if live else None
        self.models: tuple[str, ...] = as_models(live.kwargs.get("models")) if live else ()
        self.model: str | None = _parameter(item, "_llm_model")
        self.cassette_marked = cassette is not None or "llm_cassette" in names
        self.settings = CassetteSettings.of(item)
        self.record_mode: str = record_mode or self.settings.record_mode or "none"
        self.cassette_path = cassette_path(item, self.settings.name, self.model, self.settings.scope)
        self._live_allowed = live_allowed
        self._decided: Plan | None = None
        self.recording: Any = None
        self.expired: CassetteError | None = None
        self.before = Before()

    @property
    def plan(self) -> Plan:
        """What the test gets; while it runs, what was decided when it began."""
        return self._decided or plan(
            live_marked=self.live_marked,
            cassette_marked=self.cassette_marked,
            live_allowed=self._live_allowed,
            record_mode=self.record_mode,
            has_cassette=os.path.exists(self.cassette_path),  # this one never raises
        )

    def begin(self) -> None:
        """Decide now: the cassette may have come since collection, and may come while the test runs."""
        self._decided = self.recording = self.expired = None
        self.before = Before()
        self._decided = self.plan


def counted(recording: Any) -> Before:
    """Return what a recording has counted by now."""
    return Before(recording.played, recording.recorded, len(recording.misses))


def is_ours(item: pytest.Item) -> bool:
    """Whether the test bears one of our markers or uses one of our fixtures."""
    return not _fixtures().isdisjoint(getattr(item, "fixturenames", ())) or any(
        item.get_closest_marker(name) for name in _MARKERS
    )


@cache
def _fixtures() -> frozenset[str]:
    """Name what this plugin gives to tests; a stranger may well have an `llm_client` of its own."""
    plugin = sys.modules[__name__.rpartition(".")[0]]
    return frozenset(name for name in plugin.__all__ if name.startswith("llm_"))


def case_of(item: pytest.Item) -> Case | None:
    """Return the case of a test that was adopted, None for a stranger's."""
    return item.stash.get(_CASE, None)


def adopt(item: pytest.Item, *, live_allowed: bool, record_mode: str | None) -> Case:
    """Make the case of a test, and let a marked test use its cassette without asking.

    Raises:
        pytest.UsageError: a marker has an argument it does not know.
    """
    for mark in item.iter_markers():
        if mark.name in _MARKERS:
            _check(mark, item)
    case = item.stash[_CASE] = Case(item, live_allowed=live_allowed, record_mode=record_mode)
    names = getattr(item, "fixturenames", None)
    if case.cassette_marked and names is not None and "llm_cassette" not in names:
        # A list of its own: pytest's is shared by all the parameters of a test.
        item.fixturenames = ["llm_cassette", *names]  # type: ignore[attr-defined]
    return case


def _check(mark: pytest.Mark, item: pytest.Item) -> None:
    known = _MARKERS[mark.name]
    unknown = sorted(set(mark.kwargs) - set(known))
    if unknown or (mark.args and mark.name != "llm_allow_network"):
        what = f"argument {unknown[0]!r}" if unknown else f"positional argument {mark.args[0]!r}"
        takes = ", ".join(f"{name}=" for name in known) or "hosts as strings"
        raise pytest.UsageError(f"{item.nodeid}: the marker {mark.name} takes no {what}; it takes {takes}")
    if mark.name == "llm_cassette" and (wrong := check_mark(mark)) is not None:
        raise pytest.UsageError(f"{item.nodeid}: {wrong}")
    if mark.kwargs.get("match") is not None or mark.kwargs.get("max_age") is not None:
        from .cassette_rules import check_marker

        check_marker(mark, item.nodeid)


def as_models(value: Any) -> tuple[str, ...]:
    """Return what `models=` named: one model, or several."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def _parameter(item: pytest.Item, name: str) -> Any:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get(name) if callspec is not None else None
