"""The one object that holds a test session: options, engines, guard, what was swallowed.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import CassetteError, HarnessError, Unignorable
from ..options import OPTIONS, Option
from .case import Case, adopt, case_of, counted, is_ours
from .shelf import Shelf

if TYPE_CHECKING:
    from ..live.engines import Engine
    from .live_engines import LiveEngines
    from .network_guard import NetworkGuard

_SESSION: pytest.StashKey[LLMSession] = pytest.StashKey()
_USES_ENGINE = ("llm_engine", "llm_provider", "llm_harness")


class LLMSession:
    """Made at configure, kept in `config.stash`, closed at unconfigure."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = {option.name: _value(config, option) for option in OPTIONS}
        _check_address(self.settings)
        as_speed(self.settings["llm_replay_speed"])
        _check_cassettes(self.settings)
        self.means: Counter[str] = Counter()
        self.live_selected = 0
        self.swallowed: list[str] = []
        self.notes: list[str] = []
        self.without_engine: dict[str, str] = {}
        self.any_failed = False
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.reporting: pytest.TestReport | None = None
        self.drift_json: os.PathLike[str] | None = None
        self.shelf = Shelf()
        self._told: list[Unignorable] = []
        self._before: list[Unignorable] = []
        self._item: pytest.Item | None = None
        self._plugged: list[Callable[[], None]] | None = None
        self._engines: LiveEngines | None = None
        self._guard: NetworkGuard | None = None

    # --- options ---

    @property
    def live_allowed(self) -> bool:
        """Whether --llm-live was given."""
        return bool(self.settings["llm_live"])

    @property
    def models(self) -> tuple[str, ...]:
        """The models named by --llm-engine-model."""
        return tuple(self.settings["llm_engine_model"])

    def header(self) -> str | None:
        """Return the report header: the options that differ from their defaults."""
        changed = [
            f"{option.flag[2:]}={_shown(self.settings[option.name])}"
            for option in OPTIONS
            if self.settings[option.name] != option.default
        ]
        return f"llmharness: {', '.join(changed)}" if changed else None

    # --- collection ---

    def adopt(self, items: list[pytest.Item]) -> None:
        """Make the case of every test that is ours."""
        for item in items:
            if is_ours(item):
                try:
                    self.case(item)
                except pytest.UsageError as error:
                    self._complain(item, str(error))

    def case(self, item: pytest.Item) -> Case:
        """Return the case of a test, made now where a fixture of ours was asked for late."""
        chosen = self.settings["llm_record_mode"]
        mode = None if chosen == "none" and not self.config.getoption("llm_record_mode") else chosen
        return case_of(item) or adopt(item, live_allowed=self.live_allowed, record_mode=mode)

    def selected(self, items: list[pytest.Item]) -> str | None:
        """Count what runs and return a line for the terminal, where anything of ours runs."""
        ours = [case for case in map(case_of, items) if case is not None]
        self.live_selected = sum(case.live_marked for case in ours)
        self._warn_of_vain_mode()
        self.means = Counter(case.plan.means for case in ours)
        if not ours:
            return None
        counts = ", ".join(f"{self.means[means]} {means}" for means in sorted(self.means))
        return f"llmharness: {tests(len(ours))} ({counts}); schema core: {_core()}"

    def _warn_of_vain_mode(self) -> None:
        mode = self.config.getoption("llm_record_mode")
        if mode and mode != "none" and self.live_selected and not self.live_allowed:
            note = (
                f"--llm-record-mode={mode} records no test marked llm_live without --llm-live "
                f"({tests(self.live_selected)}): add --llm-live"
            )
            self.notes.extend({note} - set(self.notes))

    def _complain(self, item: pytest.Item, complaint: str) -> None:
        """End the run; in an xdist worker, whose words nobody sees, fail the test instead."""
        if not hasattr(self.config, "workerinput"):
            raise pytest.UsageError(complaint)
        item.setup = partial(pytest.fail, complaint, pytrace=False)  # type: ignore[method-assign]

    def take_over(self, output: dict[str, Any]) -> None:
        """Add what an xdist worker counted."""
        self.live_selected = max(self.live_selected, output.get("llm_live_selected", 0))
        self.swallowed.extend(output.get("llm_swallowed", ()))
        told = output.get("llm_notes", ())
        self.notes.extend(note for note in told if note not in self.notes)
        self.without_engine.update(output.get("llm_without_engine", ()))
        self.shelf.mismatches += output.get("llm_mismatches", ())
        self.shelf.verified += output.get("llm_verified", ())

    @property
    def selected_nothing(self) -> bool:
        """Whether --llm-live was given and no live test was there to run."""
        return self.live_allowed and not self.live_selected

    @property
    def ran_nothing_live(self) -> bool:
        """Whether --llm-live was given and every live test was skipped for want of an engine."""
        return self.live_allowed and 0 < self.live_selected <= len(self.without_engine)

    # --- one test ---

    @contextmanager
    def guarded(self, item: pytest.Item) -> Iterator[None]:
        """Decide what the test gets, and arm the network guard where it may not connect."""
        scope, case = self.settings["llm_network"], case_of(item)
        self._item = item
        self.attempt(item)
        watched = scope == "strict" or (scope == "scoped" and case is not None)
        if not watched or (case is not None and case.plan.connects):
            yield
            return
        from .commands import guard_fix

        guard = self.guard()
        allowed = [host for mark in item.iter_markers("llm_allow_network") for host in mark.args]
        guard.arm(allowed, fix=partial(guard_fix, case))
        try:
            yield
        finally:
            guard.disarm()

    def attempt(self, item: pytest.Item) -> None:
        """Begin with a test, or begin again where another plugin runs it once more."""
        self._told, self.any_failed = [], False
        self._before = [miss for recording in self.shelf.shared for miss in recording.misses]
        case = case_of(item)
        if case is not None:
            case.begin()

    def guard(self) -> NetworkGuard:
        """Return the guard, made at first use."""
        if self._guard is None:
            from .failures import FailedConnection
            from .network_guard import NetworkGuard

            self._guard = NetworkGuard(_own_addresses, FailedConnection)
        return self._guard

    def misses(self, item: pytest.Item) -> list[Unignorable]:
        """Return the misses and refused connections of the test that runs."""
        case = case_of(item)
        own = [case.recording] if case is not None and case.recording is not None else []
        shared = [each for each in self.shelf.shared if each not in own]
        missed = [miss for recording in (*own, *shared) for miss in recording.misses]
        fresh = [miss for miss in missed if not any(miss is each for each in self._before)]
        return [*fresh, *(self._guard.refused if self._guard else ())]

    def tell(self, item: pytest.Item) -> Unignorable | None:
        """Return the first miss that was not told of yet; from now on all of them are."""
        before, self._told = self._told, self.misses(item)
        return next((miss for miss in self._told if not any(miss is each for each in before)), None)

    @contextmanager
    def cassette(self, case: Case, configured: Callable[[], list[Mapping[str, Any]]]) -> Iterator[Any]:
        """Use the test's cassette as its plan says; live tests have none.

        Args:
            case: the test.
            configured: returns what each `llm_cassette_config` in its reach says, from outside in.
        """
        plan = case.plan
        if plan.means not in ("replay", "record"):
            yield None
            return
        from .cassette_rules import expiry, rules_of
        from .failures import failed

        self._plug()
        try:
            told = configured()
            rules, playing = rules_of(case, self.settings, told), _merged(told, case)
            metadata = self._metadata(case) if plan.connects else None
            settings = self._playing(case, playing, metadata, rules.match)
            with self.shelf.in_use(case, settings, playing) as case.recording:
                case.before = counted(case.recording)
                case.expired = expiry(case, case.recording, rules.max_age)
                if case.expired is not None and self.settings["llm_on_expiry"] == "fail":
                    raise case.expired
                yield case.recording
        except HarnessError as error:
            raise failed(error) from None

    @contextmanager
    def fixture(self, definition: Any, request: Any) -> Iterator[None]:
        """Give a fixture that outlives its test the cassette of its scope, at its beginning and end."""
        case = case_of(self._item) if self._item is not None else None
        outlives = definition.scope != "function" and not definition.argname.startswith(("llm_", "_llm_"))
        if not outlives or case is None or case.plan.means not in ("replay", "record"):
            yield
            return
        from .cassette_place import fixture_path
        from .cassette_rules import rules_of
        from .failures import failed

        path = fixture_path(case.item, definition.scope, definition.baseid)
        if not case.plan.connects and not path.exists():
            yield
            return
        self._plug()
        rules = rules_of(case, self.settings, ())
        settings = self._playing(case, case.settings.playing, {}, rules.match)
        use = partial(self.shelf.for_fixture, case, path, request.node, settings)
        tearing_down = ExitStack()
        definition.addfinalizer(tearing_down.close)
        try:
            with use():
                yield
        except CassetteError as error:
            raise failed(error) from None
        definition.addfinalizer(lambda: tearing_down.enter_context(use()))

    def _playing(
        self, case: Case, playing: Mapping[str, Any], metadata: Mapping[str, Any] | None, match: Any
    ) -> Any:
        from ..cassette.using import Settings
        from .commands import record_command
        from .failures import FailedMiss

        speed, clock = playing.get("speed"), playing.get("clock")
        if case.plan.connects:  # what is recorded takes its real time
            speed = clock = None
        elif speed is None and clock is None:
            speed = as_speed(self.settings["llm_replay_speed"])
        if clock == "virtual":
            from ..adapters.clocks.virtual import VirtualClock

            clock = VirtualClock()
        return Settings(
            metadata, FailedMiss, lambda: record_command(case), speed, clock, playing.get("rechunk"), match
        )

    def _plug(self) -> None:
        """Give the cassettes what the redactor hook returns, once."""
        if self._plugged is None:
            from ..cassette import add_redactor

            answers = self.config.hook.pytest_llmharness_redactors(config=self.config)
            self._plugged = [add_redactor(redactor) for answer in answers for redactor in answer]

    def _metadata(self, case: Case) -> dict[str, Any]:
        if not any(name in _USES_ENGINE for name in getattr(case.item, "fixturenames", ())):
            return {}
        from .live_engines import refuse_another_model

        engine = self.engine(case)
        refuse_another_model(case, engine)
        return {
            "engine": engine.name,
            "dialect": engine.dialect,
            "model": engine.model,
            "base_url": engine.base_url,
        }

    def engine(self, case: Case) -> Engine:
        """Return the live engine for a test; where it has none, the test is skipped or fails."""
        if self._engines is None:
            from .live_engines import LiveEngines

            self._engines = LiveEngines(self.settings, self.notes, self.without_engine)
        return self._engines.get(case)

    # --- the end ---

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Take what a report says of its test's cassette, from whichever worker it comes."""
        told = getattr(report, "llm_cassette", None)
        if told is not None:
            self.outcomes[report.nodeid] = told
        self.reporting = report
        try:
            return (yield)
        finally:
            self.reporting = None

    def close(self) -> None:
        """Stop the engines and the loop thread, and take the taps and the guard off."""
        self.shelf.close()
        for unplug in self._plugged or ():
            unplug()
        if self._engines is not None:
            self._engines.close()
        if self._guard is not None:
            self._guard.uninstall()
        executors = sys.modules.get("pytest_llmharness.adapters.executors.portal")
        if executors is not None:
            executors.close_portal()


