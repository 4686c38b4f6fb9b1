"""The port to shortening a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..domain.message import Message


class Summarizer(Protocol):
    """Says in a few lines what earlier turns held."""

    async def summarize(self, messages: Sequence[Message], previous: str, max_tokens: int) -> str:
        """Return one summary of `previous` and of what came after it.

        Args:
            messages: the turns that leave the prompt, oldest first.
            previous: the summary of the turns before them; "" where there is none.
            max_tokens: the most tokens to use; what is over is cut by the caller.
        """
        ...
