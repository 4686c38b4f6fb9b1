"""Asks on a terminal."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any, TextIO

from ...domain.tool import ToolCall
from ...ports.clock import Clock
from .callback import CallbackApprover

_YES = ("y", "yes")


class CliApprover:
    """Prints the call and reads "y" or "yes"; anything else, and the end of input, is a no.

    One question is on the screen at a time. What a model wrote is shown escaped, so that it cannot
    move the cursor or look like the question.

    Args:
        answers: where to read; None means standard input.
        screen: where to print; None means standard error.
        clock: measures the time for an answer.
        timeout_s: seconds after which a question without an answer is a no; None waits for ever.
    """

    def __init__(
        self,
        answers: TextIO | None = None,
        screen: TextIO | None = None,
        *,
        clock: Clock | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self._answers = answers or sys.stdin
        self._screen = screen or sys.stderr
        self._turn = asyncio.Lock()
        self._once = CallbackApprover(self._ask, clock=clock, timeout_s=timeout_s)

    async def approve(self, session_id: str, call: ToolCall, reason: str) -> bool:
        """Return the answer; True to one caller only."""
        return await self._once.approve(session_id, call, reason)

    async def _ask(self, session_id: str, call: ToolCall, reason: str) -> bool:
        async with self._turn:
            print(_question(session_id, call, reason), end="", file=self._screen, flush=True)
            try:
                line = await _read(self._answers)
            except asyncio.CancelledError:
                # The line that comes now was meant for this question: the thread still reading eats it.
                print(
                    "\nNo answer in time: it does not run. Press Enter once.", file=self._screen, flush=True
                )
                raise
        return line.strip().casefold() in _YES


def _question(session_id: str, call: ToolCall, reason: str) -> str:
    arguments = json.dumps(call.arguments, indent=2, default=str).replace("\n", "\n  ")
    because = "\n  ".join(_plain(line) for line in reason.splitlines())
    return (
        f"\nApproval needed in session {_plain(session_id)}\n"
        f"  {because}\n"
        f"  {_plain(call.name)} {arguments}\n"
        "Run it? [y/N] "
    )


def _plain(text: str) -> str:
    """Return text with every control sign escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


async def _read(answers: TextIO) -> str:
    """Read a line in a thread that dies with the process: a waiting read cannot be called off."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def deliver(text: Any) -> None:
        if not line.done():
            line.set_result(text)

    def read() -> None:
        try:
            text = answers.readline()
        except (OSError, ValueError):
            text = ""
        try:
            loop.call_soon_threadsafe(deliver, text)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=read, name="llmharness-approval", daemon=True).start()
    return await line
