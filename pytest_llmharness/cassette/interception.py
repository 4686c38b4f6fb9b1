"""A recording answers: it is put in use, and the stacks are tapped while any is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .in_use import in_use, own
from .recording import Recording
from .taps import Taps

_lock = threading.Lock()
_taps = Taps()


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
        if not in_use:
            _taps.on()
        in_use.append(recording)
        return _taps.over()


def _end(recording: Recording, laid: list[Any]) -> None:
    with _lock:
        _taps.back(laid)
        in_use[:] = [each for each in in_use if each is not recording]
        if not in_use:
            _taps.off()
