"""A tracer over OpenTelemetry's API, with the semantic conventions for generative AI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from ...errors import MissingExtra

# Our span -> (operation, our attribute that completes the span's name), after the conventions.
_OPERATIONS = {
    "orchestrate": ("invoke_agent", "agent"),
    "provider_call": ("chat", "model"),
    "tool_execution": ("execute_tool", "tool"),
}
_CLIENTS = ("provider_call",)
_ATTRIBUTES = {
    "agent": "gen_ai.agent.name",
    "session_id": "gen_ai.conversation.id",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
    "response_model": "gen_ai.response.model",
    "finish": "gen_ai.response.finish_reasons",
    "tokens_in": "gen_ai.usage.input_tokens",
    "tokens_out": "gen_ai.usage.output_tokens",
    "tool": "gen_ai.tool.name",
    "id": "gen_ai.tool.call.id",
}
# Known only when the answer is there: events carry them, and they belong to the span around it.
_OF_ANSWERS = ("response_model", "finish", "tokens_in", "tokens_out")
_NAMESPACE = "llmharness."


class OpenTelemetryTracer:
    """Opens spans on the tracer provider of the application; setting one up is its business.

    Span names and attributes follow the conventions for generative AI ("chat gpt-4o",
    `gen_ai.request.model`, `gen_ai.usage.input_tokens`); what they have no name for is put under
    `llmharness.`. Content of messages is never recorded.

    Args:
        provider: an OpenTelemetry `TracerProvider`; None means the global one.

    Raises:
        MissingExtra: opentelemetry-api is not installed.
    """

    def __init__(self, provider: Any = None) -> None:
        try:
            from opentelemetry import context, trace
        except ImportError as error:
            raise MissingExtra(
                "spans cannot be exported: opentelemetry-api is not installed",
                where="OpenTelemetryTracer",
                fix="pip install 'pytest-llmharness[opentelemetry]'",
            ) from error
        self._trace, self._context = trace, context
        self._tracer = trace.get_tracer("pytest_llmharness", tracer_provider=provider)

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Open a span that ends with the context."""
        return self._span(name, attributes)

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Add an event to the current span; what it tells of the answer is set on the span itself."""
        span = self._trace.get_current_span()
        if not span.is_recording():
            return
        span.add_event(name, _told(attributes))
        span.set_attributes(_told({key: attributes[key] for key in _OF_ANSWERS if key in attributes}))

    @contextmanager
    def _span(self, name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
        kinds = self._trace.SpanKind
        operation, subject = _OPERATIONS.get(name, ("", ""))
        told = _told(attributes) | ({"gen_ai.operation.name": operation} if operation else {})
        title = f"{operation} {attributes.get(subject) or ''}".strip() if operation else name
        kind = kinds.CLIENT if name in _CLIENTS else kinds.INTERNAL
        span = self._tracer.start_span(title, kind=kind, attributes=told)
        task = _task()
        token = self._context.attach(self._trace.set_span_in_context(span))
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            # A span of an async generator may end in another task: its context is not ours to change.
            if _task() is task:
                self._context.detach(token)
            span.end()


def _told(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes under the names of the conventions, with values that OpenTelemetry takes."""
    told: dict[str, Any] = {}
    for key, value in attributes.items():
        if value is None:
            continue
        name = _ATTRIBUTES.get(key, _NAMESPACE + key)
        if key == "finish":
            told[name] = [str(value)]
        elif isinstance(value, str | bool | int | float):
            told[name] = value
        elif isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            told[name] = list(value)
        else:
            told[name] = str(value)
    return told


def _task() -> object:
    with suppress(RuntimeError):
        return asyncio.current_task()
    return None
