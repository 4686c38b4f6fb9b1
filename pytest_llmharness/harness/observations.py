"""What a harness tells its tracer: the names, the record of a call, and a net under every tracer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from ..domain.completion import Completion
from ..domain.result import LLMResult

if TYPE_CHECKING:
    from ..ports.tracer import Tracer

SPANS = ("orchestrate", "provider_call", "tool_execution")
"""Spans, outermost first."""
EVENTS = (
    "orchestrate_start",
    "orchestrate_complete",
    "provider_call",
    "tool_execution",
    "cache_hit",
    "cache_miss",
    "rate_limit_acquired",
)
"""Article 003's events; a harness may emit others beside them."""
LLM_CALL = "llm_call"
"""Article 000's record of a run, with the fields `LLM_CALL_FIELDS`."""
LLM_CALL_FIELDS = (
    "task",
    "model",
    "success",
    "score",
    "tokens_in",
    "tokens_out",
    "duration_ms",
    "ttft_ms",
    "retries",
)


def llm_call(result: LLMResult, task: str = "") -> dict[str, Any]:
    """Return article 000's nine fields of a result; `task` is what the run was for."""
    return {"task": task, **{name: getattr(result, name) for name in LLM_CALL_FIELDS[1:]}}


def told(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tracer learns of an event: facts about the content, never the content."""
    facts = {name: value for name, value in data.items() if name not in _CONTENT}
    if "completion" in data:
        answer: Completion = data["completion"]
        facts |= {"response_model": answer.model, "finish": answer.finish}
        facts |= {"tokens_in": answer.usage.tokens_in, "tokens_out": answer.usage.tokens_out}
    if "error" in data:
        facts["error"] = type(data["error"]).__name__
    if "result" in data:
        result: LLMResult = data["result"]
        facts |= {"success": result.success}
        facts |= {name: result.metadata.get(name) for name in ("failure_reason", "layer")}
    return facts


_CONTENT = frozenset(
    ("request", "messages", "message", "text", "arguments", "problems", "completion", "error", "result")
)


class SafeTracer:
    """Calls a tracer and goes on where it fails: observing a run must never end it.

    Args:
        tracer: the tracer to call.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Open a span that ends with the context."""
        return self._span(name, attributes)

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Note something that happened now."""
        try:
            self._tracer.event(name, attributes)
        except Exception:  # noqa: BLE001 - see the class
            return

    @contextmanager
    def _span(self, name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
        span = self._entered(name, attributes)
        try:
            yield
        except BaseException as error:
            self._left(span, error)
            raise
        self._left(span, None)

    def _entered(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None] | None:
        try:
            span = self._tracer.start_span(name, attributes)
            span.__enter__()
        except Exception:  # noqa: BLE001 - see the class
            return None
        return span

    @staticmethod
    def _left(span: AbstractContextManager[None] | None, error: BaseException | None) -> None:
        if span is None:
            return
        try:
            # What the span answers does not matter: an error is never swallowed here.
            span.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except BaseException as raised:
            if not isinstance(raised, Exception) and raised is not error:
                raise
