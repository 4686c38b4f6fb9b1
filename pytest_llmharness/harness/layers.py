"""The layers of a harness in the order of the flow, and what each has to be able to do.

A layer is any object, or function, of the shape below: nothing has to be inherited. `Harness(layers={...})`
puts another in its place; None leaves it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..domain.message import Message
    from ..domain.prompt import Prompt
    from ..domain.request import Request
    from ..domain.tool import ToolCall
    from ..schema import Schema
    from .constrain import Constraints
    from .context.assembler import Assembled
    from .degrade.layer import Degrade
    from .guarded_stream import Guarded, GuardedStream
    from .normalize import Admission, Normalized
    from .routing.routing import Routing
    from .validate import Check, Validator


class Normalize(Protocol):
    """Cleans and admits what comes in, and scans what tools return."""

    def admit(self, request: Request) -> Admission:
        """Return the request as it goes on, or why it is refused."""
        ...

    def tool_result(self, text: str) -> Normalized:
        """Return a tool's result as the model may read it."""
        ...


class Guard(Protocol):
    """Says what may not come in, what may not go out, and how much of it."""

    action: Literal["redact", "block"]

    def input(self, text: str) -> str:
        """Return a request's text as it goes on."""
        ...

    def output(self, text: str, *, is_json: bool = False) -> Guarded:
        """Return what may be shown of a whole answer."""
        ...

    def stream(self, *, is_json: bool = False) -> GuardedStream:
        """Return a guard for one streamed answer."""
        ...

    def call(self, call: ToolCall) -> tuple[ToolCall, tuple[str, ...]]:
        """Return a tool call as it may run, and what was found in its arguments."""
        ...


class Context(Protocol):
    """Gives the prompt what it needs to know, within its budget."""

    async def assemble(self, prompt: Prompt, *, documents: Mapping[str, str]) -> Assembled:
        """Return the first prompt of a run with its context."""
        ...

    async def refit(self, prompt: Prompt) -> Assembled:
        """Return a later prompt of the run, grown by tool results, as it fits."""
        ...

    @property
    def trims_growth(self) -> bool:
        """Whether `refit` can change anything."""
        ...


class BuildPrompt(Protocol):
    """Makes the messages of the first call."""

    def __call__(
        self,
        request: Request,
        *,
        system: str | None,
        schema: Schema | None,
        history: Sequence[Message] = (),
    ) -> tuple[Message, ...]:
        """Return them; nothing of the request is changed."""
        ...


class Validate(Protocol):
    """Accepts an answer, or names every fault in it."""

    def __call__(
        self, text: str, schema: Schema | None, validators: Iterable[Validator] = ()
    ) -> Check | Awaitable[Check]:
        """Return the outcome."""
        ...


class Repair(Protocol):
    """Words the message that asks for a better answer."""

    def __call__(self, problems: Sequence[str]) -> str:
        """Return it; the bad answer itself stands before it in the conversation."""
        ...


class Score(Protocol):
    """Says how good an accepted answer is."""

    def __call__(self, request: Request, value: Any) -> Quality | Awaitable[Quality]:
        """Return a score from 0 to 1 with facts about it, or None where it cannot be scored."""
        ...


Quality: TypeAlias = "float | tuple[float, Mapping[str, Any]] | None"


class Layers(TypedDict, total=False):
    """The layers by name, in the order of the flow; a missing one is as the harness has it.

    The others are arguments of their own: the gate is `gate=`, the state is `session_log=` and `store=`,
    parsing comes with `schema=`.
    """

    normalize: Normalize | None
    guardrails: Guard | None
    context: Context | None
    constrain: Constraints | None
    prompt: BuildPrompt
    route: Routing | None
    degrade: Degrade | None
    validate: Validate | None
    repair: Repair | None
    score: Score | None


LAYERS: tuple[str, ...] = tuple(Layers.__annotations__)
"""Their names."""


def checked(layers: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the layers where each has a name that is known.

    Raises:
        ConfigError: one has not, or the prompt is left out.
    """
    unknown = sorted(set(layers) - set(LAYERS))
    if unknown:
        raise ConfigError(
            f"there is no layer {unknown[0]!r}",
            where="Harness(layers={...})",
            fix=f"use one of {', '.join(LAYERS)}; gate=, session_log= and store= are arguments of their own",
        )
    if layers.get("prompt", LAYERS) is None:
        raise ConfigError(
            "a harness without a prompt has nothing to ask",
            where="Harness(layers={'prompt': ...})",
            fix="give it a function like harness.prompt.opening, or leave the key out",
        )
    return layers
