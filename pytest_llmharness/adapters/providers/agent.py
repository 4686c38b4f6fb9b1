"""An agent of any framework in the place of a model: the harness checks and repairs what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from ...domain.completion import Chunk, Completion
from ...domain.prompt import Prompt
from ...domain.usage import Timing
from ...errors import AgentFailed, ConfigError, HarnessError, MalformedResponse, ProviderTimeout
from ...harness.foreign import cancels_us, said
from ...ports.clock import Clock
from .agent_shapes import Reply, shape_of
from .agent_words import NoReply
from .error_answer import clipped


class AgentProvider:
    """Answers prompts by asking an agent, which has a model and tools of its own.

    ```python
    harness = Harness(AgentProvider(graph), schema=Invoice, validators=[total_is_right])
    ```

    What the agent answers is validated, and a complaint reaches it as the next user message of the
    same conversation. Of the prompt's options only `timeout_s` has an effect: the rest is the agent's
    affair. A stream is one chunk, because what an agent says on its way is not yet its answer. Tokens
    are counted where the framework reports them, else they are 0.

    Args:
        agent: one of these, told from what it can do:
            a function of a text, sync or async, that returns a text; a conversation reaches it as one
            text with a heading for each turn;
            a LangGraph graph or LangChain Runnable (`ainvoke`), which gets `{"messages": [...]}`, or the
            list where it takes no state; the last message is the answer;
            a CrewAI crew, flow or agent (`kickoff`), which gets the text as `inputs={"input": ...}`; the
            answer is `.raw`;
            an AutoGen team or agent (`run(task=...)`), which is reset and gets the text; the last
            message is the answer.
            Crews and teams keep a state, so they answer one call at a time, in one event loop.
        name: the name in results, traces and errors.
        clock: limits and times the calls; None means the event loop's own time.

    What blocks runs in a thread, which no timeout can end: the harness goes on, and leaves it to itself.
    """

    def __init__(self, agent: Any, *, name: str = "agent", clock: Clock | None = None) -> None:
        self.name = name
        self.model: str | None = name
        self._shape = shape_of(agent)
        self._clock = clock
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def complete(self, prompt: Prompt) -> Completion:
        """Return what the agent answers to the conversation.

        Raises:
            ConfigError: the prompt offers tools; those of an agent are given to it.
            ProviderTimeout: it did not answer in time.
            AgentFailed: it raised.
            MalformedResponse: it returned no answer.
        """
        self._check(prompt)
        started, limit_s = self._now(), prompt.options.timeout_s
        try:
            async with self._clock.timeout(limit_s) if self._clock else asyncio.timeout(limit_s):
                text, usage = await self._asked(prompt)
        except TimeoutError as error:
            raise ProviderTimeout(
                f"the agent did not answer within {limit_s or 0:g} s",
                where=f"agent {self.name}",
                fix="raise Options(timeout_s=...) or HarnessConfig(timeout_seconds=...), or bound its steps",
                provider=self.name,
            ) from error
        elapsed_ms = (self._now() - started) * 1e3
        return Completion(text, usage=usage, timing=Timing(elapsed_ms, elapsed_ms), model=self.name)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Yield the whole answer as one chunk, then one with the rest."""
        whole = await self.complete(prompt)
        if whole.text:
            yield Chunk(text=whole.text)
        yield Chunk(finish=whole.finish, usage=whole.usage, timing=whole.timing, model=whole.model)

    async def aclose(self) -> None:
        """Nothing to release: the agent is the caller's."""

    async def _asked(self, prompt: Prompt) -> Reply:
        try:
            async with self._turn():
                return await self._shape.ask(prompt.messages)
        except HarnessError:
            raise
        except NoReply as error:
            raise MalformedResponse(
                f"the agent gave no answer: {clipped(str(error))}",
                where=f"agent {self.name}",
                fix="let it end with a message, or wrap it in a function that returns its answer as text",
                provider=self.name,
            ) from error
        except BaseException as error:  # an agent may fail in any way
            if cancels_us(error):
                raise
            raise AgentFailed(
                f"the agent raised {type(error).__name__}: {clipped(said(error))}",
                where=f"agent {self.name}",
                fix="mend the agent; it is not asked again by itself, for its tools may have run",
                provider=self.name,
            ) from error

    def _turn(self) -> AbstractAsyncContextManager[object]:
        if not self._shape.takes_turns:
            return nullcontext()
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def _check(self, prompt: Prompt) -> None:
        if prompt.tools:
            names = ", ".join(spec.name for spec in prompt.tools)
            raise ConfigError(
                f"an agent cannot be offered the tools of the harness ({names}): it brings its own",
                where=f"agent {self.name}",
                fix="take them out of Harness(tools=...), and give the agent governed(tools, gate=...)",
            )

    def _now(self) -> float:
        return self._clock.now() if self._clock else asyncio.get_running_loop().time()
