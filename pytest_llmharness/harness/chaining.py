"""Which calls of one answer have to wait for which, as their tools say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..domain.tool import ToolCall, ToolSpec
from ..errors import ConfigError


def waits_for(calls: Sequence[ToolCall], spec: ToolSpec) -> list[int]:
    """Return the places of the calls in an answer that a call of this tool comes after."""
    return [place for place, call in enumerate(calls) if call.name in spec.after] if spec.after else []


def check_order(specs: Iterable[ToolSpec]) -> None:
    """Check that the tools can be called in some order.

    Raises:
        ConfigError: two of them wait for each other, directly or through others.
    """
    after: Mapping[str, tuple[str, ...]] = {spec.name: spec.after for spec in specs if spec.after}
    done: set[str] = set()
    for first in after:
        path = [first]
        rest = [iter(after[first])]
        while rest:
            name = next(rest[-1], None)
            if name is None:
                done.add(path.pop())
                rest.pop()
            elif name in path:
                raise _circle([*path[path.index(name) :], name])
            elif name in after and name not in done:
                path.append(name)
                rest.append(iter(after[name]))


def _circle(names: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"the tools {' -> '.join(names)} wait for each other",
        where="ToolSpec.after",
        fix=f"take {names[1]!r} out of the after=... of {names[0]!r}",
    )
