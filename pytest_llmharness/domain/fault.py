"""Faults that a script puts where an answer would be."""

from __future__ import annotations

from typing import Literal, TypeAlias

from .frozen import dataclass

FaultKind: TypeAlias = Literal["rate_limit", "server_error", "hang", "refuse_connection", "cut"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure of the model's side; make one with the functions below."""

    kind: FaultKind
    status: int | None = None
    retry_after_s: float | None = None
    text: str = ""


def rate_limit(retry_after: float | None = None) -> Fault:
    """HTTP 429, asking for `retry_after` seconds of patience."""
    return Fault("rate_limit", status=429, retry_after_s=retry_after)


def server_error(status: int = 500) -> Fault:
    """An HTTP 5xx answer."""
    return Fault("server_error", status=status)


def hang() -> Fault:
    """No answer, ever: only a timeout ends it."""
    return Fault("hang")


def refuse_connection() -> Fault:
    """Nobody listens."""
    return Fault("refuse_connection")


def cut(text: str = "") -> Fault:
    """The stream sends `text`, then the connection is gone without an end."""
    return Fault("cut", text=text)
