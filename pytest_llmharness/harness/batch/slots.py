"""Caps per model for calls whose model is not known before they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ...errors import ConfigError
from ..routing.tiers import ModelCall

Answered = TypeVar("Answered")


class ModelSlots:
    """Lets so many calls of a model run at once, first come, first served.

    A batch's lanes start items by the model they will ask; items that climb from model to model ask for a
    slot at each call instead. Each event loop has its own slots.

    ```python
    slots = ModelSlots({"qwen2.5-coder:32b": 1}, other=4)
    outcome = await escalation.run(slots.limited(attempt), plan)
    ```

    Args:
        caps: calls at once by model.
        other: the same for a model that `caps` does not name; None means no limit.

    Raises:
        ConfigError: a cap is below 1.
    """

    def __init__(self, caps: Mapping[str, int], other: int | None = None) -> None:
        for model, cap in [*caps.items(), ("other", 1 if other is None else other)]:
            if cap < 1:
                raise ConfigError(
                    f"a cap of {cap} for {model!r} would let nothing through",
                    where="ModelSlots",
                    fix="give it a whole number of at least 1",
                )
        self._caps, self._other = dict(caps), other
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]]
        self._loops = WeakKeyDictionary()

    def slot(self, model: str) -> AbstractAsyncContextManager[Any]:
        """Return the context in which one call of a model runs; entering it waits for a free slot."""
        cap = self._caps.get(model, self._other)
        if cap is None:
            return nullcontext()
        slots = self._loops.setdefault(asyncio.get_running_loop(), {})
        return slots.setdefault(model, asyncio.Semaphore(cap))

    def limited(
        self, attempt: Callable[[ModelCall], Awaitable[Answered]]
    ) -> Callable[[ModelCall], Awaitable[Answered]]:
        """Return the attempt, made only while its model has a free slot."""

        async def waits(call: ModelCall) -> Answered:
            async with self.slot(call.model):
                return await attempt(call)

        return waits
