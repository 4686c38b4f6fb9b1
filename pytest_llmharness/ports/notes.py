"""The port to short texts that outlive a session."""

from __future__ import annotations

from typing import Protocol


class NoteStore(Protocol):
    """Keeps texts by owner and name; no owner sees another's, whatever they are called."""

    async def read(self, owner: str, name: str) -> str:
        """Return the text; "" where there is none."""
        ...

    async def swap(self, owner: str, name: str, old: str, new: str) -> bool:
        """Replace the text where it still reads `old`; return whether it did.

        Of several who swap one text at once one succeeds. It is durable when this returns, and whole:
        a reader sees the old text or the new one.
        """
        ...
