"""From an annotation to its form: JSON types, containers, choices, and records of them."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    is_typeddict,
)

from . import form as forms
from .definitions import Definitions
from .docstring import argument_notes
from .form import Field, Form
from .hints import Unclear, default_json, hints_of, json_of
from .pydantic_form import NoForm, adapted_form, is_model, model_form, needs_pydantic

_abc = collections.abc
_SEQUENCES = (list, _abc.Sequence, _abc.MutableSequence, _abc.Iterable, _abc.Collection)
_SETS = (set, _abc.Set, _abc.MutableSet)
_MAPPINGS = (dict, _abc.Mapping, _abc.MutableMapping)
_ANNOTATE = "annotate it with JSON types, a Literal, an Enum, a dataclass or a Pydantic model"


class Annotations:
    """Makes forms for the annotations of one function, and collects the definitions they share."""

    def __init__(self) -> None:
        self.definitions = Definitions()
        self._made: dict[Hashable, Form] = {}
        self._open: set[Hashable] = set()
        self._recursive: set[Hashable] = set()

    def form(self, kind: Any) -> Form:
        """Return the form of an annotation.

        Raises:
            Unclear: it has none.
        """
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._annotated(kind, args[0], args[1:])
        if origin in (Required, NotRequired):
            return self.form(args[0])
        if origin in (Union, types.UnionType):
            return forms.union([self.form(part) for part in args])
        if origin is Literal:
            return forms.choice([(json_of(value), value) for value in args])
        found = self._plain(kind) or self._container(origin or kind, args) or self._class(kind)
        return found or self._adapted(kind)

    def record(
        self,
        parameters: Iterable[inspect.Parameter],
        hints: Mapping[str, Any],
        notes: Mapping[str, str],
        make: Callable[..., Any],
        kind: type | None = None,
    ) -> Form:
        """Return the form of a JSON object whose members are these parameters."""
        fields = {}
        for parameter in parameters:
            name = parameter.name
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise Unclear(
                    f"{parameter} cannot be passed by name", "give every argument a name to pass it by"
                )
            if name not in hints:
                raise Unclear(f"{parameter} has no annotation", _to_annotate(name))
            default = () if parameter.default is parameter.empty else default_json(parameter.default)
            required = parameter.default is parameter.empty
            fields[name] = Field(self._member(name, hints[name], notes), required, default)
        return forms.record(fields, make, kind)

    def _member(self, name: str, hint: Any, notes: Mapping[str, str]) -> Form:
        try:
            found = self.form(hint.type if isinstance(hint, dataclasses.InitVar) else hint)
        except Unclear as unclear:
            raise Unclear(f"{name}: {unclear.what}", unclear.fix) from unclear.__cause__
        if get_origin(hint) is Annotated and "description" in found.schema:
            return found
        return found.described(notes.get(name))

    def _annotated(self, kind: Any, inner: Any, notes: tuple[Any, ...]) -> Form:
        found = self._adapted(kind) if any(map(needs_pydantic, notes)) else self.form(inner)
        told = [getattr(note, "documentation", note) for note in notes]  # typing_extensions.Doc
        return found.described(next((word for word in told if isinstance(word, str)), None))

    def _plain(self, kind: Any) -> Form | None:
        if kind is Any:
            return forms.anything()
        if kind in (None, type(None)):
            return forms.NULL
        if kind is float:
            return forms.scalar("number", int, float)
        names = {str: "string", bool: "boolean", int: "integer"}
        return forms.scalar(names[kind], kind) if isinstance(kind, type) and kind in names else None

    def _container(self, kind: Any, args: tuple[Any, ...]) -> Form | None:
        if kind in _SEQUENCES:
            return self._array(args, list)
        if kind in _SETS or kind is frozenset:
            unique = self._array(args, frozenset if kind is frozenset else set)
            return Form({**unique.schema, "uniqueItems": True}, unique.build)
        if kind is tuple:
            return self._tuple(args) if args and args[-1] is not Ellipsis else self._array(args, tuple)
        if kind in _MAPPINGS and (not args or args[0] in (str, Any)):
            return forms.mapping(self.form(args[1]) if args else None)
        return None

    def _array(self, args: tuple[Any, ...], make: Callable[[list[Any]], Any]) -> Form:
        item = self.form(args[0]) if args else None
        inner = item or forms.anything()
        return forms.array({"items": item.schema} if item else {}, lambda _: inner, make)

    def _tuple(self, args: tuple[Any, ...]) -> Form:
        items = [self.form(part) for part in args]
        count = len(items)

        def make(built: list[Any]) -> tuple[Any, ...]:
            if len(built) != count:
                raise forms.Mismatch(f"{len(built)} items, not {count}")
            return tuple(built)

        schema = {"prefixItems": [item.schema for item in items], "minItems": count, "maxItems": count}
        return forms.array(schema, lambda number: items[min(number, count - 1)], make)

    def _class(self, kind: Any) -> Form | None:  # noqa: PLR0911 - one line for each kind of type
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            if not len(kind):
                raise Unclear(f"{kind.__name__} has no members", "give the Enum members")
            return forms.choice([(json_of(member), member) for member in kind])
        if is_model(kind):
            return self._once(kind, lambda: self._checked(kind, model_form))
        if is_typeddict(kind):
            return self._once(kind, lambda: self._typed_dict(kind))
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return self._once(kind, lambda: self._dataclass(kind))
        if hasattr(kind, "__supertype__"):  # NewType
            return self.form(kind.__supertype__)
        if hasattr(kind, "__value__"):  # type X = ...
            return self._once(kind, lambda: self.form(kind.__value__))
        return None

    def _once(self, kind: Any, make: Callable[[], Form]) -> Form:
        """Make the form of a named type; where it refers to itself, it becomes a definition."""
        if kind in self._open:
            self._recursive.add(kind)
        if kind in self._recursive:
            reference = self.definitions.reference(kind, kind.__name__)
            return Form(reference, lambda value: self._made[kind].build(value))  # noqa: PLW0108 - made later
        if kind not in self._made:
            self._open.add(kind)
            try:
                self._made[kind] = make()
            finally:
                self._open.discard(kind)
        made = self._made[kind]
        if kind not in self._recursive:
            return made
        return Form(self.definitions.define(kind, kind.__name__, made.schema), made.build)

    def _dataclass(self, kind: Any) -> Form:
        parameters = inspect.signature(kind).parameters.values()
        notes = argument_notes(inspect.getdoc(kind) or "")
        return self.record(parameters, hints_of(kind), notes, kind, kind)

    def _typed_dict(self, kind: Any) -> Form:
        notes = argument_notes(inspect.getdoc(kind) or "")
        fields = {}
        for name, hint in hints_of(kind).items():
            required = name in kind.__required_keys__
            # Under postponed annotations the class could not read its own qualifiers.
            required = {Required: True, NotRequired: False}.get(get_origin(hint), required)
            fields[name] = Field(self._member(name, hint, notes), required)
        return forms.record(fields, dict)

    def _adapted(self, kind: Any) -> Form:
        return self._checked(kind, adapted_form)

    def _checked(self, kind: Any, describe: Callable[[Any, Definitions], Form]) -> Form:
        try:
            return describe(kind, self.definitions)
        except NoForm as reason:
            raise Unclear(f"{_name(kind)} has no JSON Schema ({reason})", _ANNOTATE) from reason


def _name(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else repr(kind)


def _to_annotate(name: str) -> str:
    if name in ("self", "cls"):
        return "make the tool of the bound method: tool(instance.method)"
    return f"annotate it: {name}: str"
