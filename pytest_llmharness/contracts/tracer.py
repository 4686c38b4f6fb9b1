"""The contract of the tracer port: it sees everything and stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ..errors import HarnessError
from ..ports.tracer import Tracer
from .contract import Contract


class _Odd:
    """A value that no exporter knows."""


_ODD: dict[str, Any] = {
    "none": None,
    "nested": {"list": [1, None, {"deep": "value"}]},
    "object": _Odd(),
    "text": "größer \ud800 \x00",
    "number": float("nan"),
    "name": "a word that log records reserve",
    "message": "another",
    "args": (),
    "": "no name",
}


class TracerContract(Contract):
    """Subclass it, define the fixture `tracer`, and pytest proves your adapter."""

    @pytest.fixture
    def tracer(self) -> Tracer:
        """The adapter under test."""
        pytest.fail(f"define the fixture `tracer` in {type(self).__name__}")

    def test_spans_and_events(self, tracer: Tracer) -> None:
        """Spans nest, events lie inside and outside of them."""
        inside = False
        tracer.event("orchestrate_start", {"session_id": "s"})
        with tracer.start_span("orchestrate", {"session_id": "s"}):
            with tracer.start_span("provider_call", {"model": "m", "temperature": 0.0}):
                tracer.event("cache_miss", {})
                inside = True
            tracer.event("orchestrate_complete", {"success": True})
        assert inside, "a span must run its body"

    def test_an_error_passes_through_a_span(self, tracer: Tracer) -> None:
        """A span notes the error and lets it go on as it is."""
        error = HarnessError("it failed", where="here", fix="try again")
        with pytest.raises(HarnessError) as caught, tracer.start_span("tool_execution", {"tool": "t"}):
            raise error
        assert caught.value is error, "a span must let the very same error through"

    def test_cancellation_passes_through_a_span(self, tracer: Tracer) -> None:
        """What is no Exception is not swallowed either."""
        with pytest.raises(asyncio.CancelledError), tracer.start_span("provider_call", {}):
            raise asyncio.CancelledError

    def test_nothing_it_is_told_makes_it_fail(self, tracer: Tracer) -> None:
        """Any name and any attributes are taken."""
        names = ("provider_call", "llm_call", "a name of its own", "")
        bodies = []
        for name in names:
            tracer.event(name, _ODD)
            with tracer.start_span(name, _ODD):
                tracer.event(name, {})
                bodies.append(name)
        assert bodies == list(names), "a span must run its body"

    def test_attributes_are_not_changed(self, tracer: Tracer) -> None:
        """What is handed over stays as it was."""
        attributes = {"model": "m", "tokens_in": 3}
        tracer.event("llm_call", attributes)
        with tracer.start_span("provider_call", attributes):
            pass
        assert attributes == {"model": "m", "tokens_in": 3}, "the tracer wrote into the attributes"

    def test_many_tasks_at_once(self, tracer: Tracer) -> None:
        """Spans of different tasks do not get in each other's way."""

        async def one(number: int) -> int:
            with tracer.start_span("tool_execution", {"tool": f"t{number}"}):
                await asyncio.sleep(0)
                tracer.event("tool_result", {"tool": f"t{number}", "ok": True})
                await asyncio.sleep(0)
            return number

        async def clause() -> list[int]:
            return await asyncio.gather(*(one(number) for number in range(20)))

        assert self.run(clause()) == list(range(20))

    def test_a_span_may_end_in_another_task(self, tracer: Tracer) -> None:
        """A span of an async generator ends in whichever task closes the generator."""

        async def items() -> AsyncIterator[int]:
            with tracer.start_span("orchestrate", {}):
                yield 1
                yield 2

        async def clause() -> list[int]:
            stream = items()
            found = [await asyncio.create_task(_next(stream)) for _ in range(2)]
            await asyncio.create_task(_closed(stream))
            return found

        assert self.run(clause()) == [1, 2], "spans must not tie an async generator to one task"


async def _next(stream: AsyncIterator[int]) -> int:
    return await anext(stream)


async def _closed(stream: Any) -> None:
    await stream.aclose()
