"""What a user's earlier sessions said, in a few lines for the next one."""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.message import Message
from ..errors import SharedStateUnavailable
from ..ports.counter import TokenCounter
from ..ports.notes import NoteStore
from ..ports.summarizer import Summarizer
from .context.estimate import ByteEstimate

_NAME = "sessions"
_ATTEMPTS = 10


class UserMemory:
    """Sums up every run of a user, and tells the next one.

    The summary is one note of bounded size: each run that ended well adds its question and its answer
    to what was said before. It reaches the model as article 004's summary does, from the user's side.

    ```python
    memory = UserMemory(FileNotes("memory"))
    harness = Harness("openai", memory=memory)
    harness.run(Request("I live in Oslo.", user="maria"))
    harness.run(Request("Which time zone do I have?", user="maria"))  # another session, which knows
    ```

    Args:
        notes: where the summaries are kept.
        summarizer: sums up; None takes sentences word for word. A model's that fails is replaced by that.
        counter: counts tokens; None estimates them.
        max_tokens: the most tokens of a summary.
    """

    def __init__(
        self,
        notes: NoteStore,
        *,
        summarizer: Summarizer | None = None,
        counter: TokenCounter | None = None,
        max_tokens: int = 400,
    ) -> None:
        self._notes, self._summarizer = notes, summarizer
        self._counter, self._max_tokens = counter or ByteEstimate(), max_tokens

    async def recall(self, user: str) -> Message | None:
        """Return what is known from earlier sessions, or None."""
        text = await self._notes.read(user, _NAME)
        return Message.user(text) if text else None

    async def add(self, user: str, turns: Sequence[Message]) -> None:
        """Take the turns of a run into the summary, whoever else does so at the same time.

        Raises:
            SharedStateUnavailable: others were faster, again and again.
        """
        from .context.history import summed_up

        for _ in range(_ATTEMPTS):
            old = await self._notes.read(user, _NAME)
            summary = await summed_up(
                Message.user(old), turns, self._max_tokens, counter=self._counter, summarizer=self._summarizer
            )
            if await self._notes.swap(user, _NAME, old, summary.text):
                return
        raise SharedStateUnavailable(
            f"the summary of {user!r} was changed by others {_ATTEMPTS} times in a row",
            where="UserMemory",
            fix="run fewer sessions of one user at once",
        )
