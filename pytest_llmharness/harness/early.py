"""Calls of an answer that is still being written: what only reads may begin meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from ..domain.tool import ToolCall
from .admitted import Admitted

Outcome: TypeAlias = tuple[str, bool]


class _Begun(NamedTuple):
    one: Admitted
    task: asyncio.Task[Outcome]


class EarlyCalls:
    """The calls of one run that began before their answer had ended.

    Each was admitted and written down before it began, as any call is. What it returns is kept until the
    answer is there: then a call that stands in it at the same place is not made again, and any other is
    cancelled and forgotten; what began stays charged. They outlive a stream that breaks, because the next
    one may say the same.

    Args:
        admit: admits a call that may begin early, or returns None.
        start: writes the call down, then returns what runs it.
    """

    def __init__(
        self,
        *,
        admit: Callable[[int, ToolCall], Awaitable[Admitted | None]],
        start: Callable[[Admitted], Awaitable[asyncio.Task[Outcome]]],
    ) -> None:
        self._admit, self._start = admit, start
        self._begun: dict[int, _Begun] = {}

    async def begin(self, position: int, call: ToolCall) -> None:
        """Let a call begin that has just become whole, where it may."""
        begun = self._begun.get(position)
        if begun is not None:
            if same(begun.one.call, call):
                return
            await self._drop(position)
        one = await self._admit(position, call)
        if one is not None:
            self._begun[position] = _Begun(one, await self._start(one))

    async def settle(self, calls: Sequence[ToolCall]) -> None:
        """Keep of what began only what the whole answer says."""
        for position, begun in list(self._begun.items()):
            if position >= len(calls) or not same(begun.one.call, calls[position]):
                await self._drop(position)

    def among(self, positions: Sequence[int], calls: Sequence[ToolCall]) -> list[Admitted]:
        """Return those of an answer's calls that have begun, with the ids that the answer gives them."""
        return [self._begun[at].one._replace(call=calls[at]) for at in positions if at in self._begun]

    def outcome(self, position: int) -> asyncio.Task[Outcome] | None:
        """Take what a call comes to; None where it has not begun."""
        begun = self._begun.pop(position, None)
        return None if begun is None else begun.task

    async def drop(self) -> None:
        """Cancel whatever still runs, and see it end."""
        for position in list(self._begun):
            await self._drop(position)

    async def _drop(self, position: int) -> None:
        begun = self._begun.pop(position)
        begun.task.cancel()
        await asyncio.gather(begun.task, return_exceptions=True)


def same(one: ToolCall, other: ToolCall) -> bool:
    """Whether two calls ask for the same; their ids may differ from one try to the next."""
    return one.name == other.name and one.arguments == other.arguments and other.raw_arguments is None
