"""Every tracer keeps the contract; each exports what its readers look for."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from pytest_llmharness import LLMResult
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.tracers.logging import LoggingTracer
from pytest_llmharness.adapters.tracers.memory import MemoryTracer
from pytest_llmharness.adapters.tracers.null import NullTracer
from pytest_llmharness.adapters.tracers.opentelemetry import OpenTelemetryTracer
from pytest_llmharness.adapters.tracers.prometheus import PrometheusTracer
from pytest_llmharness.contracts import TracerContract
from pytest_llmharness.harness.observations import EVENTS, LLM_CALL, LLM_CALL_FIELDS, SafeTracer, llm_call
from pytest_llmharness.ports.tracer import Tracer

RESULT = LLMResult("text", "m", 12, 34, 56.0, 7.0, success=True, retries=1, score=0.9)


class TestNullTracer(TracerContract):
    @pytest.fixture
    def tracer(self) -> Tracer:
        return NullTracer()


class TestMemoryTracer(TracerContract):
    @pytest.fixture
    def tracer(self) -> Tracer:
        return MemoryTracer()


class TestLoggingTracer(TracerContract):
    @pytest.fixture
    def tracer(self, caplog: pytest.LogCaptureFixture) -> Tracer:
        caplog.set_level(logging.DEBUG, "llm-harness")
        return LoggingTracer(VirtualClock())


class TestOpenTelemetryTracer(TracerContract):
    @pytest.fixture
    def tracer(self) -> Tracer:
        sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
        return OpenTelemetryTracer(sdk.TracerProvider())


class TestOpenTelemetryWithoutSdk(TracerContract):
    @pytest.fixture
    def tracer(self) -> Tracer:
        pytest.importorskip("opentelemetry", reason="opentelemetry-api is not installed")
        return OpenTelemetryTracer()


class TestPrometheusTracer(TracerContract):
    @pytest.fixture
    def tracer(self) -> Tracer:
        client = pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
        return PrometheusTracer(VirtualClock(), client.CollectorRegistry())


class Fails:
    """A tracer that fails at everything."""

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        return self._span()

    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        raise OSError("the exporter is gone")

    @contextmanager
    def _span(self) -> Iterator[None]:
        yield
        raise OSError("the exporter is gone")


class FailsToOpen(Fails):
    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        raise OSError("the exporter is gone")


class SwallowsErrors(Fails):
    @contextmanager
    def _span(self) -> Iterator[None]:
        try:
            yield
        except BaseException:  # noqa: BLE001 - the bug it is made for
            return


class IsTiedToATask(NullTracer):
    """Resets a context variable by its token, which only the task that set it may do."""

    def __init__(self) -> None:
        self._current: ContextVar[str] = ContextVar("current")

    def start_span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[None]:
        return self._span(name)

    @contextmanager
    def _span(self, name: str) -> Iterator[None]:
        token = self._current.set(name)
        try:
            yield
        finally:
            self._current.reset(token)


class WritesIntoAttributes(NullTracer):
    def event(self, name: str, attributes: Mapping[str, Any]) -> None:
        assert isinstance(attributes, dict)
        attributes["name"] = name


class TestSafeTracerOverBrokenOnes(TracerContract):
    @pytest.fixture(params=[Fails, FailsToOpen, SwallowsErrors])
    def tracer(self, request: pytest.FixtureRequest) -> Tracer:
        return SafeTracer(request.param())


@pytest.mark.parametrize(
    ("broken", "clause"),
    [
        (Fails, "test_spans_and_events"),
        (FailsToOpen, "test_nothing_it_is_told_makes_it_fail"),
        (SwallowsErrors, "test_an_error_passes_through_a_span"),
        (SwallowsErrors, "test_cancellation_passes_through_a_span"),
        (WritesIntoAttributes, "test_attributes_are_not_changed"),
        (Fails, "test_many_tasks_at_once"),
        (IsTiedToATask, "test_a_span_may_end_in_another_task"),
    ],
)
def test_clause_catches_its_bug(broken: type[Tracer], clause: str) -> None:
    """The clause fails on a tracer broken for it."""
    with pytest.raises((AssertionError, pytest.fail.Exception, OSError, ValueError)):
        getattr(TracerContract(), clause)(broken())


def test_safe_tracer_hands_everything_on() -> None:
    """The net under a tracer that works is not noticed."""
    inner = MemoryTracer()
    tracer = SafeTracer(inner)
    with pytest.raises(KeyError), tracer.start_span("orchestrate", {"session_id": "s"}):
        tracer.event("cache_miss", {"key": "k"})
        raise KeyError
    assert inner.spans[0].error == "KeyError"
    assert inner.spans[0].events == [("cache_miss", {"key": "k"})]


def test_memory_tracer_keeps_the_tree() -> None:
    """Spans know their parent also where tasks run side by side."""
    tracer = MemoryTracer()

    async def tool(name: str) -> None:
        with tracer.start_span("tool_execution", {"tool": name}):
            await asyncio.sleep(0)

    async def run() -> None:
        with tracer.start_span("orchestrate", {}):
            await asyncio.gather(tool("a"), tool("b"))
        tracer.event("after", {})

    asyncio.run(run())
    outer, *inner = tracer.spans
    assert [(span.parent, span.ended) for span in inner] == [(outer, True), (outer, True)]
    assert tracer.names() == ["after"]
    assert not outer.events


def test_an_llm_call_is_article_000s_record(caplog: pytest.LogCaptureFixture) -> None:
    """A28: logger "llm-harness", message "llm_call", and all nine fields."""
    caplog.set_level(logging.INFO, "llm-harness")
    LoggingTracer(VirtualClock()).event(LLM_CALL, llm_call(RESULT, task="extraction"))
    (record,) = caplog.records
    assert (record.name, record.getMessage(), record.levelno) == ("llm-harness", "llm_call", logging.INFO)
    assert {field: getattr(record, field) for field in LLM_CALL_FIELDS} == {
        "task": "extraction",
        "model": "m",
        "success": True,
        "score": 0.9,
        "tokens_in": 12,
        "tokens_out": 34,
        "duration_ms": 56.0,
        "ttft_ms": 7.0,
        "retries": 1,
    }


def test_a_logged_span_is_timed_and_names_its_error(caplog: pytest.LogCaptureFixture) -> None:
    """The structured-log tracer writes a span with its parent, its time and what failed."""
    caplog.set_level(logging.DEBUG, "llm-harness")
    clock = VirtualClock()
    tracer = LoggingTracer(clock)

    async def run() -> None:
        with (
            tracer.start_span("orchestrate", {"session_id": "s"}),
            pytest.raises(ValueError, match="no"),
            tracer.start_span("provider_call", {"model": "m"}),
        ):
            await clock.sleep(1.5)
            raise ValueError("no")

    asyncio.run(run())
    inner, outer = caplog.records
    assert (inner.span, inner.parent, inner.duration_ms, inner.error) == (  # type: ignore[attr-defined]
        "provider_call", "orchestrate", 1500.0, "ValueError",
    )  # fmt: skip
    assert (outer.span, outer.parent, outer.error, outer.levelno) == (  # type: ignore[attr-defined]
        "orchestrate", "", None, logging.DEBUG,
    )  # fmt: skip


def test_the_events_of_article_003_have_their_names() -> None:
    """D25: the seven names, spelt as article 003 does."""
    assert EVENTS == (
        "orchestrate_start", "orchestrate_complete", "provider_call", "tool_execution", "cache_hit", "cache_miss",
        "rate_limit_acquired",
    )  # fmt: skip


def test_opentelemetry_spans_follow_the_genai_conventions() -> None:
    """D13: names, kinds, attributes and the tree, as an in-memory exporter receives them."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = OpenTelemetryTracer(provider)
    with tracer.start_span("orchestrate", {"session_id": "s1"}):
        call = {
            "provider": "openai",
            "model": "gpt-4o",
            "temperature": 0.0,
            "max_tokens": 64,
            "stop": ("END",),
        }
        with tracer.start_span("provider_call", call):
            tracer.event(
                "provider_answer",
                {"response_model": "gpt-4o-1", "finish": "stop", "tokens_in": 3, "tokens_out": 5},
            )
        with (
            pytest.raises(ValueError, match="no"),
            tracer.start_span("tool_execution", {"tool": "t", "id": "c1"}),
        ):
            raise ValueError("no")
    chat, tool, agent = exporter.get_finished_spans()
    assert [span.name for span in (chat, tool, agent)] == ["chat gpt-4o", "execute_tool t", "invoke_agent"]
    assert dict(agent.attributes) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": "s1",
    }
    assert dict(chat.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.response.model": "gpt-4o-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 5,
    }
    assert (chat.kind.name, agent.kind.name, chat.status.is_ok) == ("CLIENT", "INTERNAL", True)
    assert (tool.status.status_code.name, tool.attributes["error.type"]) == ("ERROR", "ValueError")
    assert chat.parent.span_id == tool.parent.span_id == agent.context.span_id
    names = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    known = {value for key, value in vars(names).items() if key.startswith("GEN_AI_")}
    assert {key for span in (chat, tool, agent) for key in span.attributes if "gen_ai" in key} <= known


