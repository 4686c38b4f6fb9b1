"""The scripted model: in-process, public, and as strict as a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from reprlib import repr as _shown
from typing import Any, NamedTuple, TypeAlias

from ...domain.completion import Chunk, Completion, FinishReason, ToolCallDelta
from ...domain.fault import Fault
from ...domain.message import Message
from ...domain.prompt import Prompt
from ...domain.tool import ToolCall
from ...domain.usage import Timing, Usage
from ...errors import (
    ConfigError,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    ScriptExhausted,
    StreamBroken,
)
from ...ports.clock import Clock

Answer: TypeAlias = str | ToolCall | Sequence[ToolCall] | Completion | Fault
Step: TypeAlias = Answer | Callable[[Prompt], Answer]


class ScriptedProvider:
    """A model that answers from a list, one step a call.

    Args:
        script: the steps; a step of another kind is a `ConfigError` at once. A string is a text
            answer; a `ToolCall` or a list of them is a tool turn; a `Completion` is taken as it is;
            a `fault.*` fails the call; a function gets the prompt and returns one of these.
        model: the model name reported.
        clock: times the calls and limits a `fault.hang()` by `prompt.options.timeout_s`; None
            reports zero milliseconds, and limits by the event loop's own time.
        chunk_chars: how many characters a streamed chunk holds.

    `prompts` lists what was asked, in order. Token counts are words, and say so nowhere else.
    """

    name = "scripted"

    def __init__(
        self,
        script: Iterable[Step],
        *,
        model: str = "scripted",
        clock: Clock | None = None,
        chunk_chars: int = 8,
    ) -> None:
        self._steps = [step if callable(step) else _read(step) for step in _checked_script(script)]
        self.model: str | None = model
        self._clock = clock
        self._chunk_chars = chunk_chars
        self.prompts: list[Prompt] = []
        self._counted: tuple[tuple[Message, ...], int] = (), 0

    @property
    def remaining(self) -> int:
        """How many steps have not been asked for."""
        return max(len(self._steps) - len(self.prompts), 0)

    async def complete(self, prompt: Prompt) -> Completion:
        """Return the next step.

        Raises:
            ScriptExhausted: the script has no step left.
            ProviderError: the step is a fault.
        """
        started = self._now()
        answer = self._next(prompt)
        if isinstance(answer, Fault):
            raise await self._failure(answer, prompt)
        return self._completed(answer, prompt, started)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Yield the next step in chunks of `chunk_chars`."""
        started = self._now()
        answer = self._next(prompt)
        text = answer.text if isinstance(answer, Fault) else ""
        whole = None if isinstance(answer, Fault) else self._completed(answer, prompt, started)
        for piece in self._pieces(whole.text if whole else text):
            yield Chunk(text=piece)
        if isinstance(answer, Fault):
            raise await self._failure(answer, prompt)
        assert whole is not None
        for chunk in _tail(whole):
            yield chunk

    async def aclose(self) -> None:
        """Nothing to release."""

    def _next(self, prompt: Prompt) -> Completion | Fault | _Turn:
        self.prompts.append(prompt)
        position = len(self.prompts)
        if position > len(self._steps):
            raise ScriptExhausted(
                f"the script has {_steps(len(self._steps))}, and call {position} asks for one more",
                where=f"last message: {_clipped(prompt)}",
                fix="add a step to the script, or bound the harness (HarnessConfig(max_retries=...))",
            )
        step = self._steps[position - 1]
        return _read(_checked(step(prompt), position, "returned")) if callable(step) else step

    async def _failure(self, fault: Fault, prompt: Prompt) -> ProviderError:
        if fault.kind != "hang":
            return _failure(fault)
        timeout_s = prompt.options.timeout_s
        limit = self._clock.timeout(timeout_s) if self._clock else asyncio.timeout(timeout_s)
        try:
            async with limit:
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        return ProviderTimeout(
            f"the model did not answer within {timeout_s} s",
            where="ScriptedProvider",
            fix="raise Options(timeout_s=...) or HarnessConfig(timeout_seconds=...)",
            provider="scripted",
        )

    def _completed(self, answer: Completion | _Turn, prompt: Prompt, started: float) -> Completion:
        if isinstance(answer, Completion):
            return answer
        text, calls, finish, tokens = answer
        elapsed_ms = (self._now() - started) * 1e3 if self._clock else 0.0
        return Completion(
            text,
            calls,
            finish,
            Usage(self._words(prompt.messages), tokens),
            Timing(elapsed_ms, elapsed_ms) if elapsed_ms else _NO_TIME,
            prompt.options.model or self.model or "",
        )

    def _words(self, messages: tuple[Message, ...]) -> int:
        """Count words; of a conversation that has only grown, just the new turns."""
        counted, words = self._counted
        if not counted or len(counted) > len(messages) or messages[len(counted) - 1] is not counted[-1]:
            counted, words = (), 0
        for message in messages[len(counted) :]:
            words += len(message.text.split())
        self._counted = messages, words
        return words

    def _pieces(self, text: str) -> Iterable[str]:
        step = self._chunk_chars
        return (text[start : start + step] for start in range(0, len(text), step))

    def _now(self) -> float:
        return self._clock.now() if self._clock else 0.0


