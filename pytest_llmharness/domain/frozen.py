"""Dataclasses that are made in a quarter of the time: the class at import, a frozen value at each call.

The standard library compiles six functions for each class, and looks `object.__setattr__` up anew for
each field of each value. A harness has forty such classes and makes a dozen values in a turn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, slots: bool, frozen: bool = False, init: bool = True) -> Callable[[_Kind], _Kind]:
        """Do what `dataclasses.dataclass` does with these settings; what it makes is a dataclass."""
        assert slots
        return lambda kind: _made(kind, frozen=frozen, init=init)


__all__ = ["dataclass"]

_Kind = TypeVar("_Kind", bound=type)

_set = object.__setattr__


class _LeftOut:
    """Stands in a signature where a value is made for each call."""

    def __repr__(self) -> str:
        return "<factory>"


_LEFT_OUT: Any = _LeftOut()


def _made(kind: _Kind, *, frozen: bool, init: bool) -> _Kind:
    inherits = frozen and any(dataclasses.is_dataclass(base) for base in kind.__bases__)
    plain: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, frozen=inherits)
    own = {"__repr__", "__eq__", "__hash__"} & vars(kind).keys()
    made: Any = plain(kind)
    if init:
        made.__init__ = _init_of(made)
    if "__repr__" not in own:
        made.__repr__ = _shown
    if "__eq__" not in own:
        made.__eq__, hashed = _comparisons(made)
        if "__hash__" not in own:
            made.__hash__ = hashed if frozen else None
    if frozen:
        made.__dataclass_params__.frozen = True
        made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
        made.__getstate__, made.__setstate__ = _state_of, _take_state
    return made  # type: ignore[no-any-return]


def _init_of(made: Any) -> Callable[..., None]:
    """Return a constructor that shows its arguments."""
    fields, after = dataclasses.fields(made), hasattr(made, "__post_init__")
    if all(field.init and field.default_factory is dataclasses.MISSING for field in fields):
        function = _renamed(_plain_init(len(fields), after=after), [field.name for field in fields])
        function.__defaults__ = tuple(field.default for field in fields if not _is_required(field)) or None
    else:
        function = _own_init(fields, after=after)
    function.__qualname__ = f"{made.__qualname__}.__init__"
    function.__annotations__ = {field.name: field.type for field in fields if field.init} | {"return": None}
    return function


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


@cache
def _plain_init(count: int, *, after: bool) -> CodeType:
    """Compile a constructor for so many fields once; `_renamed` makes it that of a class."""
    names = [f"_{number}" for number in range(count)]
    return _compiled(
        names, [f"_set(self, {name!r}, {name})" for name in names], after=after, known={}
    ).__code__


def _renamed(code: CodeType, names: list[str]) -> FunctionType:
    old = {f"_{number}": name for number, name in enumerate(names)}
    constants = tuple(old.get(each, each) if isinstance(each, str) else each for each in code.co_consts)
    code = code.replace(co_varnames=("self", *names), co_consts=constants)
    return FunctionType(code, {"_set": _set}, "__init__")


def _own_init(fields: Iterable[dataclasses.Field[Any]], *, after: bool) -> FunctionType:
    """Compile a constructor that makes some of the fields itself."""
    known: dict[str, Any] = {"_LEFT_OUT": _LEFT_OUT}
    arguments, lines = [], []
    for field in fields:
        name = value = field.name
        if field.default_factory is not dataclasses.MISSING:
            known[f"_made_{name}"], known[f"_default_{name}"] = field.default_factory, _LEFT_OUT
            value = f"_made_{name}()" + (f" if {name} is _LEFT_OUT else {name}" if field.init else "")
        elif field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
        if field.init:
            arguments.append(name if _is_required(field) else f"{name}=_default_{name}")
        if field.init or f"_made_{name}" in known:
            lines.append(f"_set(self, {name!r}, {value})")
    return _compiled(arguments, lines, after=after, known=known)


def _compiled(arguments: list[str], lines: list[str], *, after: bool, known: dict[str, Any]) -> FunctionType:
    body = [*lines, "self.__post_init__()"] if after else lines or ["pass"]
    known["_set"] = _set
    exec(f"def __init__({', '.join(['self', *arguments])}):\n " + "\n ".join(body), known)  # noqa: S102
    function: FunctionType = known["__init__"]
    return function


def _comparisons(made: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    names = [field.name for field in dataclasses.fields(made) if field.compare]
    parts: Callable[[Any], Any] = attrgetter(*names) if names else lambda value: ()  # noqa: ARG005

    def equal(self: Any, other: object) -> Any:
        return parts(self) == parts(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(parts(self))

    return equal, hashed


@recursive_repr()
def _shown(self: Any) -> str:
    parts = [
        f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr
    ]
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    _refuse(self, name, "assign to")
    _set(self, name, value)


def _refuse_to_delete(self: Any, name: str) -> None:
    _refuse(self, name, "delete")
    object.__delattr__(self, name)


def _refuse(self: Any, name: str, what: str) -> None:
    """Raise, unless a class made of this one has attributes of its own."""
    if "__dataclass_fields__" in vars(type(self)) or name in self.__dataclass_fields__:
        raise dataclasses.FrozenInstanceError(f"cannot {what} field {name!r}")


def _state_of(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _take_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        _set(self, field.name, value)
