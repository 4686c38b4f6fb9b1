"""The cassettes in use, and which of them answers a call."""

from __future__ import annotations

from contextvars import ContextVar

from .recording import Recording

own: ContextVar[Recording | None] = ContextVar("llmharness_cassette", default=None)
in_use: list[Recording] = []


def current() -> Recording | None:
    """Return the recording that answers the code that calls.

    That is the innermost one of its own thread or task; code that was started elsewhere (a worker
    thread, a loop on another thread) gets the one opened last.
    """
    innermost, opened = own.get(), in_use[:]
    if innermost is not None and any(each is innermost for each in opened):
        return innermost
    return opened[-1] if opened else None
