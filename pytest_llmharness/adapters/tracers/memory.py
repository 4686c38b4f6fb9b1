"""A tracer that keeps what it is told, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Span:
    """A span as it was recorded: `events` are those inside it, `ended` tells whether it is over."""

    name: str
    attributes: dict[str, Any]
    parent: Span | None = None
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: str | None = None
    ended: bool = False


class MemoryTracer:
    """Keeps every span and event. `spans` are in the order in which they began."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._current: ContextVar[Span | None] = ContextVar("current", default=None)

    def names(self) -> list[str]:
        """Return the names of all events, in order."""
        return [name for name, _ in self.events]

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Open a span that ends with the context."""
        return self._span(name, dict(attributes))

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Note an event, and in which span."""
        noted = (name, dict(attributes))
        self.events.append(noted)
        span = self._current.get()
        if span is not None:
            span.events.append(noted)

    @contextmanager
    def _span(self, name: str, attributes: dict[str, Any]) -> Iterator[None]:
        parent = self._current.get()
        span = Span(name, attributes, parent)
        self.spans.append(span)
        self._current.set(span)
        try:
            yield
        except BaseException as error:
            span.error = type(error).__name__
            raise
        finally:
            span.ended = True
            # Not a token: a span of an async generator may end in another task than it began in.
            self._current.set(parent)
