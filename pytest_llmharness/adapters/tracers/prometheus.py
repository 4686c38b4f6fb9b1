"""A tracer that counts: Prometheus metrics named harness_*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ...errors import MissingExtra
from ...harness.observations import LLM_CALL
from ...ports.clock import Clock

# More values than these of one label are counted as "other": a model may invent names without end.
_MOST_VALUES = 100
_COUNTERS = {
    "harness_provider_calls": ("provider_call", "Model calls.", ("model",)),
    "harness_provider_failures": ("provider_failed", "Model calls that failed.", ("error",)),
    "harness_tool_calls": ("tool_result", "Tool calls answered.", ("tool", "ok")),
    "harness_cache_hits": ("cache_hit", "Answers from the cache.", ()),
    "harness_cache_misses": ("cache_miss", "Requests that the cache did not know.", ()),
    "harness_rate_limit_acquired": ("rate_limit_acquired", "Slots taken from the rate limiter.", ()),
    "harness_validation_failures": ("validation_failed", "Answers that broke a check.", ()),
    "harness_repairs": ("repair", "Repair prompts sent.", ()),
    "harness_refusals": ("refused", "Tool calls refused.", ("layer", "rule")),
    "harness_breaker_trips": ("breaker_trip", "Circuits that opened.", ("endpoint",)),
    "harness_fallbacks": ("fallback", "Requests handed to a fallback model.", ("endpoint",)),
}
_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class PrometheusTracer:
    """Counts events and times spans in a registry.

    Args:
        clock: measures spans.
        registry: a `prometheus_client.CollectorRegistry`; None means the global one.

    Raises:
        MissingExtra: prometheus-client is not installed.
    """

    def __init__(self, clock: Clock, registry: Any = None) -> None:
        try:
            import prometheus_client
        except ImportError as error:
            raise MissingExtra(
                "metrics cannot be counted: prometheus-client is not installed",
                where="PrometheusTracer",
                fix="pip install 'pytest-llmharness[prometheus]'",
            ) from error
        registry = prometheus_client.REGISTRY if registry is None else registry
        self._clock = clock
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._counters: dict[str, list[tuple[str, Any, tuple[str, ...]]]] = {}
        for name, (event, words, labels) in _COUNTERS.items():
            counter = prometheus_client.Counter(name, words, labels, registry=registry)
            self._counters.setdefault(event, []).append((name, counter, labels))
        self._runs = prometheus_client.Counter(
            "harness_runs", "Runs.", ("model", "success"), registry=registry
        )
        self._tokens = prometheus_client.Counter(
            "harness_tokens", "Tokens.", ("direction",), registry=registry
        )
        histogram = prometheus_client.Histogram
        self._spans = histogram(
            "harness_span_seconds", "Spans.", ("span", "failed"), buckets=_SECONDS, registry=registry
        )
        self._ttft = histogram(
            "harness_ttft_seconds", "Time to the first token.", buckets=_SECONDS, registry=registry
        )

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Open a span that ends with the context."""
        return self._span(name)

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Count an event."""
        for metric, counter, labels in self._counters.get(name, ()):
            values = [self._value(metric, label, attributes.get(label)) for label in labels]
            (counter.labels(*values) if labels else counter).inc()
        if name == LLM_CALL:
            self._run(attributes)

    def _run(self, attributes: Mapping[str, Any]) -> None:
        model = self._value("harness_runs", "model", attributes.get("model"))
        self._runs.labels(model, _text(attributes.get("success"))).inc()
        for direction, field in (("in", "tokens_in"), ("out", "tokens_out")):
            self._tokens.labels(direction).inc(max(_number(attributes.get(field)), 0))
        ttft_ms = _number(attributes.get("ttft_ms"))
        if ttft_ms > 0:
            self._ttft.observe(ttft_ms / 1e3)

    @contextmanager
    def _span(self, name: str) -> Iterator[None]:
        started_s = self._clock.now()
        failed = True
        try:
            yield
            failed = False
        finally:
            label = self._value("harness_span_seconds", "span", name)
            self._spans.labels(label, _text(failed)).observe(self._clock.now() - started_s)

    def _value(self, metric: str, label: str, value: Any) -> str:
        text = _text(value)
        seen = self._seen.setdefault((metric, label), set())
        if text not in seen and len(seen) >= _MOST_VALUES:
            return "other"
        seen.add(text)
        return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "unknown" if value is None else str(value)[:100]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
