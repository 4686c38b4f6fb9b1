"""A recording answers: it is put in use, and the stacks are tapped while any is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .in_use import in_use, own
from .recording import Recording
from .taps import Taps

_lock = threading.Lock()
_taps = Taps()


_held = 0


def hold_taps() -> Callable[[], None]:
    """Tap the stacks now, and leave them tapped until what this returns is called.

    Between two cassettes the taps let everything through.
    """
    global _held  # noqa: PLW0603  # the taps are of the process
    with _lock:
        if not _held and not in_use:
            _taps.on()
        _held += 1
    return _let_go


def _let_go() -> None:
    global _held  # noqa: PLW0603
    with _lock:
        _held -= 1
        if not _held and not in_use:
            _taps.off()


@contextmanager
def answering(recording: Recording) -> Iterator[None]:
    """Let a recording answer; blocks may nest, and overlap in threads in any order."""
    outer = own.get()
    laid = _begin(recording)
    own.set(recording)
    try:
        yield
    finally:
        # Set, not reset: a fixture may be left in another context than it was entered in.
        own.set(outer)
        _end(recording, laid)


def _begin(recording: Recording) -> list[Any]:
    with _lock:
        if not in_use and not _held:
            _taps.on()
        in_use.append(recording)
        return _taps.over()


def _end(recording: Recording, laid: list[Any]) -> None:
    with _lock:
        _taps.back(laid)
        for place in reversed(range(len(in_use))):  # a cassette of a scope may be in use twice
            if in_use[place] is recording:
                del in_use[place]
                break
        if not in_use and not _held:
            _taps.off()
