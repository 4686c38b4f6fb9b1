"""Repair layer: the next prompt carries the bad answer and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..domain.completion import Completion
from ..domain.message import Message

_OPENING = "Your previous output was invalid because:"
# Of an answer that is longer than all of this together, the two ends are sent back, and what stands
# around the first faults.
_END_CHARS = 4_000
_AROUND_CHARS = 1_000
_FAULTS = 3
_MOST_CHARS = 2 * (_END_CHARS + _FAULTS * _AROUND_CHARS)


def repair_messages(bad: Completion, complaint: str, places: Sequence[int] = ()) -> tuple[Message, Message]:
    """Return what is added to the conversation to ask again: the bad answer, and what is wrong with it.

    Every attempt adds to the conversation, so no two retry prompts are equal. A very long answer is
    clipped, and the complaint says so.

    Args:
        bad: the answer.
        complaint: what is wrong with it.
        places: the characters of its text where the faults begin.
    """
    text = bad.text or "(nothing)"
    shown = _clipped(text, places)
    if shown is not text:
        complaint += (
            f" (Your output had {len(text):,} characters; only its beginning, its end and what stands around "
            "the faults is repeated above. Send the whole output, shorter where it can be.)"
        )
    return Message.assistant(shown), Message.user(complaint)


def complaint(problems: Sequence[str]) -> str:
    """Return the words that tell the model what to mend (article 001's form)."""
    if len(problems) == 1:
        return f"{_OPENING} Validation error: {problems[0].removesuffix('.')}. Please retry."
    lines = "\n".join(f"Validation error: {problem}" for problem in problems)
    return f"{_OPENING}\n{lines}\nPlease retry."


def places_of(spans: Iterable[tuple[int, int] | None], text: str) -> tuple[int, ...]:
    """Return the characters of a long text where faults begin, from their bytes; a short one needs none."""
    starts = [span[0] for span in spans if span is not None][:_FAULTS]
    if len(text) <= _MOST_CHARS or text.isascii():
        return tuple(starts) if len(text) > _MOST_CHARS else ()
    data = text.encode("utf-8", "surrogatepass")
    return tuple(len(data[:start].decode("utf-8", "ignore")) for start in starts)


def _clipped(text: str, places: Sequence[int]) -> str:
    if len(text) <= _MOST_CHARS:
        return text
    parts = [(0, _END_CHARS)]
    faults = ((place - _AROUND_CHARS, place + _AROUND_CHARS) for place in sorted(places)[:_FAULTS])
    for start, end in (*faults, (len(text) - _END_CHARS, len(text))):
        if start <= parts[-1][1]:
            parts[-1] = parts[-1][0], max(end, parts[-1][1])
        else:
            parts.append((start, end))
    shown, upto = "", 0
    for start, end in parts:
        left_out = f"\n[{start - upto:,} characters are left out here]\n" if start > upto else ""
        shown += left_out + text[start:end]
        upto = end
    return shown
