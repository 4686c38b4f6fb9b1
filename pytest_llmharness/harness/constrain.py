"""Constraint layer: which tools a model sees, and which of its calls may run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ..domain.frozen import dataclass
from ..domain.message import Message
from ..domain.tool import ToolCall, ToolSpec
from ..errors import ConfigError
from .action_schema import action_schema, closed, defaults_of, own
from .chaining import check_order
from .eager import within
from .foreign import cancels_us, said
from .gate.budgets import Account, Charge, quotas
from .json_form import record_form
from .refusal import Refusal

if TYPE_CHECKING:
    from ..ports.clock import Clock
    from ..ports.tool import Tool
    from ..schema import Schema


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a session may do with the tools there are.

    Args:
        allowed_tools: the tools it may use; empty means all.
        write: False is a read-only session: tools that are not `read_only` are neither shown nor run.
        granted: the permissions it has, shell patterns such as "files:*"; None means all.
        needs: the permissions a tool needs, by tool name.
        quotas: the most calls in the session, by tool name or shell pattern; "*" counts all tools.
    """

    allowed_tools: tuple[str, ...] = ()
    write: bool = True
    granted: tuple[str, ...] | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quotas: Mapping[str, int] = field(default_factory=dict)

    def forbids(self, spec: ToolSpec) -> tuple[str, str] | None:
        """Return (rule, reason) where the session may not use this tool at all."""
        if self.allowed_tools and spec.name not in self.allowed_tools:
            return "allowed_tools", f"the tool {spec.name!r} is not allowed here"
        if not self.write and not spec.read_only:
            return "scope", f"the session is read-only, and {spec.name!r} writes"
        for needed in self.needs.get(spec.name, ()):
            if self.granted is not None and not any(fnmatchcase(needed, one) for one in self.granted):
                return "permission", f"{spec.name!r} needs the permission {needed!r}"
        return None


class _Known(NamedTuple):
    tool: Tool
    spec: ToolSpec
    schema: Schema
    defaults: dict[str, Any]
    accepts: Callable[[Any], bool]