def session_of(config: pytest.Config) -> LLMSession:
    """Return the session object of this pytest run."""
    return config.stash[_SESSION]


def open_session(config: pytest.Config) -> LLMSession:
    """Read the options and keep the session in the stash.

    Raises:
        pytest.UsageError: an ini value is not valid.
    """
    session = LLMSession(config)
    config.stash[_SESSION] = session
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(session, "llmharness-session")
    return session


def close_session(config: pytest.Config) -> None:
    """Close the session object, if the options were good enough to make one."""
    session = config.stash.get(_SESSION, None)
    if session is not None:
        session.close()


def _value(config: pytest.Config, option: Option) -> Any:
    given = None if option.ini_only else config.getoption(option.name)
    try:
        value = config.getini(option.name) if given in (None, []) else given
    except (ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"ini {option.name}: {error}; use true or false") from None
    if option.choices and value not in option.choices:
        raise pytest.UsageError(
            f"ini {option.name}: {value!r} is not valid; use one of {', '.join(option.choices)}"
        )
    return tuple(value) if option.kind == "list" else value


def _check_address(settings: dict[str, Any]) -> None:
    url = settings["llm_base_url"]
    if url and not url.startswith(("http://", "https://")):
        raise pytest.UsageError(
            f"--llm-base-url: {url!r} is not valid; use one like http://127.0.0.1:8000/v1"
        )
    if url and settings["llm_engine"] == "embedded":
        raise pytest.UsageError(
            "--llm-engine=embedded and --llm-base-url clash: the embedded engine has an address of its own; "
            "leave one of them out"
        )


