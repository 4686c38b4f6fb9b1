"""The port to remembered answers."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """Remembers bytes by key for a time."""

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None where there is none or it has expired."""
        ...

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Remember `value` for `ttl_s` seconds; None means without an end."""

    async def delete(self, key: str) -> None:
        """Forget the key; an unknown key is no error."""

    async def stale(self, key: str) -> tuple[bytes, float] | None:
        """Return (value, age in seconds) even past its time, for outages; None where nothing is kept."""
        ...