def _checked_script(script: Any) -> list[Step]:
    if isinstance(script, str | bytes | Mapping) or not isinstance(script, Iterable):
        raise ConfigError(
            f"a script is a list of steps, not {_shown(script)}",
            where="ScriptedProvider(script)",
            fix=f"ScriptedProvider([{_shown(script)}])" if isinstance(script, str) else _STEPS,
        )
    return [step if callable(step) else _checked(step, place, "is") for place, step in enumerate(script, 1)]


def _checked(step: Any, place: int, verb: str) -> Any:
    fits = isinstance(step, str | ToolCall | Completion | Fault)
    if fits or (isinstance(step, list | tuple) and step and all(isinstance(call, ToolCall) for call in step)):
        return step
    raise ConfigError(
        f"step {place} of the script {verb} {_shown(step)}, which no model answers",
        where="ScriptedProvider(script)",
        fix="give the answer as text: json.dumps(...)" if isinstance(step, dict | list) and step else _STEPS,
    )


_STEPS = "a step is text, a ToolCall, a list of them, a Completion, a fault.*() or a function of the prompt"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


class _Turn(NamedTuple):
    """What a step says, but for what only the call tells."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: FinishReason
    tokens: int


_NO_TIME = Timing(0.0, 0.0)


def _read(answer: Answer) -> Completion | Fault | _Turn:
    if isinstance(answer, Completion | Fault):
        return answer
    if isinstance(answer, str):
        return _Turn(answer, (), "stop", len(answer.split()))
    named = tuple(
        call if call.id else ToolCall(call.name, call.arguments, f"call_{index}", call.raw_arguments)
        for index, call in enumerate([answer] if isinstance(answer, ToolCall) else answer, 1)
    )
    return _Turn("", named, "tool_calls", len(named))


def _tail(whole: Completion) -> Iterable[Chunk]:
    for index, call in enumerate(whole.tool_calls):
        yield Chunk(tool_calls=(ToolCallDelta(index, call.name, call.arguments_text, call.id),))
    yield Chunk(finish=whole.finish, usage=whole.usage, timing=whole.timing, model=whole.model)


def _failure(fault: Fault) -> ProviderError:
    where = "ScriptedProvider"
    if fault.kind == "rate_limit":
        return RateLimited(
            "the model is rate limited (status 429)",
            where=where,
            fix="retry after the time the server names",
            provider="scripted",
            status=429,
            retry_after_s=fault.retry_after_s,
        )
    if fault.kind == "cut":
        return StreamBroken(
            "the stream was cut before the answer ended",
            where=where,
            fix="retry the call; the text so far is in .partial",
            provider="scripted",
        ).with_partial(fault.text)
    what = (
        "connection refused" if fault.kind == "refuse_connection" else f"server error (status {fault.status})"
    )
    return ProviderUnavailable(
        what,
        where=where,
        fix="retry, or fall back to another model",
        provider="scripted",
        status=fault.status,
    )


def _clipped(prompt: Prompt) -> str:
    text = prompt.messages[-1].text if prompt.messages else ""
    return repr(text if len(text) <= 80 else text[:77] + "...")
