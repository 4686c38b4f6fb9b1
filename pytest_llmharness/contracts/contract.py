"""What all contracts share: capability flags, known failures, and a limit on patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ClassVar, TypeVar

import pytest

Value = TypeVar("Value")
Clause = TypeVar("Clause", bound=Callable[..., None])

# How many turns of the loop a finished call may take to clean up behind itself.
_TURNS = 50


class Contract:
    """The root of the contracts. A subclass that pytest collects is a proof.

    Set a capability flag to False and the clauses that need it are skipped, with the flag as the
    reason. Name a clause in `known_failures` and it is expected to fail, for the reason given;
    once it passes it is reported, so that the entry can go.
    """

    patience_s: ClassVar[float] = 30.0
    """Real seconds that one step of a clause may take before it counts as hanging."""

    known_failures: ClassVar[Mapping[str, str]] = {}
    """Clauses that are expected to fail: test name to reason."""

    @pytest.fixture(autouse=True)
    def _capabilities(self, request: pytest.FixtureRequest) -> None:
        for flag in getattr(request.function, "needs", ()):
            if not (value := getattr(self, flag)):
                pytest.skip(f"{type(self).__name__}.{flag} is {value!r}")
        reason = self.known_failures.get(request.function.__name__)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    def run(self, clause: Coroutine[Any, Any, Value]) -> Value:
        """Run a clause on an event loop of its own."""
        return asyncio.run(clause)

    async def within_patience(self, call: Awaitable[Value], lesson: str) -> Value:
        """Await a call; fail with the lesson where it hangs."""
        try:
            async with asyncio.timeout(self.patience_s) as limit:
                return await call
        except TimeoutError:
            if not limit.expired():
                raise
        pytest.fail(f"nothing happened for {self.patience_s:g} s. {lesson}")


def needs(*flags: str) -> Callable[[Clause], Clause]:
    """Mark a clause that makes sense only where these capability flags are set."""

    def mark(clause: Clause) -> Clause:
        clause.needs = flags  # type: ignore[attr-defined]
        return clause

    return mark


async def assert_no_task_left(before: set[asyncio.Task[Any]], lesson: str) -> None:
    """Fail where a task that was not there before is still at work."""
    for _ in range(_TURNS):
        left = asyncio.all_tasks() - before
        if not left:
            return
        await asyncio.sleep(0)
    pytest.fail(f"still running: {sorted(map(repr, left))}. {lesson}")
