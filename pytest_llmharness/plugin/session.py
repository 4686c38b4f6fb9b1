"""The one object that holds a test session: options, engines, guard, what was swallowed.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import EngineUnavailable, HarnessError, Unignorable
from ..options import OPTIONS, Option
from .case import Case, adopt, case_of, is_ours

if TYPE_CHECKING:
    from ..live.engines import Engine, OpenEngine
    from .network_guard import NetworkGuard

_SESSION: pytest.StashKey[LLMSession] = pytest.StashKey()
_USES_ENGINE = ("llm_engine", "llm_provider", "llm_harness")


class LLMSession:
    """Made at configure, kept in `config.stash`, closed at unconfigure."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = {option.name: _value(config, option) for option in OPTIONS}
        self.means: Counter[str] = Counter()
        self.live_selected = 0
        self.swallowed: list[str] = []
        self._engines: dict[tuple[str, str, str], OpenEngine] = {}
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
                self.case(item)

    def case(self, item: pytest.Item) -> Case:
        """Return the case of a test, made now where a fixture of ours was asked for late."""
        chosen = self.settings["llm_record_mode"]
        mode = None if chosen == "none" and not self.config.getoption("llm_record_mode") else chosen
        return case_of(item) or adopt(item, live_allowed=self.live_allowed, record_mode=mode)

    def selected(self, items: list[pytest.Item]) -> str | None:
        """Count what runs and return a line for the terminal, where anything of ours runs."""
        ours = [case for case in map(case_of, items) if case is not None]
        self.live_selected = sum(case.live_marked for case in ours)
        self.means = Counter(case.plan.means for case in ours)
        if not ours:
            return None
        counts = ", ".join(f"{self.means[means]} {means}" for means in sorted(self.means))
        return f"llmharness: {_tests(len(ours))} ({counts}); schema core: {_core()}"

    def take_over(self, output: dict[str, Any]) -> None:
        """Add what an xdist worker counted."""
        self.live_selected = max(self.live_selected, output.get("llm_live_selected", 0))
        self.swallowed.extend(output.get("llm_swallowed", ()))

    @property
    def selected_nothing(self) -> bool:
        """Whether --llm-live was given and no live test was there to run."""
        return self.live_allowed and not self.live_selected

    # --- one test ---

    @contextmanager
    def guarded(self, item: pytest.Item) -> Iterator[None]:
        """Arm the network guard while a test runs that may not connect."""
        scope, case = self.settings["llm_network"], case_of(item)
        watched = scope == "strict" or (scope == "scoped" and case is not None)
        if not watched or (case is not None and case.plan.connects):
            yield
            return
        guard = self.guard()
        allowed = [host for mark in item.iter_markers("llm_allow_network") for host in mark.args]
        guard.arm(allowed, fix=_guard_fix(case))
        try:
            yield
        finally:
            guard.disarm()

    def guard(self) -> NetworkGuard:
        """Return the guard, made at first use."""
        if self._guard is None:
            from .failures import FailedConnection
            from .network_guard import NetworkGuard

            self._guard = NetworkGuard(_own_addresses, FailedConnection)
        return self._guard

    def unanswered(self, item: pytest.Item) -> Unignorable | None:
        """Return the first miss or refused connection of the test that runs, if there was one."""
        case = case_of(item)
        recording = case.recording if case is not None else None
        misses = [*(recording.misses if recording else ()), *(self._guard.refused if self._guard else ())]
        return misses[0] if misses else None

    @contextmanager
    def cassette(self, case: Case) -> Iterator[Any]:
        """Use the test's cassette as its plan says; live tests have none."""
        plan = case.plan
        if plan.means not in ("replay", "record"):
            yield None
            return
        from ..cassette import use_cassette
        from .failures import FailedMiss

        recording = use_cassette(
            case.cassette_path,
            record_mode=plan.record_mode,
            metadata=self._metadata(case) if plan.connects else None,
            miss=FailedMiss,
            fix=case.record_command(),
        )
        with recording as case.recording:
            yield case.recording

    def _metadata(self, case: Case) -> dict[str, Any]:
        if not any(name in _USES_ENGINE for name in getattr(case.item, "fixturenames", ())):
            return {}
        engine = self.engine(case)
        return {
            "engine": engine.name,
            "dialect": engine.dialect,
            "model": engine.model,
            "base_url": engine.base_url,
        }

    # --- engines ---

    def engine(self, case: Case, model: str | None = None) -> Engine:
        """Return the live engine for a test, started at first use and kept for the session.

        An engine that cannot be had skips the test where it was only preferred (auto, embedded),
        and fails it where it was asked for by name.
        """
        name = self.settings["llm_engine"]
        if case.engine is not None and name == "auto":
            name = case.engine
        elif case.engine is not None and name != case.engine:
            pytest.skip(
                f"needs the engine {case.engine}: {case.command('--llm-live', f'--llm-engine={case.engine}')}"
            )
        wanted = model or (self.models[0] if self.models else case.models[0] if case.models else "")
        key = (name, self.settings["llm_base_url"], wanted)
        if key not in self._engines:
            from ..live.engines import open_engine

            try:
                self._engines[key] = open_engine(name, base_url=key[1] or None, model=wanted or None)
            except EngineUnavailable as error:
                if name in ("auto", "embedded"):
                    pytest.skip(f"{error.what}; {error.fix}")
                raise _failed(error) from None
            except HarnessError as error:
                raise _failed(error) from None
        return self._engines[key].engine

    # --- the end ---

    def close(self) -> None:
        """Stop the engines and the loop thread, and take the guard off."""
        while self._engines:
            self._engines.popitem()[1].close()
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
    return session


def close_session(config: pytest.Config) -> None:
    """Close the session object, if the options were good enough to make one."""
    session = config.stash.get(_SESSION, None)
    if session is not None:
        session.close()


def _value(config: pytest.Config, option: Option) -> Any:
    given = None if option.ini_only else config.getoption(option.name)
    value = config.getini(option.name) if given in (None, []) else given
    if option.choices and value not in option.choices:
        raise pytest.UsageError(
            f"ini {option.name}: {value!r} is not valid; use one of {', '.join(option.choices)}"
        )
    return tuple(value) if option.kind == "list" else value


def _shown(value: Any) -> str:
    return "on" if value is True else "+".join(value) if isinstance(value, tuple) else str(value)


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


def _core() -> str:
    from importlib.util import find_spec

    if find_spec("pytest_llmharness._native._core"):
        return "rust"
    return "python (slow: the compiled core is missing; install Rust and reinstall pytest-llmharness)"


def _guard_fix(case: Case | None) -> str:
    mark = "@pytest.mark.llm_allow_network('{host}:{port}')"
    if case is None:
        return f"mark the test {mark}, or set llm_network = scoped"
    command = case.command("--llm-live") if case.live_marked else case.record_command()
    return f"{command}   (or mark the test {mark})"


def _own_addresses() -> set[tuple[str, int]]:
    server = sys.modules.get("pytest_llmharness.server")
    return server.addresses() if server is not None else set()


def _failed(error: HarnessError) -> BaseException:
    return pytest.fail.Exception(str(error), pytrace=False)
