"""Asks a function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from ...domain.tool import ToolCall
from ...harness.gate.approval import ticket_of
from ...ports.clock import Clock

Ask: TypeAlias = Callable[[str, ToolCall, str], bool | Awaitable[bool]]


class CallbackApprover:
    """Puts each question once to a function, and hands each yes to one caller.

    Callers that come with the same question while it is open wait for the one answer; whoever comes
    after a yes has been used gets a no.

    Args:
        ask: a function of (session_id, call, reason), sync or async, that returns True for a yes. A
            sync one runs on the event loop and must not block.
        clock: measures the time for an answer.
        timeout_s: seconds after which a question without an answer is a no; None waits for ever.
    """

    def __init__(self, ask: Ask, *, clock: Clock | None = None, timeout_s: float | None = None) -> None:
        self._ask = ask
        self._clock = clock
        self._timeout_s = timeout_s
        self._open: dict[str, asyncio.Event] = {}
        self._answered: set[str] = set()

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool:
        """Return the answer; True to one caller only."""
        ticket = ticket_of(session_id, call)
        while ticket in self._open:
            await self._open[ticket].wait()
        if ticket in self._answered:
            return False
        done = self._open[ticket] = asyncio.Event()
        try:
            answer = await self._answer(session_id, call, reason)
            self._answered.add(ticket)
        finally:
            del self._open[ticket]
            done.set()
        return answer is True

    async def _answer(self, session_id: str, call: ToolCall, reason: str) -> Any:
        limit = self._clock.timeout(self._timeout_s) if self._clock else asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                answer = self._ask(session_id, call, reason)
                return await answer if inspect.isawaitable(answer) else answer
        except TimeoutError:
            return False
