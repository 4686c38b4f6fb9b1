"""One test as this plugin sees it: its markers, its cassette's place, its plan.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from .plan import Plan, plan

_CASE: pytest.StashKey[Case] = pytest.StashKey()
_MARKERS = {
    "llm_live": ("engine", "models"),
    "llm_cassette": ("name", "record_mode"),
    "llm_allow_network": (),
}


class Case:
    """What the markers of one test say, and what follows from them."""

    def __init__(self, item: pytest.Item, *, live_allowed: bool, record_mode: str | None) -> None:
        self.item = item
        live, cassette = item.get_closest_marker("llm_live"), item.get_closest_marker("llm_cassette")
        names = getattr(item, "fixturenames", ())
        self.live_marked = live is not None
        self.engine: str | None = live.kwargs.get("engine") if live else None
        self.models: tuple[str, ...] = _tuple(live.kwargs.get("models")) if live else ()
        self.cassette_marked = cassette is not None or "llm_cassette" in names
        wanted = cassette.kwargs if cassette else {}
        self.record_mode: str = record_mode or wanted.get("record_mode") or "none"
        self.cassette_path = _cassette_path(item, wanted.get("name"))
        self._live_allowed = live_allowed
        self.recording: Any = None
        self.miss: BaseException | None = None

    @property
    def plan(self) -> Plan:
        """Decide now: the cassette may have been written since collection."""
        return plan(
            live_marked=self.live_marked,
            cassette_marked=self.cassette_marked,
            live_allowed=self._live_allowed,
            record_mode=self.record_mode,
            has_cassette=self.cassette_path.is_file(),
        )

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts its llm_allow_network markers name."""
        return tuple(host for mark in self.item.iter_markers("llm_allow_network") for host in mark.args)

    def command(self, *flags: str) -> str:
        """Return the pytest command that runs just this test with these flags."""
        test = self.item.nodeid
        quoted = test if re.fullmatch(r"[\w./:\[\]-]+", test) and "[" not in test else f"'{test}'"
        return " ".join(("pytest", *flags, quoted))

    def record_command(self) -> str:
        """Return the command that records this test anew."""
        live = ("--llm-live",) if self.live_marked else ()
        return self.command(*live, "--llm-record-mode=rewrite")


def is_ours(item: pytest.Item) -> bool:
    """Whether the test bears one of our markers or uses one of our fixtures."""
    return any(name.startswith("llm_") for name in getattr(item, "fixturenames", ())) or any(
        item.get_closest_marker(name) for name in _MARKERS
    )


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
        names.insert(0, "llm_cassette")
    return case


def _check(mark: pytest.Mark, item: pytest.Item) -> None:
    known = _MARKERS[mark.name]
    unknown = sorted(set(mark.kwargs) - set(known))
    if unknown or (mark.args and mark.name != "llm_allow_network"):
        what = f"argument {unknown[0]!r}" if unknown else f"positional argument {mark.args[0]!r}"
        takes = ", ".join(f"{name}=" for name in known) or "hosts as strings"
        raise pytest.UsageError(f"{item.nodeid}: the marker {mark.name} takes no {what}; it takes {takes}")
    mode = mark.kwargs.get("record_mode")
    if mode is not None and mode not in _record_modes():
        valid = ", ".join(_record_modes())
        raise pytest.UsageError(f"{item.nodeid}: record_mode={mode!r} is no record mode; use one of {valid}")


def _record_modes() -> tuple[str, ...]:
    from ..options import RECORD_MODES

    return RECORD_MODES


def _tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _cassette_path(item: pytest.Item, name: str | None) -> Path:
    """Nearest `cassettes/` upward from the test file, else beside it; one file a test."""
    rootdir = item.config.rootpath
    folder = item.path.parent
    for parent in (folder, *folder.parents):
        if (parent / "cassettes").is_dir():
            folder = parent
            break
        if parent == rootdir:
            break
    return folder / "cassettes" / item.path.stem / f"{name or _file_name(item)}.json"


def _file_name(item: pytest.Item) -> str:
    """Return the test's name as a file name: class and function, parameters as slug and hash."""
    parent = getattr(item, "cls", None)
    base = getattr(item, "originalname", None) or item.name
    stem = f"{parent.__name__}.{base}" if parent is not None else base
    parameters = item.name[len(base) :]
    if not parameters:
        return stem
    slug = re.sub(r"[^\w.-]+", "-", parameters.strip("[]")).strip("-")[:40]
    return f"{stem}-{slug}-{hashlib.sha256(parameters.encode()).hexdigest()[:8]}"
