"""The generator bridge: an answer's text as it comes, by `for` or by `async for`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias

from ..domain.event import Event, EventKind
from ..domain.message import Message
from ..domain.request import Request
from ..domain.result import LLMResult
from ..errors import ConfigError, StreamBroken

Messages: TypeAlias = "str | Iterable[Message | Mapping[str, Any]]"


class Generation:
    """The chunks of one answer; iterating it runs the request, each time anew.

    Where nothing can take an answer back, its text comes as the model writes it, that of tool rounds
    included. Where something can (a schema, validators, tiers that climb), it comes when it is accepted, in
    one piece. A stream that breaks is asked for again, and what was already yielded is not yielded twice.

    Iterating raises what the run failed with; leaving early cancels it.

    Attributes:
        result: what the last run came to; None before its end.
    """

    def __init__(self, events: Callable[[], AsyncGenerator[Event, None]], *, at_once: bool) -> None:
        self._events, self._at_once = events, at_once
        self.result: LLMResult | None = None

    def __aiter__(self) -> AsyncIterator[str]:
        return self._chunks()

    def __iter__(self) -> Iterator[str]:
        from ..adapters.executors.portal import portal

        return portal().iterate(self._chunks())

    async def _chunks(self) -> AsyncGenerator[str, None]:
        self.result, answer = None, _Answer()
        async with aclosing(self._events()) as events:
            async for event in events:
                if event.kind is EventKind.TEXT_DELTA and self._at_once:
                    fresh = answer.fresh(event.data["text"])
                    if fresh:
                        yield fresh
                elif event.kind is EventKind.PROVIDER_FAILED:
                    answer.broke(event.data["error"])
                elif event.kind is EventKind.PROVIDER_ANSWER:
                    answer.ended()
                elif event.kind is EventKind.ORCHESTRATE_COMPLETE:
                    self.result = event.data["result"]
        assert self.result is not None
        self.result.unwrap()
        if not self._at_once and self.result.content:
            yield self.result.content


class _Answer:
    """What was yielded of one answer, and how far an answer that is given again has come along it."""

    def __init__(self) -> None:
        self._said, self._again = "", 0
        self._error: BaseException | None = None

    def fresh(self, text: str) -> str:
        """Return what of the text was not yielded before."""
        known = self._said[self._again : self._again + len(text)]
        if not text.startswith(known):
            raise self._other()
        self._again += len(text)
        self._said += text[len(known) :]
        return text[len(known) :]

    def broke(self, error: BaseException) -> None:
        self._again, self._error = 0, error

    def ended(self) -> None:
        if self._again < len(self._said):
            raise self._other()
        self._said, self._again = "", 0

    def _other(self) -> StreamBroken:
        error = StreamBroken(
            f"the stream broke after {len(self._said):,} characters, and the model then answered otherwise",
            where="Harness.generate",
            fix="read Harness.stream, whose events name the call each text belongs to, or take Harness.run",
        ).with_partial(self._said)
        error.__cause__ = self._error
        return error


def request_of(messages: Messages, **facts: Any) -> Request:
    """Return a conversation as a request: its last message is what the user asks.

    Raises:
        ConfigError: it does not end with the user, or a message is none.
    """
    if isinstance(messages, str):
        return Request(messages, **facts)
    turns = [_message(each) for each in messages]
    if not turns or turns[-1].role != "user":
        raise ConfigError(
            f"the conversation ends with {turns[-1].role if turns else 'nothing'}, and not with the user",
            where="Harness.generate(messages)",
            fix="append {'role': 'user', 'content': '...'}",
        )
    return Request(turns[-1].text, tuple(turns[:-1]), **facts)


def _message(each: Any) -> Message:
    if isinstance(each, Message):
        return each
    role, content = (each.get("role"), each.get("content")) if isinstance(each, Mapping) else (None, None)
    if role not in ("system", "user", "assistant") or not isinstance(content, str):
        raise ConfigError(
            f"{each!r:.80} is no message",
            where="Harness.generate(messages)",
            fix="write {'role': 'user', 'content': '...'}, or Message.user('...'); tool turns are Messages",
        )
    return Message(role, content)
