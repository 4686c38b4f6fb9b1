"""Which cassette answers a call, and when the stacks are tapped: while any cassette is in use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .recording import Recording
from .taps import Taps

_own: ContextVar[Recording | None] = ContextVar("llmharness_cassette", default=None)
_in_use: list[Recording] = []
_lock = threading.Lock()
_taps = Taps()


def current() -> Recording | None:
    """Return the recording that answers the code that calls.

    That is the innermost one of its own thread or task; code that was started elsewhere (a worker
    thread, a loop on another thread) gets the one opened last.
    """
    own = _own.get()
    in_use = _in_use[:]
    if own is not None and any(each is own for each in in_use):
        return own
    return in_use[-1] if in_use else None


@contextmanager
def answering(recording: Recording) -> Iterator[None]:
    """Let a recording answer; blocks may nest, and overlap in threads in any order."""
    outer = _own.get()
    _begin(recording)
    _own.set(recording)
    try:
        yield
    finally:
        # Set, not reset: a fixture may be left in another context than it was entered in.
        _own.set(outer)
        _end(recording)


def _begin(recording: Recording) -> None:
    with _lock:
        if not _in_use:
            _taps.on()
        _in_use.append(recording)


def _end(recording: Recording) -> None:
    with _lock:
        _in_use[:] = [each for each in _in_use if each is not recording]
        if not _in_use:
            _taps.off()
