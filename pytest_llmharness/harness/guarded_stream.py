"""What may be shown of one answer, piece by piece: redacted, and cut at the byte."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..domain.frozen import dataclass
from .redaction import MARKER, Redactor

Problem: TypeAlias = Literal["blocked_word", "output_too_large"]

TRUNCATED = " [TRUNCATED]"


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the guardrails made of an answer.

    Args:
        text: what may be shown; of a blocked or over-long answer the part that may.
        problem: "blocked_word", "output_too_large", or None where the answer may go on. A text with
            `hits` has changed: validate it again.
        hits: the blocked words found, in order; never the values.
        size_bytes: of the answer as the model wrote it, in UTF-8.
        truncated: whether the answer was cut, and marked, because `truncate` is set.
    """

    text: str
    problem: Problem | None = None
    hits: tuple[str, ...] = ()
    size_bytes: int = 0
    truncated: bool = False


class GuardedStream:
    """Guards one answer piece by piece; what it shows does not depend on how the text was cut.

    Look at `over` after each `feed`: once it is true, close the provider's stream; nothing more of
    the answer is shown.

    Args:
        redactor: takes out the blocked words; None leaves them in.
        blocks: whether a blocked word ends the answer.
        limit: the most UTF-8 bytes; None means any number.
        truncate: whether an over-long answer is cut and marked instead of refused.
        is_json: whether the answer is to be JSON.
    """

    def __init__(
        self,
        redactor: Redactor | None,
        *,
        blocks: bool,
        limit: int | None,
        truncate: bool,
        is_json: bool,
    ) -> None:
        self._redactor = redactor
        self._blocks = blocks
        self._limit = limit
        self._truncate = truncate
        self._is_json: bool | None = is_json or None
        self._held = ""
        self.size_bytes = 0
        self.problem: Problem | None = None
        self.truncated = False

    @property
    def hits(self) -> tuple[str, ...]:
        """The blocked words found so far."""
        return tuple(self._redactor.hits) if self._redactor is not None else ()

    @property
    def over(self) -> bool:
        """Whether the answer has ended here, whatever the model still sends."""
        return self.problem is not None or self.truncated

    def feed(self, text: str) -> str:
        """Take the next piece and return what may be shown now."""
        if self.over:
            return ""
        self._notice_json(text)
        self.size_bytes += size_bytes(text)
        if self._limit is None:
            return self._show(text)
        if self.size_bytes > self._limit:
            return self._cut(text, self._limit)
        if not self._truncate or self._is_json:
            return self._show(self._released() + text)
        # The last bytes wait: should the answer prove too long, the mark takes their place.
        text = self._released() + text
        certain = fitting(text, self._limit - len(TRUNCATED) - (self.size_bytes - size_bytes(text)))
        self._held = text[len(certain) :]
        return self._show(certain)

    def close(self) -> str:
        """Return the rest."""
        if self.over:
            return ""
        shown = self._show(self._released())
        return shown if self.over else shown + self._end()

    def outcome(self, shown: str) -> Guarded:
        """Return what was made of the answer, given all that was shown of it."""
        return Guarded(shown, self.problem, self.hits, self.size_bytes, self.truncated)

    def _cut(self, text: str, limit: int) -> str:
        """End an answer that is too long, at the byte."""
        text = self._released() + text
        before = self.size_bytes - size_bytes(text)
        marked = self._truncate and not self._is_json
        shown = self._show(fitting(text, limit - before - (len(TRUNCATED) if marked else 0)))
        if self.problem is not None:
            return shown
        shown += self._end()
        if self.problem is None and marked:
            self.truncated = True
            return shown + TRUNCATED
        self.problem = self.problem or "output_too_large"
        return shown

    def _show(self, text: str) -> str:
        return text if self._redactor is None else self._checked(self._redactor.feed(text))

    def _end(self) -> str:
        return "" if self._redactor is None else self._checked(self._redactor.close())

    def _checked(self, shown: str) -> str:
        if not self.hits or not self._blocks:
            return shown
        self.problem = "blocked_word"
        return shown.partition(MARKER)[0]

    def _released(self) -> str:
        held, self._held = self._held, ""
        return held

    def _notice_json(self, text: str) -> None:
        """Take what opens with a bracket for JSON: it is never cut in its middle."""
        if self._is_json is None and text.strip():
            self._is_json = text.lstrip()[0] in "{["


def size_bytes(text: str) -> int:
    """Return the length in UTF-8; half a surrogate pair counts as three bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def fitting(text: str, room_bytes: int) -> str:
    """Return the longest beginning that takes no more room in UTF-8; no character is cut."""
    if room_bytes <= 0:
        return ""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= room_bytes:
        return text
    end = room_bytes
    while data[end] & 0xC0 == 0x80:
        end -= 1
    return data[:end].decode("utf-8", "surrogatepass")
