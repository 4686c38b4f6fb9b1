"""A scratchpad that an agent keeps for itself: three tools over a note that outlives its sessions."""

from __future__ import annotations

from ...harness.owner import owner
from ...ports.notes import NoteStore
from .function import FunctionTool, tool

_NAME = "scratchpad"
_ATTEMPTS = 10


def scratchpad(notes: NoteStore, *, max_bytes: int = 16_384) -> tuple[FunctionTool, ...]:
    """Return the tools `read_notes`, `append_note` and `replace_notes`.

    Each `Request.user` has a pad of its own; runs without a user share one. A call that is made again
    after a crash changes nothing twice.

    Args:
        notes: where the pads are kept.
        max_bytes: the most UTF-8 bytes of a pad; what does not fit is refused, and the model is told.
    """

    async def change(old: str, new: str) -> str | None:
        size = len(new.encode())
        if size > max_bytes:
            raise ValueError(
                f"the notes would take {size:,} bytes, and {max_bytes:,} is the most; "
                "shorten them first with replace_notes"
            )
        if await notes.swap(owner(), _NAME, old, new):
            return f"Noted; {size:,} of {max_bytes:,} bytes are used."
        return None

    @tool(read_only=True)
    async def read_notes() -> str:
        """Read the notes that you have kept, in this session and in earlier ones."""
        return await notes.read(owner(), _NAME) or "(there are no notes yet)"

    @tool(in_doubt="idempotent")
    async def append_note(text: str) -> str:
        """Add a line to your notes, which you can read in later sessions.

        Args:
            text: What to remember.
        """
        line = text.strip()
        if not line:
            return "There was nothing to note."
        for _ in range(_ATTEMPTS):
            old = await notes.read(owner(), _NAME)
            if old == line or old.endswith(f"\n{line}"):
                return "That is what the notes end with already."
            said = await change(old, f"{old}\n{line}" if old else line)
            if said is not None:
                return said
        raise TimeoutError("others are writing to the notes; try again")

    @tool(in_doubt="idempotent")
    async def replace_notes(old: str, new: str) -> str:
        """Replace a passage of your notes.

        Args:
            old: The passage, word for word as it stands there once.
            new: What to put in its place; empty to leave it out.
        """
        for _ in range(_ATTEMPTS):
            text = await notes.read(owner(), _NAME)
            count = text.count(old) if old else 0
            if count != 1:
                if new and new in text and old not in text:
                    return "The notes say so already."
                raise ValueError(f"that passage stands in the notes {count} times, not once")
            said = await change(text, text.replace(old, new))
            if said is not None:
                return said
        raise TimeoutError("others are writing to the notes; try again")

    return read_notes, append_note, replace_notes
