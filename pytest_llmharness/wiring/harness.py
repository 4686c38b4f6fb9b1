"""The harness as users hold it: async core, sync face."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..domain.event import Event
from ..domain.request import Request
from ..domain.result import LLMResult
from ..harness.config import HarnessConfig
from ..harness.discovery import ToolSource
from ..harness.normalize import as_request
from ..harness.orchestrator import Orchestrator
from .assembly import assembled

if TYPE_CHECKING:
    from ..harness.batch import Progress
    from ..harness.discovery import Tools
    from ..harness.gate.decision import Gate
    from ..harness.layers import Layers
    from ..harness.parts import Parts
    from ..harness.routing import ModelTier
    from ..harness.state import RunState
    from ..harness.user_memory import UserMemory
    from ..harness.validate import Validator
    from ..ports.approver import Approver
    from ..ports.cache import Cache
    from ..ports.clock import Clock
    from ..ports.counter import TokenCounter
    from ..ports.executor import Executor
    from ..ports.ids import Ids
    from ..ports.limiter import RateLimiter
    from ..ports.provider import Provider
    from ..ports.random import Random
    from ..ports.retriever import Retriever
    from ..ports.session_log import SessionLog
    from ..ports.store import ConversationStore
    from ..ports.tool import Tool
    from ..ports.tracer import Tracer
    from .config_file import ConfigFile
    from .generation import Generation, Messages


class Harness:
    """A complete harness around a model: async core, sync face.

    `run` works anywhere: in a script, in a thread, inside a running event loop. `arun` and `stream`
    belong to the loop they are awaited on. A harness may be used from many threads at once.

    Every layer is a part that can be replaced; what is None is left out, or has a plain default.

    Args:
        provider: an object with the Provider port, or a name such as "openai" or "ollama".
        system: the standing instruction.
        tools: what the model may call: functions decorated with `tool`, or Tool objects; or a function, async
            or not, that is asked for them at each run.
        schema: what the answer must satisfy: a Schema, or whatever `Schema` takes. Of a Pydantic model the
            value is an instance, checked by the model's own validators too.
        validators: functions of the validated value that return what is wrong with it, or None to accept;
            see docs/layers/validate.md.
        config: the settings.
        tiers: models from the least to the most capable, by name. A request starts at the tier that its
            metadata ("tier", "task"), its kind of document or its complexity calls for, and climbs where
            the answer fails or its score is too low. None asks the one model.
        fallbacks: who is asked when the provider cannot answer, in the order of preference.
        gate: decides about calls with side effects; None lets all run, but where there is an approver.
        approver: the person whom the default rules of a gate ask.
        store: keeps the turns of conversations, by `Request.session_id`.
        memory: tells a session what earlier ones of the same `Request.user` said.
        session_log: keeps every step, so that a session can be resumed; None keeps none.
        cache, limiter: around the model call; None is as the settings say.
        tracer: is told what happens; None means nobody is.
        clock: the time; None means the system clock.
        ids: makes session ids; None means random ones.
        random: chance, for waits; None means `random.Random()`.
        counter: counts tokens for the context; None estimates them.
        retriever: finds what a request needs to know; None means nothing is looked up.
        executor: where the requests of a batch run; None means tasks of the running loop.
        layers: other layers than the harness's own, by name, such as
            `{"guardrails": Guardrails(...), "constrain": Constraints(...)}`; None leaves one out.
            `harness.layers` says what each has to be able to do.
    """

    def __init__(
        self,
        provider: Provider | str,
        *,
        system: str | None = None,
        tools: Tools | ToolSource = (),
        schema: Any = None,
        validators: Iterable[Validator] = (),
        config: HarnessConfig | None = None,
        tiers: Mapping[str, ModelTier] | None = None,
        fallbacks: Iterable[Provider | str] = (),
        gate: Gate | None = None,
        approver: Approver | None = None,
        store: ConversationStore | None = None,
        memory: UserMemory | None = None,
        session_log: SessionLog | None = None,
        cache: Cache | None = None,
        limiter: RateLimiter | None = None,
        tracer: Tracer | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        random: Random | None = None,
        counter: TokenCounter | None = None,
        retriever: Retriever | None = None,
        executor: Executor | None = None,
        layers: Layers | None = None,
    ) -> None:
        settings = dict(locals())
        for own in ("self", "executor"):
            del settings[own]
        settings["tools"] = self._tools = tools if isinstance(tools, ToolSource) else ToolSource(tools)
        self._orchestrator = Orchestrator(assembled(**settings | {"layers": layers or {}}))
        self._executor = executor
        self._file: ConfigFile | None = None

    @classmethod
    def from_config(cls, path: str | PathLike[str], **parts: Any) -> Self:
        """Make a harness as a YAML file says.

        ```yaml
        harness: {preset: article_003, max_tool_depth: 5, allowed_tools: [search]}
        provider: {name: ollama, model: "qwen2.5:7b"}
        ```

        A change of the file counts from the next run on; runs under way end as they began. While the
        file says something that cannot work, the harness goes on as it was, and warns.

        Args:
            path: the file; docs/harness.schema.json says what it can hold.
            parts: what `Harness` takes; it wins over the file.

        Raises:
            ConfigError: the file cannot be read or cannot work; it names the line.
        """
        from .config_file import ConfigFile

        given = parts.get("tools", ())
        parts["tools"] = given if isinstance(given, ToolSource) else ToolSource(given)
        file = ConfigFile(path, parts)
        harness = cls(**file.arguments())
        harness._file = file
        return harness

    def _current(self) -> Orchestrator:
        """Return the orchestrator, made anew where the configuration file has changed."""
        if self._file is not None and self._file.changed:
            changed = self._file.new_arguments()
            if changed is not None:
                fresh = type(self)(**changed)
                self._orchestrator = fresh._orchestrator  # noqa: SLF001 - its own class
        return self._orchestrator

    def add_tools(self, *tools: Tool) -> None:
        """Offer more tools from the next run on; runs under way keep those they began with.

        Raises:
            ConfigError: one is no tool, or has another's name.
        """
        self._tools.add(*tools)

    def remove_tools(self, *names: str) -> None:
        """Offer these tools no more, from the next run on.

        Raises:
            ConfigError: no tool has such a name.
        """
        self._tools.remove(*names)

    @property
    def provider(self) -> Provider:
        """The provider in use."""
        return self._orchestrator.parts.endpoints[0].provider

    @property
    def parts(self) -> Parts:
        """What it is made of, as the settings say now."""
        return self._current().parts

    async def arun(self, request: Request | str) -> LLMResult:
        """Run one request to its result; a failure of the model is a result too.

        Raises:
            ConfigError: the request or a setting cannot work.
        """
        return await self._current().run(as_request(request))

    def stream(self, request: Request | str) -> AsyncGenerator[Event, None]:
        """Yield what happens while it happens; the last event's data holds the result.

        Closing the generator early cancels the model call.
        """
        return self._current().stream(as_request(request))

    def generate(self, messages: Messages, *, session_id: str | None = None) -> Generation:
        """Return the answer to a conversation as chunks of text, for `for` and for `async for`.

        ```python
        for chunk in harness.generate([{"role": "user", "content": "Tell me a story."}]):
            print(chunk, end="")
        ```

        Args:
            messages: the conversation, ending with the user; a text is what the user says.
            session_id: continues a session; None starts one.

        Raises:
            ConfigError: `messages` is no conversation. What the run fails with is raised by the iteration.
        """
        from .generation import Generation, request_of

        request, parts = request_of(messages, session_id=session_id), self._orchestrator.parts
        final = parts.schema is None and not parts.validators and parts.routes is None
        return Generation(lambda: self.stream(request), at_once=final)

    async def abatch(
        self,
        requests: Iterable[Request | str] | AsyncIterable[Request | str],
        *,
        max_workers: int = 3,
        executor: Executor | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> list[LLMResult]:
        """Run many requests side by side; the results come in the order of the requests.

        Every request has its result: one that cannot be run has a failed one, and the others go on.

        ```python
        results = harness.batch(["first ticket", "second ticket"], max_workers=3)
        values = [result.unwrap() for result in results if result.success]
        ```

        Args:
            requests: the input; it is read only as far as workers are free.
            max_workers: requests that run at once; a warning says where the server works on fewer.
            executor: where they run; None means the harness's own executor.
            on_progress: called after each request, in the order they end.

        Raises:
            ConfigError: `max_workers` is below 1.
        """
        from ..adapters.executors.asyncio import AsyncioExecutor
        from ..harness.batch import Batch, BatchSettings, results

        batch = Batch(
            self.arun,
            executor=executor or self._executor or AsyncioExecutor(),
            settings=BatchSettings(max_workers),
            on_progress=on_progress,
            provider=self.provider.name,
        )
        return results(await batch.run(requests))

    async def aresume(self, session_id: str, *, settle: Mapping[int, str | None] | None = None) -> LLMResult:
        """Go on with an interrupted session where its log ends; one that has ended gives its result.

        No finished call is made again, to a model or to a tool. A tool call that began and has no
        result is decided as its tool's `in_doubt` says.

        Args:
            session_id: as a result's metadata names it.
            settle: for calls that a person has looked up, by position in the answer: what the call
                returned, or None to make it again.

        Raises:
            ConfigError: there is no log, or no such session.
            SessionConflict: another instance has gone on with it first.
        """
        return await self._orchestrator.resume(session_id, settle or {})

    async def astate_at(self, session_id: str, seq: int | None = None) -> RunState:
        """Return a session as it was after event number `seq`; None means as it is now."""
        return await self._orchestrator.state(session_id, seq)

    async def aclose(self) -> None:
        """Release the providers' connections of the running loop."""
        for provider in self._orchestrator.parts.providers:
            await provider.aclose()

    def run(self, request: Request | str) -> LLMResult:
        """Do what `arun` does, from sync code."""
        from ..adapters.executors.portal import portal

        return portal().run(self.arun(request))

    def batch(
        self,
        requests: Iterable[Request | str] | AsyncIterable[Request | str],
        *,
        max_workers: int = 3,
        executor: Executor | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> list[LLMResult]:
        """Do what `abatch` does, from sync code."""
        from ..adapters.executors.portal import portal

        return portal().run(
            self.abatch(requests, max_workers=max_workers, executor=executor, on_progress=on_progress)
        )

    def resume(self, session_id: str, *, settle: Mapping[int, str | None] | None = None) -> LLMResult:
        """Do what `aresume` does, from sync code."""
        from ..adapters.executors.portal import portal

        return portal().run(self.aresume(session_id, settle=settle))

    def state_at(self, session_id: str, seq: int | None = None) -> RunState:
        """Do what `astate_at` does, from sync code."""
        from ..adapters.executors.portal import portal

        return portal().run(self.astate_at(session_id, seq))

    def close(self) -> None:
        """Do what `aclose` does, from sync code."""
        from ..adapters.executors.portal import portal

        portal().run(self.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
