"""The cassettes that tests have in use, and what becomes of them when their tests have ended.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import HarnessError

if TYPE_CHECKING:
    from ..cassette.recording import Recording
    from .case import Case


@dataclass(eq=False)
class Held:
    """One recording, and the tests that have used it.

    Attributes:
        recording: waits for the verdict.
        users: the ids of those tests.
    """

    recording: Recording
    users: set[str] = field(default_factory=set)


class Shelf:
    """Opens cassettes, keeps those that several tests share, and tells each the verdict on its tests.

    Attributes:
        notes: what went wrong where no test could be told.
        mismatches: (test, words) of each call in mode script that asked something else than its take.
        verified: what was found in mode verify, a row a call.
    """

    def __init__(self) -> None:
        self._since = time.time()
        self._shared: dict[Path, Held] = {}
        self._ended: list[Held] = []
        self._passed: set[str] = set()
        self._failed: set[str] = set()
        self._untap: Callable[[], None] | None = None
        self.notes: list[str] = []
        self.mismatches: list[tuple[str, str]] = []
        self.verified: list[dict[str, Any]] = []

    @property
    def shared(self) -> list[Recording]:
        """The recordings that are open for several tests."""
        return [held.recording for held in self._shared.values()]

    def tap(self) -> None:
        """Tap the HTTP stacks for the rest of the session, once."""
        if self._untap is None:
            from ..cassette.interception import hold_taps

            self._untap = hold_taps()

    @contextmanager
    def in_use(self, case: Case, settings: Any, playing: dict[str, Any]) -> Iterator[Recording]:
        """Use the cassette of a test, or the one it shares, while the test runs."""
        from ..cassette.interception import answering

        self.tap()
        held = self._held(case, case.cassette_path, settings, playing)
        held.users.add(case.item.nodeid)
        held.recording.test = case.item.nodeid
        try:
            with answering(held.recording):
                yield held.recording
        finally:
            held.recording.test = ""
            if case.settings.scope == "function":
                self._end(held)

    @contextmanager
    def for_fixture(self, case: Case, path: Path, node: Any, settings: Any) -> Iterator[None]:
        """Use the file of a scope while a fixture of that scope is set up, or torn down."""
        from ..cassette.interception import answering

        self.tap()
        held = self._held(case, path, settings, dict(case.settings.playing), node)
        held.users.add(case.item.nodeid)
        recording = held.recording
        asked_before, recording.test = recording.test, ""
        try:
            with answering(recording):
                yield
        finally:
            recording.test = asked_before

    def settle(self, item: pytest.Item | None, *, failed: bool) -> None:
        """Note the verdict on a test, and tell it to the cassettes that nobody uses any more.

        Raises:
            CassetteError: one of them cannot be written.
        """
        if item is not None:
            (self._failed if failed else self._passed).add(item.nodeid)
            (self._passed if failed else self._failed).discard(item.nodeid)
        ended, self._ended = self._ended, []
        for held in ended:
            self._settle(held)

    def end(self) -> None:
        """End what is still open: the session was cut short."""
        for held in list(self._shared.values()):
            self._end(held)
        try:
            self.settle(None, failed=False)
        except HarnessError as error:
            self.notes.append(str(error))

    def close(self) -> None:
        """Take the taps off."""
        if self._untap is not None:
            self._untap()

    def _settle(self, held: Held) -> None:
        passed, failed = held.users & self._passed, held.users - self._passed
        recording = held.recording
        user = min(held.users, default="")
        self.mismatches += [(user, words) for words in recording.mismatches]
        self.verified += [_row(user, each) for each in recording.verified]
        recording.settle(passed=passed, failed=failed)

    def _held(self, case: Case, path: Path, settings: Any, playing: dict[str, Any], node: Any = None) -> Held:
        shared = node is not None or case.settings.scope != "function"
        if not shared:
            return Held(self._open(case, path, settings, playing, shared=case.settings.name is not None))
        if path not in self._shared:
            held = self._shared[path] = Held(self._open(case, path, settings, playing, shared=True))
            (node or scope_node(case.item, case.settings.scope)).addfinalizer(lambda: self._end(held))
        return self._shared[path]

    def _open(
        self, case: Case, path: Path, settings: Any, playing: dict[str, Any], *, shared: bool
    ) -> Recording:
        from ..cassette.recording import Holding
        from ..cassette.using import hold_cassette

        holding = Holding(shared, self._since, bool(playing.get("keep_failed")))
        return hold_cassette(path, case.plan.record_mode, settings, holding)

    def _end(self, held: Held) -> None:
        if self._shared.get(held.recording.path) is held:
            del self._shared[held.recording.path]
        held.recording.close()
        self._ended.append(held)


def scope_node(item: pytest.Item, scope: str) -> Any:
    """Return the node whose end is the end of a scope."""
    kinds: dict[str, Any] = {"class": pytest.Class, "module": pytest.Module, "session": pytest.Session}
    found = item.getparent(kinds[scope])
    return found if found is not None else item.getparent(pytest.Module) or item.session


def _row(test: str, verified: Any) -> dict[str, Any]:
    from ..cassette.fingerprint import request_path

    found = verified.differences
    return {
        "test": test,
        "call": verified.call,
        "request": f"{verified.request.method} {request_path(verified.request.url)}",
        "differences": None
        if found is None
        else [{"severity": each.severity, "place": each.place, "what": each.what} for each in found],
    }
