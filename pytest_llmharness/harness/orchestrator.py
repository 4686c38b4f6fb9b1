"""The loop: prompt, call, tools, check, repair, result; bounded at every turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ..domain.completion import ChunkCollector, Completion
from ..domain.event import Event, EventKind
from ..domain.request import Request
from ..domain.result import FailureReason, LLMResult
from ..domain.usage import Usage
from ..errors import ConfigError, HarnessError, MaxRetriesExceeded, ProviderError
from ..ports.clock import Clock
from ..ports.ids import Ids
from ..ports.provider import Provider
from ..schema import Schema
from . import degrade
from .config import HarnessConfig
from .constrain import Toolbox
from .normalize import refusal
from .prompt import constrained, extended, first_prompt
from .repair import repair_prompt
from .validate import Check, Validator, check


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an orchestrator is made of."""

    provider: Provider
    clock: Clock
    ids: Ids
    system: str | None = None
    toolbox: Toolbox = field(default_factory=Toolbox)
    schema: Schema | None = None
    validators: tuple[Validator, ...] = ()
    config: HarnessConfig = HarnessConfig()


class Run:
    """The state of one run; the orchestrator itself keeps none."""

    def __init__(self, parts: Parts, request: Request) -> None:
        self.started = parts.clock.now()
        self.session_id = request.session_id or parts.ids.new()
        self.prompt = first_prompt(
            request,
            system=parts.system,
            tools=parts.toolbox.specs,
            schema=parts.schema,
            config=parts.config,
            model=parts.provider.model,
        )
        self.calls = self.retries = self.depth = 0
        self.usage = Usage()
        self.last = Completion(model=self.prompt.options.model or "")
        self.attempts: list[dict[str, Any]] = []
        self.outcome: LLMResult | None = None


