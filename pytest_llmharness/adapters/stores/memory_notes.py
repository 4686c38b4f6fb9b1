"""Notes in memory: gone with the process."""

from __future__ import annotations


class MemoryNotes:
    """Keeps notes in a dict."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    async def read(self, owner: str, name: str) -> str:
        """Return the text; "" where there is none."""
        return self._texts.get((owner, name), "")

    async def swap(self, owner: str, name: str, old: str, new: str) -> bool:
        """Replace the text where it still reads `old`; return whether it did."""
        if self._texts.get((owner, name), "") != old:
            return False
        self._texts[owner, name] = new
        return True
