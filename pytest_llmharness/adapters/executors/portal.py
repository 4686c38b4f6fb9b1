"""The one portal of this process: how sync code runs the async core."""

from __future__ import annotations

import atexit
import os
import threading

from .loop_thread import Portal

__all__ = ["Portal", "close_portal", "portal"]

_lock = threading.Lock()
_portal: Portal | None = None


def portal() -> Portal:
    """Return this process's portal, started at first use and stopped at exit."""
    global _portal  # noqa: PLW0603 - one loop thread per process is the point
    with _lock:
        if _portal is None or not _portal.alive:
            _portal = Portal()
        return _portal


def close_portal() -> None:
    """Stop this process's portal, if there is one; the next call starts another."""
    if _portal is not None:
        _portal.close()


@atexit.register
def _close_at_exit() -> None:
    if _portal is not None:
        _portal.close(at_exit=True)


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    if _portal is not None:
        _portal.leave_behind()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
