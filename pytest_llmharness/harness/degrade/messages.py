"""What the user reads when things go wrong: honest, calm, and without internals."""

from __future__ import annotations

from dataclasses import fields
from string import Formatter

from ...domain.frozen import dataclass
from ...domain.result import FailureReason
from ...errors import ConfigError

_FIELDS = {"fallback": {"model"}, "stale": {"age"}, "rate_limited": {"wait"}}


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts, each of which can be replaced.

    Args:
        fallback: added to an answer of a fallback model; may name {model}.
        stale: added to a saved answer; may name its {age}.
        rate_limited: the service asks to slow down; may name the {wait}.
        unavailable: no model can be reached.
        timeout: no answer came in time.
        stopped: the run has reached one of its limits.
        waiting: a person has to decide before it goes on.
        general: every other failure.
    """

    fallback: str = (
        "The usual model is not available right now; {model} has answered, which may be less thorough."
    )
    stale: str = "The assistant cannot be reached right now. This is an answer saved {age} ago."
    rate_limited: str = "There are more requests right now than can be answered. Please try again {wait}."
    unavailable: str = (
        "The assistant cannot be reached right now. Nothing is lost; please try again in a moment."
    )
    timeout: str = "The answer is taking longer than it should. Please try again, or ask for less at a time."
    stopped: str = (
        "This request has reached its limit and was stopped. What was found so far is kept; "
        "please ask for less at a time."
    )
    waiting: str = "This request waits for a person to decide. It goes on from here once that is done."
    general: str = "This request could not be completed. Please try again, or put it another way."

    def __post_init__(self) -> None:
        for field in fields(self):
            known = _FIELDS.get(field.name, set())
            used = {
                name for _, name, _, _ in Formatter().parse(getattr(self, field.name)) if name is not None
            }
            if not used <= known:
                raise ConfigError(
                    f"the message {field.name} names {', '.join(sorted(used - known)) or 'nothing'}",
                    where=f"Messages.{field.name}",
                    fix=f"use no other braces than {', '.join(f'{{{name}}}' for name in known) or 'none'}",
                )

    def failed(self, reason: FailureReason, *, retry_after_s: float | None = None) -> str:
        """Return what to tell the user of a run that ended without an answer."""
        if reason is FailureReason.RATE_LIMITED:
            return self.rate_limited.format(
                wait=f"in {duration(retry_after_s)}" if retry_after_s else "in a moment"
            )
        if reason is FailureReason.PROVIDER_UNAVAILABLE:
            return self.unavailable
        if reason.is_limit:
            return self.stopped
        if reason.waits:
            return self.waiting
        return self.timeout if reason is FailureReason.TIMEOUT else self.general

    def degraded(self, model: str) -> str:
        """Return what to tell the user of an answer by a fallback model."""
        return self.fallback.format(model=model)

    def saved(self, age_s: float) -> str:
        """Return what to tell the user of an answer from the cache that is past its time."""
        return self.stale.format(age=duration(age_s))


def duration(seconds: float) -> str:
    """Return a time in the largest unit that fits, as people say it: "2 minutes"."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return _counted(int(seconds // length), unit)
    return _counted(max(1, round(seconds)), "second")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
