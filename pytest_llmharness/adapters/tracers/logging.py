"""A tracer over the standard library's logging: one structured record an event, one a span."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from ...harness.observations import LLM_CALL, LLM_CALL_FIELDS
from ...ports.clock import Clock

LOGGER = "llm-harness"
"""The logger's name, as article 000 has it."""


class LoggingTracer:
    """Writes records to the logger "llm-harness".

    The event "llm_call" is an INFO record with article 000's nine fields as its own attributes.
    Other events are DEBUG records whose attributes lie in the one attribute `attributes`. A span is
    written when it ends, with `span`, `parent`, `duration_ms` and `error`; failed ones as WARNING.
    Where the records go is for `logging` to say: without a handler they go nowhere.

    Args:
        clock: measures spans.
        logger: where to write; None means the logger "llm-harness".
    """

    def __init__(self, clock: Clock, logger: logging.Logger | None = None) -> None:
        self._clock = clock
        self._logger = logger or logging.getLogger(LOGGER)
        if not self._logger.handlers:
            # As libraries do: without it Python writes what nobody handles to stderr, bare.
            self._logger.addHandler(logging.NullHandler())
        self._current: ContextVar[str] = ContextVar("current", default="")

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Open a span that ends with the context."""
        return self._span(name, attributes)

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Write an event."""
        if name == LLM_CALL:
            fields = {field: attributes.get(field) for field in LLM_CALL_FIELDS}
            self._logger.info(LLM_CALL, extra=fields)
        elif self._logger.isEnabledFor(logging.DEBUG):
            self._logger.debug(name, extra={"span": self._current.get(), "attributes": dict(attributes)})

    @contextmanager
    def _span(self, name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
        parent, started_s = self._current.get(), self._clock.now()
        self._current.set(name)
        error: str | None = None
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self._current.set(parent)
            facts = {
                "span": name,
                "parent": parent,
                "duration_ms": (self._clock.now() - started_s) * 1e3,
                "error": error,
                "attributes": dict(attributes),
            }
            self._logger.log(logging.WARNING if error else logging.DEBUG, "span %s", name, extra=facts)