def test_opentelemetry_leaves_other_tasks_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A span that ends in another task than it began in is ended, and nothing is logged about it."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    TracerContract().test_a_span_may_end_in_another_task(OpenTelemetryTracer(sdk.TracerProvider()))
    assert caplog.records == []


def test_prometheus_counts_what_happened() -> None:
    """D28: harness_* metrics, exact after a known history."""
    client = pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    registry, clock = client.CollectorRegistry(), VirtualClock()
    tracer = PrometheusTracer(clock, registry)
    for name, attributes in (
        ("provider_call", {"model": "m"}), ("provider_call", {"model": "m"}), ("cache_hit", {}), ("cache_miss", {}),
        ("tool_result", {"tool": "t", "ok": False}), ("validation_failed", {}), ("repair", {}),
        ("breaker_trip", {"endpoint": "e"}), ("rate_limit_acquired", {}), (LLM_CALL, llm_call(RESULT)),
    ):  # fmt: skip
        tracer.event(name, attributes)

    async def span() -> None:
        with tracer.start_span("provider_call", {}):
            await clock.sleep(2)

    asyncio.run(span())
    wanted = {
        ("harness_provider_calls_total", (("model", "m"),)): 2,
        ("harness_cache_hits_total", ()): 1,
        ("harness_cache_misses_total", ()): 1,
        ("harness_tool_calls_total", (("tool", "t"), ("ok", "false"))): 1,
        ("harness_validation_failures_total", ()): 1,
        ("harness_repairs_total", ()): 1,
        ("harness_breaker_trips_total", (("endpoint", "e"),)): 1,
        ("harness_rate_limit_acquired_total", ()): 1,
        ("harness_runs_total", (("model", "m"), ("success", "true"))): 1,
        ("harness_tokens_total", (("direction", "in"),)): 12,
        ("harness_tokens_total", (("direction", "out"),)): 34,
        ("harness_ttft_seconds_sum", ()): 0.007,
        ("harness_span_seconds_sum", (("span", "provider_call"), ("failed", "false"))): 2,
    }
    assert {key: registry.get_sample_value(key[0], dict(key[1])) for key in wanted} == wanted


