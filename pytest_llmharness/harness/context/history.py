"""Keeps a conversation within its window: the oldest goes first, and a summary takes its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Literal, NamedTuple, TypeAlias

from ...domain.frozen import dataclass
from ...domain.message import Message
from ...ports.counter import TokenCounter
from ...ports.summarizer import Summarizer
from .exchanges import exchanges
from .packing import is_context
from .settings import HistoryWindow
from .summary import ExtractiveSummarizer
from .tokens import message_tokens

Unit: TypeAlias = Literal["messages", "turns"]

_MARKS: dict[Unit, str] = {
    "messages": "[Previous conversation: {} messages summarized]",
    "turns": "[Summarized {} old turns]",
}
_MARK = re.compile(
    r"\[(?:Previous conversation: (?P<messages>\d+) messages summarized"
    r"|Summarized (?P<turns>\d+) old turns)\]\n?"
)


@dataclass(frozen=True, slots=True)
class Trimmed:
    """A conversation after trimming.

    Attributes:
        messages: what stays: system messages, the summary, then the rest in order.
        dropped: how many messages left this time.
        error: why the summarizer gave nothing, where it failed.
    """

    messages: tuple[Message, ...]
    dropped: int = 0
    error: str = ""


async def trimmed(
    messages: Sequence[Message],
    window: HistoryWindow,
    *,
    counter: TokenCounter,
    summarizer: Summarizer | None = None,
    room: int | None = None,
) -> Trimmed:
    """Trim a conversation to its window. Doing so again changes nothing.

    System messages, the last user message with the context message before it, and the last exchange
    never leave, even where they alone are over a limit; a call and its results leave together.

    Args:
        messages: the conversation, oldest first.
        window: the limits.
        counter: counts tokens.
        summarizer: says what left; None takes sentences from it. `window.summary_tokens` of 0 leaves no
            summary.
        room: the most tokens of everything that may leave and of the summary; None sets no limit.
    """
    parts = _Parts.of(messages)
    drop, reserve = _cut(parts, _Limits.of(window, room), window.summary_tokens, counter)
    if reserve is None:
        return Trimmed(parts.assembled(parts.summary, 0))
    left = [message for exchange in parts.free[:drop] for message in exchange]
    if not reserve:
        return Trimmed(parts.assembled(None, drop), len(left))
    said = _said(parts.summary)
    in_turns = window.max_turns is not None if said is None else said.unit == "turns"
    said = said or _Said("turns" if in_turns else "messages", 0, "")
    number = said.number + (_turns(left) if in_turns else len(left))
    teller = summarizer or ExtractiveSummarizer(counter)
    summary, error = await _summary(said, number, left, reserve, counter=counter, summarizer=teller)
    return Trimmed(parts.assembled(summary, drop), len(left), error)


async def summed_up(
    previous: Message,
    turns: Sequence[Message],
    max_tokens: int,
    *,
    counter: TokenCounter,
    summarizer: Summarizer | None = None,
) -> Message:
    """Return the summary message of an earlier one and of the turns after it.

    Args:
        previous: a message that `summary_message` made; any other stands for nothing.
        turns: what to add, oldest first.
        max_tokens: the most tokens of the whole.
        counter: counts tokens.
        summarizer: says what was said; None takes sentences from it.
    """
    said = _said(previous) or _Said("messages", 0, "")
    teller = summarizer or ExtractiveSummarizer(counter)
    number = said.number + len(turns)
    return (await _summary(said, number, turns, max_tokens, counter=counter, summarizer=teller))[0]


def fixed(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages that never leave: what `trimmed` keeps whatever its limits are."""
    parts = _Parts.of(messages)
    return (*parts.system, *parts.asked, *parts.last)


def summary_message(unit: Unit, number: int, text: str) -> Message:
    """Return the message that stands for what left, with article 004's marker line.

    It speaks from the user's side: what users said must not gain the system's authority.
    """
    return Message.user(f"{_MARKS[unit].format(number)}\n{text}".strip())


def is_summary(message: Message) -> bool:
    """Tell whether a message is one that `summary_message` made."""
    return message.role == "user" and _MARK.match(message.text) is not None


@dataclass(frozen=True, slots=True)
class _Said:
    """What an earlier summary says, and for how many messages or turns it stands."""

    unit: Unit
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class _Parts:
    """A conversation by what may happen to its parts.

    `free` are the exchanges that may leave, of which the first `before` stand before the last user
    message; `asked` is that message with its context; `last` is the last exchange after it.
    """

    system: tuple[Message, ...]
    summary: Message | None
    free: list[tuple[Message, ...]]
    before: int
    asked: tuple[Message, ...]
    last: tuple[Message, ...]

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _Parts:
        system = tuple(message for message in messages if message.role == "system")
        talk = [message for message in messages if message.role != "system"]
        summary = talk.pop(0) if talk and is_summary(talk[0]) else None
        stretches = exchanges(talk)
        users = [at for at, stretch in enumerate(stretches) if any(m.role == "user" for m in stretch)]
        asked = users[-1] if users else len(stretches)
        before = asked - (bool(users) and asked > 0 and is_context(stretches[asked - 1][0]))
        after = stretches[asked + 1 :]
        pinned = tuple(message for stretch in stretches[before : asked + 1] for message in stretch)
        free = stretches[:before] + after[:-1]
        return cls(system, summary, free, before, pinned, after[-1] if after else ())

    def assembled(self, summary: Message | None, drop: int) -> tuple[Message, ...]:
        old, new = self.free[drop : self.before], self.free[max(drop, self.before) :]
        return (
            *self.system,
            *((summary,) if summary else ()),
            *(message for exchange in old for message in exchange),
            *self.asked,
            *(message for exchange in new for message in exchange),
            *self.last,
        )


