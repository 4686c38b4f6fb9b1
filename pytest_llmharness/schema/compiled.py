"""A schema, compiled once: the public door to both engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..errors import ConfigError, InvalidSchema
from . import hint, phrase, source
from .stream import Machine, SchemaStream
from .verdict import Verdict, Violation

if TYPE_CHECKING:
    from .._native._core import Findings
    from .._native._core import _Finding as Finding
    from .fallback import PythonEngine
    from .typed import Typed

Formats: TypeAlias = bool | Mapping[str, Callable[[str], object]]

DRAFTS = ("4", "6", "7", "2019-09", "2020-12")

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PATTERN_FIX = r"write the pattern as ECMA-262 does; the Python engine does not know \p{...}"

# The engines in the order in which they are tried; tests take one away to force the other.
engines = ["rust", "python"]


class Engine(Protocol):
    """What compiles a schema and checks texts against it."""

    @property
    def text(self) -> str:
        """The schema as JSON text."""
        ...

    @property
    def accepts(self) -> Callable[[str | bytes], bool]:
        """Whether a text is JSON that satisfies the schema."""
        ...

    def accepts_value(self, value: object, /) -> bool | None:
        """Whether a Python value satisfies the schema; None where it takes a slower look."""
        ...

    def stream(self) -> Machine:
        """A fresh check of a text that arrives in chunks."""
        ...

    def check(self, text: str | bytes, /) -> Findings | list[Finding]:
        """Everything that is wrong with the text, in its order."""
        ...


class Schema:
    """A JSON Schema, compiled once; immutable, safe in threads, picklable.

    Args:
        schema: a dict or bool, JSON text (str or bytes), a Pydantic model class, or a Python type
            that Pydantic can describe.
        draft: "4", "6", "7", "2019-09" or "2020-12"; None reads `$schema` and takes 2020-12
            where there is none.
        registry: the documents that references may lead to, by URI. A document without
            `$schema` takes the draft of `schema`. Metaschemas are built in; nothing is ever
            fetched.
        formats: whether `format` is asserted; a dict of functions (string -> truth; ValueError
            means no) adds formats of your own, on the slower Python engine. An unknown format
            is an annotation.

    Attributes:
        accepts: (text: str | bytes) -> bool: whether the text is JSON that satisfies the schema.
            With the core it is the native method itself and makes no Python objects.
        typed: builds the values of the Python type that the schema was made of, with its validators;
            None where there was none. The checks here know the JSON Schema alone.
        engine: "rust"; "rust+fallback" where a keyword of the schema is left to the `jsonschema`
            crate inside the core; "python" where the core is missing or cannot do what is asked.

    Raises:
        InvalidSchema: the schema is none, or refers to what is not there.
        ConfigError: `draft` is none of the drafts.
        MissingExtra: `schema` is a Python type and pydantic is not installed.
    """

    __slots__ = ("__weakref__", "_core", "_recipe", "accepts", "engine", "typed")

    accepts: Callable[[str | bytes], bool]
    engine: str
    typed: Typed | None
    _core: Engine
    # Draft, formats, registry and type: with the text, what a copy is compiled from.
    _recipe: tuple[str | None, Formats, list[tuple[str, str]], Typed | None]

    def __init__(
        self,
        schema: Any,
        *,
        draft: str | None = None,
        registry: Mapping[str, Any] | None = None,
        formats: Formats = True,
    ) -> None:
        if draft is not None and draft not in DRAFTS:
            raise ConfigError(
                f"{draft!r} is no draft of JSON Schema",
                where="Schema(draft=...)",
                fix=f"use one of {', '.join(DRAFTS)}",
            )
        documents = (
            [(uri, source.text_of(document)) for uri, document in registry.items()] if registry else []
        )
        is_json = isinstance(schema, (dict, str, bytes, bool, Mapping))
        typed = None if is_json else _typed(schema)
        self._compile(
            schema, draft, formats if isinstance(formats, bool) else dict(formats), documents, typed
        )

    def _compile(
        self,
        schema: Any,
        draft: str | None,
        formats: Formats,
        registry: list[tuple[str, str]],
        typed: Typed | None,
    ) -> None:
        try:
            name, engine = _engine(schema, draft, formats, registry)
        except ValueError as error:
            raise _refusal(source.text_of(schema), registry, *error.args) from None
        _put_accepts(self, engine.accepts)
        _put_engine(self, name)
        _put_core(self, engine)
        _put_typed(self, typed)
        _put_recipe(self, (draft, formats, registry, typed))

    @property
    def source(self) -> dict[str, Any] | bool:
        """The schema as a fresh dict, or a bool."""
        found: dict[str, Any] | bool = json.loads(self._core.text)
        return found

    def check(self, text: str | bytes) -> Verdict:
        """Return the verdict on JSON text, with everything that is wrong with it."""
        return Verdict(text, self._core.check(text))

    def stream(self) -> SchemaStream:
        """Return a fresh check of a text that arrives in chunks."""
        return SchemaStream(self._core.stream())

    def accepts_value(self, value: Any) -> bool:
        """Whether a Python object, as JSON, satisfies the schema."""
        verdict = self._core.accepts_value(value)
        if verdict is None:
            return source.first_inexpressible(value) is None and self.accepts(json.dumps(value))
        return verdict

    def check_value(self, value: Any) -> Verdict:
        """Return the verdict on a Python object; what JSON cannot express is a violation."""
        text = source.json_of(value)
        found = source.first_inexpressible(value) if text is None else None
        if found is None:
            text = json.dumps(value) if text is None else text
            return Verdict(text, self._core.check(text), value)
        pointer, what, why = found
        line = hint.of_inexpressible(pointer, what, why)
        return Verdict("", [], value, (Violation(pointer, "", "json", "a JSON value", what, line),))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Schema cannot be changed (tried to set {name!r})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Schema cannot be changed (tried to delete {name!r})")

    def __getstate__(self) -> tuple[Any, ...]:
        return self._core.text, *self._recipe

    def __setstate__(self, recipe: tuple[Any, ...]) -> None:
        self._compile(*recipe)

    def __repr__(self) -> str:
        return f"Schema({hint.clipped(self._core.text, 60)}, engine={self.engine!r})"


# A schema cannot be changed, so its own slots are filled past its `__setattr__`.
_put_accepts = Schema.__dict__["accepts"].__set__
_put_engine = Schema.__dict__["engine"].__set__
_put_core = Schema.__dict__["_core"].__set__
_put_typed = Schema.__dict__["typed"].__set__
_put_recipe = Schema.__dict__["_recipe"].__set__


def _typed(kind: Any) -> Typed:
    from .typed import Typed

    return Typed(kind)


def _engine(
    schema: Any, draft: str | None, formats: Formats, registry: list[tuple[str, str]]
) -> tuple[str, Engine]:
    """Compile with the first engine that is there and can do what is asked."""
    if "rust" in engines and isinstance(formats, bool):
        core = source.core()
        if core is not None:
            try:
                engine = core.Schema(schema, draft, formats, registry)
            except TypeError:
                engine = core.Schema(source.text_of(schema), draft, formats, registry)
            return "rust" if engine.is_own else "rust+fallback", engine
    fallback = _python_engine()
    text = source.text_of(schema)
    try:
        return "python", fallback(text, draft, formats, registry)
    except RecursionError:
        raise ValueError("deep", "", None) from None
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError("other", f"the jsonschema package failed with {error!r}", None) from error


def _python_engine() -> type[PythonEngine]:
    try:
        from .fallback import PythonEngine
    except ImportError as error:
        # Sub-interpreters refuse the core, and what the jsonschema package stands on.
        raise ConfigError(
            f"this interpreter can load neither the core nor the jsonschema package: {error}",
            where="Schema(schema)",
            fix="compile schemas in the main interpreter of the process",
        ) from error
    return PythonEngine


def _refusal(
    text: str, registry: Sequence[tuple[str, str]], kind: str, detail: str, finding: Finding | None
) -> InvalidSchema:
    """Turn an engine's refusal into the error that says how to mend the schema."""
    if kind == "invalid" and finding is not None:
        return _broken(json.loads(text), finding)
    if kind == "json":
        source.checked_text(dict(registry)[detail] if detail else text)
    if kind == "reference":
        documents = [("schema", text), *((f"registry[{uri!r}]", document) for uri, document in registry)]
        places = ((name, _place_of(json.loads(document), detail)) for name, document in documents)
        where = next((f"{name} at {place}" for name, place in places if place), "schema")
        return InvalidSchema(
            f"the schema refers to {detail!r}, which is not there",
            where=where,
            fix='add what it refers to, under "$defs" or as Schema(..., registry={uri: schema})',
        )
    if kind == "dialect":
        return InvalidSchema(
            f"the $schema {detail!r} is no known dialect",
            where="schema at /$schema",
            fix=f"remove $schema, pass draft= ({', '.join(DRAFTS)}), or add the metaschema to registry=",
        )
    if kind == "deep":
        what = "the references of the schema lead on for too long"
        return InvalidSchema(what, where="schema", fix="refer to schemas more directly")
    return InvalidSchema(
        f"the schema cannot be compiled: {detail}", where="schema", fix="mend the part that is named"
    )


def _broken(schema: Any, finding: Finding) -> InvalidSchema:
    """The error for a schema that breaks the rules of its dialect."""
    pointer, asked = finding[0], json.loads(finding[3])
    where = f"schema at {pointer or 'its root'}"
    if finding[2] == "format" and asked == "regex":
        value = hint.at(schema, pointer)
        what = (
            f"{hint.parts_of(pointer)[-1] if isinstance(value, dict) else value!r} is no regular expression"
        )
        return InvalidSchema(what, where=where, fix=_PATTERN_FIX)
    *_, got, line, _ = hint.explained(schema, finding)
    what = f"{got} is not allowed at {pointer or 'the root'} of a JSON Schema"
    return InvalidSchema(what, where=where, fix=line.replace(phrase.WHOLE, "the schema"))


def _place_of(value: Any, reference: str, pointer: str = "") -> str:
    """Where a document holds a reference, as a pointer; "" where it is not seen."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        place = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if str(key) in _REFERENCES and isinstance(member, str) and member.rstrip("#").endswith(reference):
            return place
        found = _place_of(member, reference, place)
        if found:
            return found
    return ""
