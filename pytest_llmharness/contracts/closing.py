"""Runs a clause and closes what it used, on the same event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


async def closed_after(adapter: object, clause: Coroutine[Any, Any, Value]) -> Value:
    """Await a clause, then `adapter.aclose()` where it has one."""
    try:
        return await clause
    finally:
        aclose = getattr(adapter, "aclose", None)
        if aclose is not None:
            await aclose()