def test_invented_names_do_not_fill_the_registry() -> None:
    """A model that makes up a tool a turn makes no label a turn."""
    client = pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    registry = client.CollectorRegistry()
    tracer = PrometheusTracer(VirtualClock(), registry)
    for number in range(1000):
        tracer.event("tool_result", {"tool": f"invented_{number}", "ok": False})
    labels = {
        sample.labels["tool"]
        for metric in registry.collect()
        for sample in metric.samples
        if "tool" in sample.labels
    }
    assert len(labels) == 101
    assert registry.get_sample_value("harness_tool_calls_total", {"tool": "other", "ok": "false"}) == 900


def test_tracing_without_logging_writes_nothing_to_the_screen() -> None:
    """D13: where nobody has set logging up, a failed span is no bare line on stderr; where somebody has, it is there."""
    code = (
        "import logging, sys\n"
        "from pytest_llmharness import Harness, HarnessConfig, ScriptedProvider, fault\n"
        "if len(sys.argv) > 1: logging.basicConfig()\n"
        "config = HarnessConfig(enable_tracing=True, max_retries=0)\n"
        "Harness(ScriptedProvider([fault.server_error()]), config=config).run('go')\n"
    )
    quiet, loud = (
        subprocess.run(
            [sys.executable, "-c", code, *more], capture_output=True, text=True, timeout=60, check=True
        )
        for more in ([], ["configured"])
    )
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert "WARNING:llm-harness:span provider_call" in loud.stderr
