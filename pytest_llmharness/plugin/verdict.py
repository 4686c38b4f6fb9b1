"""What no test may hide: swallowed misses, and a live run without a live test.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ..errors import HarnessError, Unignorable
from .case import case_of
from .session import LLMSession, tests


@contextmanager
def end_of_phase(session: LLMSession, item: pytest.Item) -> Iterator[None]:
    """Raise a miss that the setup, the call or the teardown of the test swallowed."""
    try:
        yield
    except (KeyboardInterrupt, pytest.exit.Exception):
        session.tell(item)
        raise
    except BaseException as error:
        from .short_trace import led_to, shorten

        told = session.tell(item)
        miss = error if isinstance(error, Unignorable) else told
        if miss is not None:
            raise miss from None if led_to(miss, error) else error
        if case_of(item) is not None and not session.config.getoption("fulltrace"):
            shorten(error)
        raise
    miss = session.tell(item)
    if miss is not None:
        raise miss


@contextmanager
def verdict_on(session: LLMSession, item: pytest.Item) -> Iterator[None]:
    """Tell the cassettes of a test whether it failed, once its teardown is over."""
    try:
        yield
    except BaseException:
        _settle(session, item, failed=True, quietly=True)
        raise
    _settle(session, item, failed=session.any_failed)


def _settle(session: LLMSession, item: pytest.Item, *, failed: bool, quietly: bool = False) -> None:
    try:
        session.settle(item, failed=failed)
    except HarnessError as error:
        if quietly:
            session.notes.append(str(error))
        else:
            from .failures import failed as shown

            raise shown(error) from None


def end_of_report(session: LLMSession, item: pytest.Item, report: pytest.TestReport) -> None:
    """Note at its end a test that had a miss and was never reported as failed (xfail)."""
    if report.failed and not session.any_failed:
        _name_journal(item, report)
    session.any_failed |= report.failed
    _tell_cassette(item, report)
    if report.when == "teardown" and session.misses(item) and not session.any_failed:
        session.swallowed.append(item.nodeid)


def _tell_cassette(item: pytest.Item, report: pytest.TestReport) -> None:
    """Let the report carry what became of the test's cassette, to the controller and to JUnit."""
    case = case_of(item)
    if report.when == "setup" or case is None or (case.recording is None and case.plan.means != "live"):
        return
    from .outcome import outcome

    told = outcome(case)
    if told is not None:
        report.llm_cassette = told  # type: ignore[attr-defined]  # xdist carries it along
        if report.when == "teardown":
            report.user_properties.append(("llm_cassette", told["verdict"]))


def with_verdict(session: LLMSession, status: Any, report: pytest.TestReport) -> Any:
    """Add the verdict on the test's cassette to the word that -v shows: "PASSED HIT".

    The lines of the short summary, which others read by program, stay as they are.
    """
    told = getattr(report, "llm_cassette", None)
    if told is None or session.reporting is not report or report.when != "call" or len(status) != 3:
        return status
    category, letter, word = status
    if isinstance(word, tuple):
        return category, letter, (f"{word[0]} {told['verdict']}", *word[1:])
    return category, letter, f"{word} {told['verdict']}"


def _name_journal(item: pytest.Item, report: pytest.TestReport) -> None:
    case = case_of(item)
    recording = case.recording if case is not None else None
    kept = recording.kept_if_failed(item.nodeid) if recording is not None else None
    if kept is None:
        return
    path, count = kept
    takes, are = ("1 take", "is") if count == 1 else (f"{count} takes", "are")
    report.sections.append(
        (
            "llm_cassette",
            f"the test failed, so the {takes} it recorded {are} not in its cassette\n"
            f"  where: {path}\n"
            f"  fix:   record it again, or keep what it recorded: llmharness cassette promote {path}",
        )
    )


def end_of_session(session: LLMSession, run: pytest.Session) -> None:
    """Hand the counts to the controller, or turn the exit status where it must not be 0."""
    session.end_cassettes()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["llm_live_selected"] = session.live_selected
        output["llm_swallowed"] = session.swallowed
        output["llm_notes"] = session.notes
        output["llm_mismatches"] = session.mismatches
        output["llm_verified"] = session.verified
        output["llm_without_engine"] = session.without_engine
        return
    if session.outcomes:
        from .drift_report import write_json

        write_json(session)
    if run.exitstatus == pytest.ExitCode.OK:
        if session.swallowed:
            run.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif session.selected_nothing or session.ran_nothing_live:
            run.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def say_at_the_end(session: LLMSession, reporter: pytest.TerminalReporter) -> None:
    """Write one line for each reason that no test reports."""
    if session.outcomes:
        from .drift_report import say_drift

        say_drift(session, reporter)
    for nodeid in session.swallowed:
        reporter.write_line(
            f"llmharness: {nodeid} had a cassette miss or a refused connection, and xfail hid it", red=True
        )
    if session.mismatches or session.verified:
        from .findings import say_mismatches, say_verified

        say_mismatches(session.mismatches, reporter)
        say_verified(session.verified, reporter)
    for note in session.notes:
        reporter.write_line(f"llmharness: {note}", yellow=True)
    for reason in list(session.without_engine.values())[:1]:
        reporter.write_line(
            f"llmharness: {tests(len(session.without_engine))} marked llm_live had no engine and did not run "
            f"(-rs tells why of each): {reason}",
            red=session.ran_nothing_live,
            yellow=not session.ran_nothing_live,
        )
    if session.selected_nothing:
        reporter.write_line(
            "llmharness: --llm-live selected no test marked llm_live; mark one with @pytest.mark.llm_live, "
            "widen -k / -m, or drop --llm-live",
            red=True,
        )