class _Limits(NamedTuple):
    """The most there may be, in the order in which `_Sums` counts: old tokens, tokens, messages, turns."""

    old_tokens: float
    tokens: float
    messages: float
    turns: float

    @classmethod
    def of(cls, window: HistoryWindow, room: int | None) -> _Limits:
        limits = (window.max_tokens, room, window.max_messages, window.max_turns)
        return cls(*(inf if limit is None else limit for limit in limits))


class _Sums:
    """What stays when so many of the free exchanges leave. Taken once, from the end."""

    def __init__(self, parts: _Parts, counter: TokenCounter) -> None:
        costs = [sum(message_tokens(message, counter) for message in exchange) for exchange in parts.free]
        always = (*parts.system, *parts.asked, *parts.last)
        self._parts = parts
        self._old = _from_the_end(costs[: parts.before], 0)
        self._all = _from_the_end(costs, 0)
        self._messages = _from_the_end(map(len, parts.free), len(always))
        self._turns = _from_the_end(map(_turns, parts.free), _turns(always))

    def fits(self, limits: _Limits, drop: int, summary_tokens: int, *, summary: bool) -> bool:
        before = self._parts.before
        # The rest of a turn whose beginning left is a turn as well.
        headless = drop < before and not _turns(self._parts.free[drop])
        counts = (
            self._old[min(drop, before)] + summary_tokens,
            self._all[drop] + summary_tokens,
            self._messages[drop] + summary,
            self._turns[drop] + headless,
        )
        return all(count <= limit for count, limit in zip(counts, limits, strict=True))


def _cut(parts: _Parts, limits: _Limits, most: int, counter: TokenCounter) -> tuple[int, int | None]:
    """Return how many exchanges leave, and how many tokens a new summary may have.

    The tokens are None where the old summary stays as it is, and 0 where there is room for none.
    """
    sums = _Sums(parts, counter)
    old = message_tokens(parts.summary, counter) if parts.summary else 0
    if sums.fits(limits, 0, old, summary=parts.summary is not None):
        return 0, None
    # A quarter at most, so that a small window is not all summary.
    reserve = int(min(most, limits.old_tokens // 4, limits.tokens // 4))
    if reserve < message_tokens(summary_message("messages", 10**6, ""), counter):
        reserve = 0
    for drop in range(0 if parts.summary else 1, len(parts.free) + 1):
        if sums.fits(limits, drop, reserve, summary=reserve > 0):
            return (drop if reserve else _at_a_turn(parts, drop)), reserve
    return len(parts.free), 0


def _at_a_turn(parts: _Parts, drop: int) -> int:
    """Move a cut on to where a user speaks: without a summary, nobody else may speak first."""
    while drop < parts.before and parts.free[drop][0].role != "user":
        drop += 1
    return drop


async def _summary(
    said: _Said,
    number: int,
    left: Sequence[Message],
    reserve: int,
    *,
    counter: TokenCounter,
    summarizer: Summarizer,
) -> tuple[Message, str]:
    """Return the summary message, within `reserve` tokens, and why the summarizer failed, if it did."""
    error = ""
    bare = summary_message(said.unit, number, "")
    spare = max(0, reserve - message_tokens(bare, counter))
    try:
        text = await summarizer.summarize(left, said.text, spare)
    except Exception as failure:  # noqa: BLE001 - a summary is worth no failed run
        error = f"{type(failure).__name__}: {failure}"
        text = await ExtractiveSummarizer(counter).summarize(left, said.text, spare)
    for shorter in _shorter(text.strip()):
        full = summary_message(said.unit, number, shorter)
        if message_tokens(full, counter) <= reserve:
            return full, error
    return bare, error


def _shorter(text: str) -> Iterator[str]:
    """Yield a text and then shorter and shorter beginnings of it, at ends of words where it can."""
    yield text
    while text:
        text = text[: len(text) * 9 // 10]
        yield text.rpartition(" ")[0] or text


def _said(summary: Message | None) -> _Said | None:
    found = _MARK.match(summary.text) if summary else None
    if summary is None or found is None:
        return None
    text = summary.text[found.end() :]
    turns = found["turns"]
    return _Said("turns", int(turns), text) if turns else _Said("messages", int(found["messages"]), text)


def _turns(messages: Sequence[Message]) -> int:
    return sum(message.role == "user" and not is_context(message) for message in messages)


def _from_the_end(counts: Iterable[int], always: int) -> list[int]:
    """Return for each place the sum of the counts from there on, and `always`; one more for "none"."""
    sums = [always]
    for count in reversed(list(counts)):
        sums.append(sums[-1] + count)
    return sums[::-1]