class Toolbox:
    """The tools of one harness, each with its compiled argument schema.

    A call is admitted (name, scope, permission, arguments, quota), then dispatched; `invoke` does
    both. `session` gives a run a view of its own, with its own count of calls, and may narrow it
    further, never widen it:

    ```python
    toolbox = Toolbox([read_file, write_file], Constraints(quotas={"write_file": 3}))
    readers = toolbox.session(Constraints(write=False))
    refused = readers.admit(ToolCall("write_file", {"path": "a", "text": "b"}))  # rule "scope"
    ```

    Args:
        tools: what can be called; argument schemas are closed against unknown arguments.
        constraints: what a session may do with them.
        clock: limits each call to `timeout_s`; None leaves the time to the tools.
        timeout_s: seconds after which a call is cancelled and answered with an error.
        open_ended: other tools may come later, so that `allowed_tools` may name one that is not there yet.
    """

    def __init__(
        self,
        tools: Iterable[Tool] = (),
        constraints: Constraints | None = None,
        *,
        clock: Clock | None = None,
        timeout_s: float | None = 30.0,
        open_ended: bool = False,
    ) -> None:
        self._open_ended = open_ended
        self._tools: dict[str, _Known] = {}
        for tool in tools:
            self._know(_known(tool))
        check_order(known.spec for known in self._tools.values())
        self._clock, self._timeout_s = clock, timeout_s
        self._constrain((constraints or Constraints(),), ())

    def _know(self, known: _Known) -> None:
        if known.spec.name in self._tools:
            raise ConfigError(
                f"two tools have the name {known.spec.name!r}",
                where="Harness(tools=...)",
                fix="rename one: @tool(name='...')",
            )
        self._tools[known.spec.name] = known

    def with_tools(self, tools: Iterable[Tool]) -> Toolbox:
        """Return a toolbox of these tools, with the constraints and limits of this one."""
        compiled = {id(known.tool): known for known in self._tools.values()}
        box = Toolbox(clock=self._clock, timeout_s=self._timeout_s, open_ended=True)
        for tool in tools:
            box._know(compiled.get(id(tool)) or _known(tool))
        check_order(known.spec for known in box._tools.values())
        box._constrain(self._layers, ())
        return box

    def _constrain(self, layers: tuple[Constraints, ...], history: Iterable[Charge]) -> None:
        for name in layers[-1].allowed_tools:
            if name not in self._tools and not self._open_ended:
                raise ConfigError(
                    f"allowed_tools names {name!r}, and no tool has that name",
                    where="Constraints(allowed_tools=...)",
                    fix=f"use names out of: {', '.join(self._tools) or 'none'}",
                )
        self._layers = layers
        limits = tuple(limit for layer in layers for limit in quotas(layer.quotas))
        self._account = Account(limits, history=history, layer="constrain")
        self._open = {name: known for name, known in self._tools.items() if not self._forbidden(known.spec)}
        self._specs = tuple(known.spec for known in self._open.values())

    def session(self, constraints: Constraints | None = None, history: Iterable[Charge] = ()) -> Toolbox:
        """Return a view for one session: within these constraints, counting calls from `history` on."""
        view = Toolbox(clock=self._clock, timeout_s=self._timeout_s, open_ended=self._open_ended)
        view._tools = self._tools
        view._constrain((*self._layers, *((constraints,) if constraints else ())), history)
        return view

    @property
    def counts(self) -> bool:
        """Whether a quota is counted, so that each session needs a view of its own."""
        return any(layer.quotas for layer in self._layers)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told, in the order given: only what the session may use."""
        return self._specs

    @property
    def action_schema(self) -> dict[str, Any]:
        """JSON Schema of one action the session may propose: `{"name": ..., "arguments": {...}}`."""
        return action_schema(self._specs)

    @property
    def history(self) -> tuple[Charge, ...]:
        """The calls admitted so far, oldest first; give them to `session` to go on after a restart."""
        return self._account.history

    def judge(self, call: ToolCall) -> Refusal | None:
        """Return why the call must not run, or None; nothing is counted."""
        known = self._open.get(call.name)
        if known is None:
            return self._closed(call.name)
        if call.raw_arguments is not None:
            return _no("arguments", "the arguments are no JSON object; send one complete object")
        if known.accepts(call.arguments):
            return None
        verdict = known.schema.check_value(call.arguments)
        return _no("arguments", f"invalid arguments: {verdict.hint()}")

    def admit(self, call: ToolCall) -> Charge | Refusal:
        """Judge a call and charge it to the quotas, before anything is dispatched.

        Calls that run side by side are admitted one after the other, in their order.
        """
        return self.judge(call) or self._account.reserve(call.name)

    def release(self, charge: Charge) -> None:
        """Give back the charge of an admitted call that was not dispatched after all."""
        self._account.release(charge)

    def refusal(self, call: ToolCall) -> str | None:
        """Return why the call must not run, in words for the model, or None where it may."""
        refused = self.judge(call)
        return None if refused is None else refused.reason

    def spec(self, name: str) -> ToolSpec:
        """Return the contract of a known tool.

        Raises:
            ConfigError: there is no such tool.
        """
        if name not in self._tools:
            raise ConfigError(
                f"the session has called {name!r}, and this harness has no such tool",
                where="Harness(tools=...)",
                fix="resume it with the tools it began with",
            )
        return self._tools[name].spec

    async def dispatch(self, call: ToolCall) -> tuple[str, bool]:
        """Run an admitted call, within the time limit, and return (its text, whether it succeeded)."""
        known = self._tools[call.name]
        try:
            given = {**known.defaults, **call.arguments} if known.defaults else call.arguments
            invoked = known.tool.invoke(own(given))
            value = await (invoked if self._clock is None else within(self._clock, self._timeout_s, invoked))
            return answer_text(value), True
        except TimeoutError as error:
            late = str(error) or f"the tool did not answer within {self._timeout_s or 0:g} s"
            return f"Error: TimeoutError: {late}", False
        except BaseException as error:  # a tool may fail in any way; the model is told
            if cancels_us(error):
                raise
            return f"Error: {type(error).__name__}: {said(error)}", False

    async def lookup(self, call: ToolCall, key: str) -> str | None:
        """Ask a tool what became of a call of an earlier life; None means that it never took effect."""
        asked = getattr(self._tools[call.name].tool, "lookup")(key)  # noqa: B009 - not in the port
        found = await (asked if self._clock is None else within(self._clock, self._timeout_s, asked))
        return None if found is None else answer_text(found)

    async def invoke(self, call: ToolCall) -> tuple[Message, bool]:
        """Admit and run a call; a refused call and a failing tool answer with "Error: ..."."""
        admitted = self.admit(call)
        if isinstance(admitted, Refusal):
            return Message.tool(call, f"Error: {admitted.reason}"), False
        text, ok = await self.dispatch(call)
        return Message.tool(call, text), ok

    def _closed(self, name: str) -> Refusal:
        forbidden = self._forbidden(self._tools[name].spec) if name in self._tools else None
        if forbidden is not None:
            return _no(*forbidden)
        known = ", ".join(spec.name for spec in self._specs) or "none"
        return _no("unknown_tool", f"unknown tool {name!r}; the tools are: {known}")

    def _forbidden(self, spec: ToolSpec) -> tuple[str, str] | None:
        return next(filter(None, (layer.forbids(spec) for layer in self._layers)), None)


def _known(tool: Tool) -> _Known:
    from ..schema import Schema

    spec = closed(spec_of(tool))
    if spec.in_doubt == "lookup" and not callable(getattr(tool, "lookup", None)):
        raise ConfigError(
            f"the tool {spec.name!r} says in_doubt='lookup' and has no lookup",
            where="Harness(tools=...)",
            fix="give it `async def lookup(key) -> str | None`, or in_doubt='halt' or 'idempotent'",
        )
    schema = Schema(dict(spec.schema))
    return _Known(tool, spec, schema, defaults_of(spec.schema), schema.accepts_value)


def _no(rule: str, reason: str) -> Refusal:
    return Refusal("constrain", rule, reason)


def spec_of(tool: Tool) -> ToolSpec:
    """Return the contract of a tool.

    Raises:
        ConfigError: it is none.
    """
    spec = getattr(tool, "spec", None)
    if not isinstance(spec, ToolSpec):
        raise ConfigError(
            f"{tool!r} is no tool",
            where="Harness(tools=...)",
            fix="decorate the function with @tool, or give the object a spec: ToolSpec",
        )
    return spec


def answer_text(value: Any) -> str:
    """Return what the model is told of a tool's value: text as it is, anything else as JSON.

    Raises:
        TypeError: the value is, or holds, an object that has neither a JSON form nor a text of its own.
        ValueError: the value holds itself.
        RecursionError: the value is nested too deeply.
    """
    return value if isinstance(value, str) else str(value) if type(value) is int else _JSON.encode(value)


def _json_form(value: Any) -> Any:
    members = record_form(value)
    if members is not None:
        return members
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if isinstance(value, Set):
        return sorted(value, key=repr)
    kind: Any = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        # Its only text is an address, another one in each run.
        raise TypeError(f"{kind.__qualname__} has no JSON form; a tool returns text or JSON data")
    return str(value)


_JSON = json.JSONEncoder(ensure_ascii=False, default=_json_form)