class Orchestrator:
    """Runs requests over its parts. One implementation serves `run`, `arun` and `stream`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def run(self, request: Request) -> LLMResult:
        """Run to the result."""
        async for event in self.events(request, streaming=False):
            if event.kind is EventKind.ORCHESTRATE_COMPLETE:
                result: LLMResult = event.data["result"]
        return result

    async def events(self, request: Request, *, streaming: bool) -> AsyncGenerator[Event, None]:
        """Yield what happens, in order; the last event holds the result.

        Args:
            request: what the user asks.
            streaming: ask the provider for a stream and yield its text as it comes.
        """
        run = Run(self.parts, request)
        yield Event(EventKind.ORCHESTRATE_START, {"session_id": run.session_id})
        refused = refusal(request)
        if refused is not None:
            run.outcome = self._failed(run, FailureReason.INVALID_REQUEST, refused)
        while run.outcome is None:
            async with aclosing(self._turn(run, streaming=streaming)) as turn:
                async for event in turn:
                    yield event
        yield Event(EventKind.ORCHESTRATE_COMPLETE, {"result": run.outcome})

    async def _turn(self, run: Run, *, streaming: bool) -> AsyncGenerator[Event, None]:
        """One model call and what follows from it."""
        if run.calls >= self.parts.config.max_iterations:
            run.outcome = self._stopped(run, FailureReason.MAX_ITERATIONS, "max_iterations")
            return
        run.calls += 1
        yield Event(EventKind.PROVIDER_CALL, {"call": run.calls, "model": run.prompt.options.model})
        try:
            async with aclosing(self._chunks(run, streaming=streaming)) as chunks:
                async for text in chunks:
                    yield Event(EventKind.TEXT_DELTA, {"call": run.calls, "text": text})
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a provider raises, the run has a result
            failure = degrade.named(error, self.parts.provider.name, self.parts.config)
            yield Event(EventKind.PROVIDER_FAILED, {"call": run.calls, "error": str(failure)})
            await self._after_failure(run, failure)
            return
        run.usage += run.last.usage
        yield Event(EventKind.PROVIDER_ANSWER, {"call": run.calls, "completion": run.last})
        async for event in (self._use_tools if run.last.tool_calls else self._validate)(run):
            yield event

    async def _chunks(self, run: Run, *, streaming: bool) -> AsyncGenerator[str, None]:
        """Ask the provider, within the time limit; yield text, leave the answer in `run.last`."""
        clock, limit_s = self.parts.clock, self.parts.config.timeout_seconds
        if not streaming:
            async with clock.timeout(limit_s):
                run.last = await self.parts.provider.complete(run.prompt)
            return
        deadline = clock.now() + limit_s
        collector = ChunkCollector()
        async with aclosing(self.parts.provider.stream(run.prompt)) as chunks:
            while True:
                # The limit spans one step, never a yield: the next step may run in another task.
                async with clock.timeout(deadline - clock.now()):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                collector.feed(chunk)
                if chunk.text:
                    yield chunk.text
        run.last = collector.completion()

    async def _use_tools(self, run: Run) -> AsyncIterator[Event]:
        calls = run.last.tool_calls
        if run.depth >= self.parts.config.max_tool_depth:
            run.outcome = self._stopped(run, FailureReason.MAX_TOOL_DEPTH, "max_tool_depth")
            return
        run.depth += 1
        for call in calls:
            yield Event(
                EventKind.TOOL_EXECUTION, {"tool": call.name, "arguments": call.arguments, "id": call.id}
            )
        answers = await asyncio.gather(*(self.parts.toolbox.invoke(call) for call in calls))
        for call, (message, ok) in zip(calls, answers, strict=True):
            yield Event(
                EventKind.TOOL_RESULT, {"tool": call.name, "id": call.id, "ok": ok, "text": message.text}
            )
        self._note(run, "tool_calls")
        run.prompt = extended(run.prompt, run.last.message, *(message for message, _ in answers))

    async def _validate(self, run: Run) -> AsyncIterator[Event]:
        checked = check(run.last.text, self.parts.schema, self.parts.validators)
        if checked.valid:
            self._note(run, "accepted")
            run.outcome = self._succeeded(run, checked)
            return
        self._note(run, "rejected", problems=checked.problems)
        yield Event(EventKind.VALIDATION_FAILED, {"call": run.calls, "problems": checked.problems})
        if run.retries >= self.parts.config.max_retries:
            run.outcome = self._failed(run, FailureReason.VALIDATION, _exhausted(run, checked))
            return
        run.prompt = repair_prompt(run.prompt, run.last, checked.problems)
        if self.parts.config.structured_output == "on_repair":
            run.prompt = constrained(run.prompt, self.parts.schema)
        await self._pause(run, None)
        yield Event(EventKind.REPAIR, {"retry": run.retries, "prompt": run.prompt.messages[-1].text})

    async def _after_failure(self, run: Run, failure: ProviderError) -> None:
        """Retry with an equal prompt where that may help; end the run where it cannot."""
        self._note(run, "failed", error=failure.what)
        if failure.retryable and run.retries < self.parts.config.max_retries:
            await self._pause(run, failure)
        else:
            run.outcome = self._failed(run, degrade.reason(failure), failure)

    async def _pause(self, run: Run, failure: ProviderError | None) -> None:
        run.retries += 1
        await self.parts.clock.sleep(degrade.delay_s(failure, self.parts.config))

    def _note(self, run: Run, outcome: str, **facts: Any) -> None:
        run.attempts.append({"call": run.calls, "model": run.last.model, "outcome": outcome, **facts})

    def _succeeded(self, run: Run, checked: Check) -> LLMResult:
        return self._result(run, run.last.text, success=True, value=checked.value, edits=checked.edits)

    def _stopped(self, run: Run, reason: FailureReason, limit: str) -> LLMResult:
        bound = getattr(self.parts.config, limit)
        error = HarnessError(
            f"the run reached its limit {limit}={bound}; the last answer is kept",
            where=f"session {run.session_id}, model call {run.calls}",
            fix=f"raise HarnessConfig({limit}=...), or find out why the model does not come to an end",
        )
        return self._failed(run, reason, error)

    def _failed(self, run: Run, reason: FailureReason, error: HarnessError) -> LLMResult:
        content = str(error) if isinstance(error, ProviderError) or not run.last.text else run.last.text
        return self._result(run, content, success=False, failure_reason=reason.value, error=error)

    def _result(self, run: Run, content: str, *, success: bool, **facts: Any) -> LLMResult:
        return LLMResult(
            content=content,
            model=run.last.model,
            tokens_in=run.usage.tokens_in,
            tokens_out=run.usage.tokens_out,
            duration_ms=(self.parts.clock.now() - run.started) * 1e3,
            ttft_ms=run.last.timing.ttft_ms or 0.0,
            success=success,
            retries=run.retries,
            metadata={"session_id": run.session_id, "attempts": run.attempts, **facts},
        )


def _exhausted(run: Run, checked: Check) -> MaxRetriesExceeded:
    """Name the end of the attempts; the last violation is chained as its cause."""
    last = HarnessError(
        "; ".join(checked.problems),
        where=f"the answer to model call {run.calls}",
        fix="make the prompt or the schema clearer, or use a stronger model",
    )
    error = MaxRetriesExceeded(
        f"no valid answer in {run.retries + 1} attempts; the last was invalid because: {checked.problems[0]}",
        where=f"session {run.session_id}",
        fix="read metadata['attempts']; raise HarnessConfig(max_retries=...) or mend the prompt",
    )
    error.__cause__ = last
    return error
