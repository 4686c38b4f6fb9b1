"""A tool made from a function: its signature is its schema."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, overload

from ...domain.tool import InDoubt, ToolSpec
from ...errors import ConfigError, HarnessError
from ..workers import in_thread
from .annotation import Annotations
from .docstring import argument_notes, summary
from .form import Form, Mismatch
from .hints import Unclear, hints_of

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class FunctionTool:
    """A function with the Tool port; it can still be called as the function it was."""

    def __init__(self, function: Callable[..., Any], spec: ToolSpec, form: Form) -> None:
        self._function = function
        self._form = form
        self._is_async = _is_async(function)
        self.spec = spec
        self.__doc__ = _documented(function).__doc__
        self.__name__ = spec.name
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the plain function."""
        return self._function(*args, **kwargs)

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        """Run with JSON arguments by name; a function that is no coroutine runs in a thread.

        An argument arrives as its annotation says: a dataclass, an Enum member, a Pydantic model,
        a set; JSON types arrive as they are.

        Raises:
            HarnessError: an argument does not fit its annotation.
        """
        try:
            built: dict[str, Any] = self._form.build(arguments)
        except (Mismatch, RecursionError) as error:
            raise HarnessError(
                f"invalid arguments: {error}",
                where=f"tool {self.spec.name}",
                fix="call it with arguments that match its schema",
            ) from error
        if self._is_async:
            return await self._function(**built)
        value = await in_thread(self._function, built)
        return await value if inspect.isawaitable(value) else value


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    in_doubt: InDoubt = "halt",
    after: Iterable[str] = (),
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    in_doubt: InDoubt = "halt",
    after: Iterable[str] = (),
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function: `@tool`, or `@tool(name=..., read_only=True)`.

    The argument schema comes from the annotations, the description from the docstring's first
    paragraph, an argument's description from `Annotated[int, "what it is"]` or else from the
    docstring (Google, Sphinx or numpy style). A bound method, a coroutine function, a callable
    object or a `functools.partial` will do as well; what a partial has bound stays hidden.

    Args:
        function: what to call.
        name: the name the model calls; None means the function's own.
        description: what the model is told; None means the docstring's first paragraph.
        read_only: whether a call leaves the world as it was.
        in_doubt: what follows when nobody knows whether a call took effect, see `ToolSpec`.
        after: names of tools whose calls of the same answer have to succeed first.

    Raises:
        ConfigError: an argument has no annotation, or one that has no JSON Schema; it cannot be
            passed by name; the name is none that models can call.
    """

    def make(function: Callable[..., Any]) -> FunctionTool:
        _check_options(function, read_only=read_only, in_doubt=in_doubt, after=after)
        if isinstance(function, FunctionTool):
            function = function.__wrapped__
        called = _checked_name(function, name)
        text = inspect.getdoc(_documented(function)) or ""
        told = description if description is not None else summary(text)
        form = _arguments_form(function, text)
        spec = ToolSpec(called, told, form.schema, read_only, in_doubt, tuple(after))
        return FunctionTool(function, spec, form)

    return make if function is None else make(function)


def _check_options(function: Callable[..., Any], *, read_only: Any, in_doubt: Any, after: Any) -> None:
    """Refuse what would be taken for a yes or a name, and mean another thing than was written."""
    bad = None
    if not isinstance(read_only, bool):
        bad = f"read_only={read_only!r}", "give it True or False: it decides whether the gate is asked"
    elif in_doubt not in get_args(InDoubt):
        bad = f"in_doubt={in_doubt!r}", f"use one of {', '.join(get_args(InDoubt))}"
    elif isinstance(after, str):
        bad = f"after={after!r}", f"give it a list of tool names: after=[{after!r}]"
    if bad is not None:
        raise ConfigError(f"{bad[0]} cannot work", where=_where(function), fix=bad[1])


def _arguments_form(function: Callable[..., Any], text: str) -> Form:
    annotations = Annotations()
    try:
        form = annotations.record(
            _parameters(function), hints_of(_code_of(function)), argument_notes(text), dict
        )
    except Unclear as unclear:
        raise ConfigError(
            f"the tool {_name_of(function)} has no argument schema: {unclear.what}",
            where=_where(function),
            fix=unclear.fix,
        ) from unclear.__cause__
    definitions = annotations.definitions.schemas
    return Form({**form.schema, "$defs": definitions}, form.build) if definitions else form


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError as error:
        raise Unclear(str(error), "wrap it in a function with annotations") from error
    bound = function.keywords if isinstance(function, functools.partial) else {}
    return [parameter for parameter in parameters if parameter.name not in bound]


def _checked_name(function: Callable[..., Any], name: str | None) -> str:
    name = name or _name_of(function)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"no model can call a tool {name!r}: names have 1 to 64 letters, digits, '_' and '-'",
            where=_where(function),
            fix="@tool(name='...')",
        )
    return name


def _unbound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a partial was made of."""
    return function.func if isinstance(function, functools.partial) else function


def _name_of(function: Callable[..., Any]) -> str:
    function = _unbound(function)
    return getattr(function, "__name__", None) or type(function).__name__


def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with the annotations: an object's `__call__`."""
    function = _unbound(function)
    return function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__


def _documented(function: Callable[..., Any]) -> Any:
    """Return what has the docstring: of an object its `__call__`, or else its class."""
    code, function = _code_of(function), _unbound(function)
    return code if code is function or code.__doc__ else type(function)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(_code_of(function))


def _where(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(_code_of(function)), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
