"""What no test may hide: swallowed misses, and a live run without a live test.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..errors import Unignorable
from .session import LLMSession


@contextmanager
def end_of_call(session: LLMSession, item: pytest.Item) -> Iterator[None]:
    """Raise the test's first miss when its call phase ends, unless it is being raised already."""
    try:
        yield
    except Unignorable:
        raise
    except BaseException as error:
        miss = session.unanswered(item)
        if miss is not None and not isinstance(error, KeyboardInterrupt):
            raise miss from error
        raise
    miss = session.unanswered(item)
    if miss is not None:
        raise miss


def end_of_report(session: LLMSession, item: pytest.Item, report: pytest.TestReport) -> None:
    """Note a test that had a miss and is not reported as failed (xfail)."""
    if report.when == "call" and not report.failed and session.unanswered(item) is not None:
        session.swallowed.append(item.nodeid)


def end_of_session(session: LLMSession, run: pytest.Session) -> None:
    """Hand the counts to the controller, or turn the exit status where it must not be 0."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["llm_live_selected"] = session.live_selected
        output["llm_swallowed"] = session.swallowed
    elif run.exitstatus == pytest.ExitCode.OK:
        if session.swallowed:
            run.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif session.selected_nothing:
            run.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def say_at_the_end(session: LLMSession, reporter: pytest.TerminalReporter) -> None:
    """Write one line for each reason that no test reports."""
    for nodeid in session.swallowed:
        reporter.write_line(
            f"llmharness: {nodeid} had a cassette miss or a refused connection, and xfail hid it", red=True
        )
    if session.selected_nothing:
        reporter.write_line(
            "llmharness: --llm-live selected no test marked llm_live; mark one with @pytest.mark.llm_live, "
            "widen -k / -m, or drop --llm-live",
            red=True,
        )
