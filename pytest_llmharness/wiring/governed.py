"""Tools for an agent of another framework, under the rules of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from ..adapters.clocks.system import SystemClock
from ..adapters.tools.signature import signature_of
from ..domain.event import EventKind
from ..domain.tool import ToolCall, ToolSpec
from ..harness.action_schema import defaults_of
from ..harness.admitted import Admitted
from ..harness.admitting import Admitting, Pending
from ..harness.constrain import Toolbox
from ..harness.gate.approval import action_hash
from ..harness.journal import Journal
from ..harness.normalize import Normalizer
from ..harness.observations import SafeTracer
from ..harness.received import whole
from ..harness.state import RunState

if TYPE_CHECKING:
    from ..harness.constrain import Constraints
    from ..harness.gate.decision import Gate
    from ..ports.clock import Clock
    from ..ports.tool import Tool
    from ..ports.tracer import Tracer


def governed(
    tools: Iterable[Tool],
    *,
    constraints: Constraints | None = None,
    gate: Gate | None = None,
    tracer: Tracer | None = None,
    clock: Clock | None = None,
    session_id: str = "agent",
    timeout_s: float | None = 30.0,
    scan: bool = True,
    sync: bool = False,
) -> list[Callable[..., Any]]:
    """Return a function for each tool, to be given to an agent of any framework as its tool.

    A function has the tool's name, description and arguments, and returns text. Each call goes the way
    of a call in the harness: it is admitted (name, scope, permission, arguments, quota), decided by the
    gate, dispatched within the time limit, and its result is scanned for attempts to take the model
    over. A call that is refused never runs; its answer is "Error: ..." with the reason, for the model.

    ```python
    tools = governed([read_file, refund], gate=Gate(), constraints=Constraints(quotas={"refund": 3}))
    agent = create_agent(model, tools)
    ```

    All of them together are one session: quotas and budgets count over all calls, so make new ones for
    a new session. A tool out of scope has a function too, which refuses: an agent may have been told of
    it elsewhere. To hide it, do not give it. A pending approval is an error to the model, which may
    call again later: an equal call is the same question until it has been answered.

    Args:
        tools: functions decorated with `tool`, or Tool objects.
        constraints: what the session may do with them; None lets it do all.
        gate: decides about calls with side effects; None lets all run.
        tracer: told of every decision, and of every call that runs.
        clock: the time; None means the system clock.
        session_id: the session that approvals belong to.
        timeout_s: seconds after which a call is cancelled and answered with an error.
        scan: take out of what tools return what looks like an attempt to take the model over.
        sync: return plain functions instead of coroutine functions; they wait in their thread.

    Raises:
        ConfigError: something is no tool, two have one name, or an argument has no Python name.
    """
    tools = tuple(tools)
    clock = clock or SystemClock()
    toolbox = Toolbox(tools, constraints, clock=clock, timeout_s=timeout_s)
    journal = Journal(
        RunState(), log=None, tracer=None if tracer is None else SafeTracer(tracer), listener=None
    )
    admitting = Admitting(toolbox, journal, guardrails=None, gate=gate, clock=clock)
    session = _Session(session_id, toolbox, admitting, journal, Normalizer() if scan else None)
    return [_function(toolbox.spec(tool.spec.name), session.answer, sync=sync) for tool in tools]


class _Session:
    """The calls of one agent, under one account."""

    def __init__(
        self,
        session_id: str,
        toolbox: Toolbox,
        admitting: Admitting,
        journal: Journal,
        normalizer: Normalizer | None,
    ) -> None:
        self._session_id = session_id
        self._toolbox, self._admitting, self._journal = toolbox, admitting, journal
        self._normalizer = normalizer
        self._proposed: Counter[str] = Counter()

    async def answer(self, name: str, arguments: dict[str, Any]) -> str:
        """Return what the model is told of a call."""
        try:
            action = action_hash(self._session_id, ToolCall(name, arguments))
        except RecursionError:
            return f"Error: the arguments of {name} are nested too deeply"
        # Frameworks keep a call's id to themselves. Equal calls are told apart by their number, which
        # stays the same while a person has not answered.
        call = ToolCall(name, arguments, id=str(self._proposed[action]))
        self._proposed[action] += 1
        judged = await self._admitting.judge(0, call, self._session_id)
        if isinstance(judged, Admitted):
            return await self._run(judged)
        if isinstance(judged, Pending):
            self._proposed[action] -= 1
        else:
            await self._journal.tell(EventKind.REFUSED, tool=name, id=call.id, **judged.facts)
        return f"Error: {judged.reason}"

    async def _run(self, admitted: Admitted) -> str:
        call, tell = admitted.call, self._journal.tell
        facts = {"tool": call.name, "id": call.id}
        await tell(EventKind.TOOL_EXECUTION, **facts, writes=not admitted.spec.read_only)
        text, ok = await self._journal.inside("tool_execution", self._toolbox.dispatch(call), **facts)
        text = whole(text)
        if ok and self._normalizer is not None:
            text = self._normalizer.tool_result(text).text
        await tell(EventKind.TOOL_RESULT, **facts, ok=ok)
        return text


def _function(
    spec: ToolSpec, answer: Callable[[str, dict[str, Any]], Coroutine[Any, Any, str]], *, sync: bool
) -> Callable[..., Any]:
    signature = signature_of(spec)
    defaults = defaults_of(spec.schema)
    optional = {
        name for name, one in signature.parameters.items() if one.default is None and name not in defaults
    }

    def called(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, str]:
        # What does not fit the signature is refused like what does not fit the schema: in words.
        given = {**signature.bind_partial(*args).arguments, **kwargs}
        return answer(
            spec.name, {name: one for name, one in given.items() if one is not None or name not in optional}
        )

    async def tool(*args: Any, **kwargs: Any) -> str:
        return await called(*args, **kwargs)

    def sync_tool(*args: Any, **kwargs: Any) -> str:
        from ..adapters.executors.portal import portal

        return portal().run(called(*args, **kwargs))

    function: Any = sync_tool if sync else tool
    function.__name__ = function.__qualname__ = spec.name
    function.__doc__ = spec.description or spec.name
    function.__signature__ = signature
    named = {one.name: one.annotation for one in signature.parameters.values()}
    function.__annotations__ = {**named, "return": signature.return_annotation}
    return function  # type: ignore[no-any-return]
