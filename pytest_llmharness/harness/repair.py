"""Repair layer: the next prompt carries the bad answer and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.completion import Completion
from ..domain.message import Message

_OPENING = "Your previous output was invalid because:"


def repair_messages(bad: Completion, complaint: str) -> tuple[Message, Message]:
    """Return what is added to the conversation to ask again: the bad answer, and what is wrong with it.

    Every attempt adds to the conversation, so no two retry prompts are equal.
    """
    return Message.assistant(bad.text or "(nothing)"), Message.user(complaint)


def complaint(problems: Sequence[str]) -> str:
    """Return the words that tell the model what to mend (article 001's form)."""
    if len(problems) == 1:
        return f"{_OPENING} Validation error: {problems[0].removesuffix('.')}. Please retry."
    lines = "\n".join(f"Validation error: {problem}" for problem in problems)
    return f"{_OPENING}\n{lines}\nPlease retry."
