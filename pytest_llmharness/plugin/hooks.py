"""The hooks. They hand over to the session object and decide nothing themselves.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ..options import MARKERS, OPTIONS, Option
from .session import close_session, open_session, session_of
from .side_by_side import parametrize_models
from .verdict import end_of_phase, end_of_report, end_of_session, say_at_the_end, verdict_on, with_verdict

_INI_TYPES: dict[str, Any] = {"flag": "bool", "value": "string", "list": "linelist"}
_ACTIONS: dict[str, str] = {"flag": "store_true", "value": "store", "list": "append"}


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make our own hooks known: pytest drops those of a conftest that it does not know."""
    from . import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Make flags and ini keys from the table."""
    group = parser.getgroup("llmharness", "test the harness, not the prompt")
    for option in OPTIONS:
        default = list(option.default) if option.kind == "list" else option.default
        parser.addini(option.name, option.help, type=_INI_TYPES[option.kind], default=default)
        if not option.ini_only:
            _add_flag(group, option)


def _add_flag(group: Any, option: Option) -> None:
    extra = {"choices": option.choices} if option.choices else {}
    group.addoption(
        option.flag, dest=option.name, action=_ACTIONS[option.kind], default=None, help=option.help, **extra
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and read the options; a bad value ends here."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    open_session(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    close_session(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """One line, and only where an option was given."""
    return session_of(config).header()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each model where several were named."""
    parametrize_models(metafunc, session_of(metafunc.config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Read the markers of every test that is ours."""
    session_of(config).adopt(items)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Say what our tests will do."""
    return session_of(config).selected(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the live tests that were selected, also where nothing is reported."""
    session_of(session.config).selected(session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Arm the network guard around the whole test."""
    with session_of(item.config).guarded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, object, object]:
    """Give a fixture that outlives its test the cassette of its scope."""
    with session_of(request.config).fixture(fixturedef, request):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Raise again what a fixture swallowed."""
    session_of(item.config).attempt(item)
    with end_of_phase(session_of(item.config), item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Raise again what the code under test swallowed."""
    with end_of_phase(session_of(item.config), item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Raise again what a fixture swallowed at its end; then the cassettes hear the verdict."""
    session = session_of(item.config)
    with verdict_on(session, item), end_of_phase(session, item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a miss that an xfail turned into a success."""
    report = yield
    end_of_report(session_of(item.config), item, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(report: Any, config: pytest.Config) -> Generator[None, Any, Any]:
    """Show with -v what answered the test's calls."""
    return with_verdict(session_of(config), (yield), report)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Fail the session for what no single test reports, once pytest has ended its last fixtures."""
    result = yield
    end_of_session(session_of(session.config), session)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what an xdist worker counted."""
    session_of(node.config).take_over(getattr(node, "workeroutput", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why the session failed, and how to mend it."""
    say_at_the_end(session_of(terminalreporter.config), terminalreporter)
