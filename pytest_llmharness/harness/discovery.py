"""The tools of a live harness: they may change between one run and the next."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ConfigError, HarnessError
from .constrain import Toolbox, spec_of
from .foreign import said

if TYPE_CHECKING:
    from ..ports.tool import Tool

Tools: TypeAlias = "Iterable[Tool] | Callable[[], Iterable[Tool] | Awaitable[Iterable[Tool]]]"


class ToolSource:
    """What a harness's tools are now: those it was given, or what a function returns, and what was added.

    A run has the tools there were when it began. One source may serve several harnesses and threads.

    Args:
        tools: the tools, or a function, async or not, that is asked for them at each run.
    """

    def __init__(self, tools: Tools = ()) -> None:
        self._ask = tools if callable(tools) and not hasattr(tools, "spec") else None
        self._own: tuple[Tool, ...] = () if self._ask is not None else tuple(tools)  # type: ignore[arg-type]
        self._removed: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    @property
    def given(self) -> tuple[Tool, ...]:
        """The tools that are known without asking."""
        return self._own

    @property
    def is_asked(self) -> bool:
        """Whether a function is asked at each run."""
        return self._ask is not None

    def add(self, *tools: Tool) -> None:
        """Offer more tools from the next run on; one of a removed name takes its place.

        Raises:
            ConfigError: it is no tool, or another one has its name.
        """
        with self._lock:
            names = [spec_of(tool).name for tool in self._own]
            for tool in tools:
                name = spec_of(tool).name
                if name in names:
                    raise ConfigError(
                        f"two tools have the name {name!r}",
                        where="Harness.add_tools",
                        fix=f"remove_tools({name!r}) first, or rename one: @tool(name='...')",
                    )
                names.append(name)
            self._own = (*self._own, *tools)

    def remove(self, *names: str) -> None:
        """Offer these tools no more, from the next run on; what a function still returns stays away too.

        Raises:
            ConfigError: no tool has such a name, and no function is asked that might know it.
        """
        with self._lock:
            known = [spec_of(tool).name for tool in self._own]
            for name in names:
                if name not in known and self._ask is None:
                    raise ConfigError(
                        f"no tool has the name {name!r}",
                        where="Harness.remove_tools",
                        fix=f"use one of: {', '.join(known) or 'none'}",
                    )
            self._own = tuple(tool for tool in self._own if spec_of(tool).name not in names)
            self._removed |= {*names} if self._ask is not None else set()

    async def tools(self) -> tuple[Tool, ...]:
        """Return the tools as they are now.

        Raises:
            ConfigError: the function that is asked fails.
        """
        if self._ask is None:
            return self._own
        try:
            found = self._ask()
            listed = tuple(await found if isawaitable(found) else found)
        except HarnessError:
            raise
        except Exception as error:
            raise ConfigError(
                f"the tools cannot be listed: {said(error)}",
                where=f"Harness(tools={getattr(self._ask, '__name__', 'a function')})",
                fix="let the function return a list of tools, such as those it found last",
            ) from error
        return (*(tool for tool in listed if spec_of(tool).name not in self._removed), *self._own)


class LiveTools:
    """Keeps a toolbox in step with its source; the schemas of tools that stay are compiled once.

    Args:
        source: says what the tools are.
        toolbox: the toolbox of the tools that were known first.
    """

    def __init__(self, source: ToolSource, toolbox: Toolbox) -> None:
        self._source = source
        self._seen, self._toolbox = source.given, toolbox

    async def now(self) -> Toolbox:
        """Return the toolbox of the tools as they are now.

        Raises:
            ConfigError: they cannot be listed, or cannot be offered together.
        """
        tools = await self._source.tools()
        if len(tools) != len(self._seen) or any(
            one is not two for one, two in zip(tools, self._seen, strict=True)
        ):
            self._toolbox, self._seen = self._toolbox.with_tools(tools), tools
        return self._toolbox
