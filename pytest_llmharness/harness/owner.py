"""Whose run this is, for what keeps something for its user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_owner: ContextVar[str] = ContextVar("llmharness_owner", default="")


def owner() -> str:
    """Return the `Request.user` of the run under way, for tools; "" where it has none."""
    return _owner.get()


@contextmanager
def owned_by(user: str | None) -> Iterator[None]:
    """Let a run be a user's; None leaves it whose it is."""
    if user is None:
        yield
        return
    token = _owner.set(user)
    try:
        yield
    finally:
        _owner.reset(token)
