"""What code that is not ours raises: put into words, and a stray cancellation told from a real one."""

from __future__ import annotations

import asyncio


def said(error: BaseException) -> str:
    """Return what an exception says, or its kind where it says nothing or cannot."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - a class of somebody else's, with a broken __str__
        return type(error).__name__


def cancels_us(error: BaseException) -> bool:
    """Return whether an exception is the end that somebody has asked of the running task.

    A CancelledError that nobody asked for is a failure like any other: a library has let the
    cancellation of one of its own tasks escape.
    """
    if not isinstance(error, asyncio.CancelledError):
        return not isinstance(error, Exception)
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