def _merged(told: list[Mapping[str, Any]], case: Case) -> dict[str, Any]:
    playing: dict[str, Any] = {}
    for each in told:
        playing.update(each)
    return {**playing, **case.settings.playing}


def as_speed(text: str) -> float:
    """Return the replay speed that an option says.

    Raises:
        pytest.UsageError: it is no number of at least 0.
    """
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf"):
        raise pytest.UsageError(
            f"--llm-replay-speed: {text!r} is not valid; use 0 for at once, 1.0 for the recorded pace"
        )
    return speed


def _check_cassettes(settings: dict[str, Any]) -> None:
    keys = ("llm_max_age", "llm_match_ignore", "llm_match_patterns", "llm_match_builtin")
    if any(settings[option.name] != option.default for option in OPTIONS if option.name in keys):
        from .cassette_rules import check_settings

        check_settings(settings)


def _shown(value: Any) -> str:
    return "on" if value is True else "+".join(value) if isinstance(value, tuple) else str(value)


def tests(count: int) -> str:
    """Return "1 test", "2 tests" and so on."""
    return "1 test" if count == 1 else f"{count} tests"


def _core() -> str:
    from importlib.util import find_spec

    if find_spec("pytest_llmharness._native._core"):
        return "rust"
    return "python (slow: the compiled core is missing; install Rust and reinstall pytest-llmharness)"


def _own_addresses() -> set[tuple[str, int]]:
    server = sys.modules.get("pytest_llmharness.server")
    return server.addresses() if server is not None else set()
