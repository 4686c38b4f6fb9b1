"""What a rule looks at in a call: a path into the arguments and a test of what lies there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache
from typing import Any

from ...domain.frozen import dataclass
from .amounts import amounts_in, read_amount

# Tests of SQL text are asked of the database too, so the policy runs them itself.
SQL_TESTS = ("destructive_sql", "unproven_sql")


class Places:
    """The arguments of one call, and every named place in them, walked once for all conditions."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = arguments
        self.named = list(_named(arguments))


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a call's arguments.

    Args:
        at: paths of names parted by "/": shell patterns, matched without regard to case; "*" is
            one step, "**" any number of them. "" is the arguments as a whole.
        test: one of `TESTS` or `SQL_TESTS`.
        value: what the test compares with; see `TESTS`.
    """

    at: tuple[str, ...]
    test: str
    value: Any = None

    def found(self, places: Places) -> Iterator[tuple[str, Any]]:
        """Yield (pointer, value) for every place of the arguments that a path leads to."""
        anywhere, paths = _parted(self.at)
        if anywhere:
            fits = matcher(anywhere)
            yield from ((pointer, value) for pointer, name, value in places.named if fits(name))
        for path in paths:
            yield from _walk(places.arguments, path)

    def holds(self, places: Places) -> str | None:
        """Return the first place where the test holds, or None."""
        if self.test == "absent":
            return " or ".join(self.at) if next(self.found(places), None) is None else None
        check = TESTS[self.test]
        return next((at or "/" for at, value in self.found(places) if check(value, self.value)), None)


@lru_cache(maxsize=1024)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a function that tells whether a name fits one of the shell patterns, whatever its case."""
    fits = re.compile("|".join(translate(pattern.casefold()) for pattern in patterns)).match
    return lambda name: fits(name.casefold())


@lru_cache(maxsize=1024)
def _parted(at: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the names that are looked for anywhere ("**/name"), and the other paths step by step."""
    anywhere = tuple(path[3:] for path in at if path.startswith("**/") and "/" not in path[3:])
    others = [path for path in at if path[3:] not in anywhere or not path.startswith("**/")]
    return anywhere, tuple(tuple(path.split("/")) if path else () for path in others)


def _named(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (pointer, name, value) of all that has a name; without recursion, so depth cannot break it."""
    stack = [("", value)]
    while stack:
        pointer, one = stack.pop()
        for name, inner in _children(one):
            at = f"{pointer}/{name}"
            yield at, name, inner
            if isinstance(inner, Mapping | list | tuple):
                stack.append((at, inner))


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what one path leads to, without recursion too."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        pointer, one, done = stack.pop()
        if done == len(path):
            yield pointer, one
            continue
        inner = [(f"{pointer}/{name}", name, each) for name, each in _children(one)]
        if path[done] == "**":
            stack.extend((at, each, done) for at, _, each in reversed(inner))
            stack.append((pointer, one, done + 1))
        else:
            fits = matcher((path[done],))
            stack.extend((at, each, done + 1) for at, name, each in reversed(inner) if fits(name))


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(position), inner) for position, inner in enumerate(value))


def _compares(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[Any, Any], bool]:
    def check(value: Any, bound: Any) -> bool:
        limit = read_amount(bound)
        read = [amount for _, amount in amounts_in(value)]
        return any(one is None or limit is None or one.is_nan() or holds(one, limit) for one in read)

    return check


def _outside(value: Any, bounds: Sequence[Any]) -> bool:
    low, high = (None if bound is None else read_amount(bound) for bound in bounds)
    return any(
        amount is None
        or not amount.is_finite()
        or (low is not None and amount < low)
        or (high is not None and amount > high)
        for _, amount in amounts_in(value)
    )


def _long(value: Any, limit: Any) -> bool:
    return isinstance(value, str | list | tuple | Mapping) and len(value) > int(limit)


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "present": lambda _, __: True,
    "absent": lambda _, __: False,
    "eq": lambda value, wanted: bool(value == wanted),
    "ne": lambda value, wanted: bool(value != wanted),
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value not in wanted,
    "lt": _compares(lambda one, limit: one < limit),
    "le": _compares(lambda one, limit: one <= limit),
    "gt": _compares(lambda one, limit: one > limit),
    "ge": _compares(lambda one, limit: one >= limit),
    "outside": _outside,
    "matches": lambda value, pattern: isinstance(value, str) and re.search(pattern, value) is not None,
    "longer_than": _long,
}
"""Tests by name. Numbers are read by `read_amount`, from text too, and a comparison holds where there
is no number to compare: a rule that forbids cannot be passed with what cannot be read."""
