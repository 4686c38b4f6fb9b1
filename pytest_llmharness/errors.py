"""Every way to fail, in one form: what happened, where, and how to mend it.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar


class Explained:
    """The shared form of our errors: `what`, then `where`, then `fix`.

    `what` starts in lower case and names the value; `where` is a place that can be clicked, or a
    setting ("" where there is none); `fix` is a command or an edit that can be pasted. None of
    them carries a secret: what looks like one, or is one of the environment's, is taken out here.
    Every subclass survives pickle and copy with all its facts, because executors carry errors
    between processes.
    """

    what: str
    where: str
    fix: str

    def __init__(self, what: str, *, where: str, fix: str, **facts: Any) -> None:
        from .secrecy import hide

        self.what, self.where, self.fix = hide(what), hide(where), hide(fix)
        self.args = (self.what,)
        self.__dict__.update(facts)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        lines.extend(f"  {line}" for line in self.details())
        lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)

    def details(self) -> Iterable[str]:
        """Return what is shown between the place and the mend; nothing, for most."""
        return ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__.copy())


def _rebuild(kind: Any, state: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (error.what,)
    return error


class HarnessError(Explained, Exception):
    """The root of every error of this project that code may handle."""


class ConfigError(HarnessError):
    """A setting has a value that cannot work; raised before anything runs."""


class InvalidSchema(ConfigError):
    """A schema that is no JSON Schema, or that points to one that is not there."""


class MissingExtra(ConfigError):
    """A feature needs an optional dependency that is not installed."""


class CoreMissing(ConfigError):
    """A feature lives in the compiled core, and this installation has none."""


class UnrepairableJSON(HarnessError):
    """The text holds nothing that can be read as JSON, repaired or not."""


class InvalidRequest(HarnessError):
    """The request is refused before any model is called."""


class SessionLogError(HarnessError):
    """A session log cannot be read or written."""


class SessionConflict(SessionLogError):
    """An event has a number that is not the next one: another writer was faster."""

    @classmethod
    def at(cls, session_id: str, seq: int, expected: int, log: str) -> SessionConflict:
        """Make the error for one refused event."""
        return cls(
            f"event {seq} of session {session_id!r} is refused: the next number is {expected}",
            where=log,
            fix="read the session again before going on; somebody else has taken it over",
        )


class ScriptExhausted(ConfigError):
    """A scripted model was called more often than its script has steps."""


class InvalidAnswer(HarnessError):
    """An answer that breaks its schema, or that a validator refuses.

    `violations` holds what is wrong with it, by place: at most 20 of them.
    """

    violations: tuple[Any, ...] = ()


class MaxRetriesExceeded(HarnessError):
    """No attempt gave a valid answer; the last `InvalidAnswer` is the cause (`__cause__`)."""


class EngineUnavailable(HarnessError):
    """No live engine can be started or reached."""


class SharedStateUnavailable(HarnessError):
    """A server or file that keeps shared state (cache, limiter, breaker, approvals) fails."""


class ProviderError(HarnessError):
    """A model call failed. `retryable` says whether an equal call may succeed.

    Facts: `provider` (adapter name), `status` (HTTP status or None) and `retry_after_s`
    (seconds the server asked to wait, or None).
    """

    retryable: ClassVar[bool] = False
    provider: str
    status: int | None
    retry_after_s: float | None

    def __init__(
        self,
        what: str,
        *,
        where: str,
        fix: str,
        provider: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(
            what,
            where=where,
            fix=fix,
            provider=provider,
            status=status,
            retry_after_s=retry_after_s,
        )


class AuthenticationFailed(ProviderError):
    """The server refused the key (401, 403)."""


class BadRequest(ProviderError):
    """The server refused the request itself (400, 404, 409, 413, 422)."""


class ContextOverflow(BadRequest):
    """The prompt is longer than the model's context."""


class MalformedResponse(ProviderError):
    """The server answered with bytes that are not what its dialect promises."""


class RateLimited(ProviderError):
    """The server asks to slow down (429); `retry_after_s` is its wish, where it said one."""

    retryable = True


class ProviderUnavailable(ProviderError):
    """The server cannot be reached or fails on its side (connection refused, 408, 5xx)."""

    retryable = True


class CircuitOpen(ProviderUnavailable):
    """The endpoint failed repeatedly and is not called for `retry_after_s` seconds."""

    retryable = False


class AgentFailed(ProviderUnavailable):
    """An agent that stands in the place of a model raised; its tools may have run by then."""

    retryable = False


class ProviderTimeout(ProviderError):
    """The call took longer than its timeout and was cancelled."""

    retryable = True


class StreamBroken(ProviderError):
    """The stream ended before the answer did. `partial` is the text that had arrived."""

    retryable = True
    partial: str = ""

    def with_partial(self, text: str) -> StreamBroken:
        """Return this error, holding the text that had arrived."""
        self.partial = text
        return self


class CassetteError(HarnessError):
    """A cassette cannot be read or written; the file is left as it was."""


class Unignorable(Explained, BaseException):
    """The root of what a harness must not swallow: a BaseException, past every `except Exception`.

    SDKs retry whatever they do not know and then report "Connection error."; these pass through.
    """


class CassetteMiss(Unignorable):
    """No take of the cassette answers this request.

    Facts: `drift` (a `pytest_llmharness.cassette.drift.Drift`: the nearest take, and what differs), or None
    where the call went a way that no cassette covers.
    """

    drift: Any = None

    def details(self) -> Iterable[str]:
        """Return what differs, a line each."""
        return () if self.drift is None else (f"drift: {line}" for line in self.drift.lines())


class NetworkBlocked(Unignorable):
    """A guarded test tried to open a connection that nothing allows."""
