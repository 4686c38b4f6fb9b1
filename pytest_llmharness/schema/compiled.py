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

Formats: TypeAlias = bool | Mapping[str, Callable[[str], object]]

DRAFTS = ("4", "6", "7", "2019-09", "2020-12")

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PATTERN_FIX = r"write the pattern as ECMA-262 does; the Python engine does not know \p{...}"

# The engines in the order in which they are tried; tests take one away to force the other.
engines = ["rust", "python"]


class Engine(Protocol):
    """What compiles a schema and checks texts against it."""

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
        engine: "rust"; "rust+fallback" where a keyword of the schema is left to the `jsonschema`
            crate inside the core; "python" where the core is missing or cannot do what is asked.

    Raises:
        InvalidSchema: the schema is none, or refers to what is not there.
        ConfigError: `draft` is none of the drafts.
        MissingExtra: `schema` is a Python type and pydantic is not installed.
    """

    __slots__ = (
        "__weakref__",
        "_accepts_value",
        "_check",
        "_draft",
        "_formats",
        "_registry",
        "_stream",
        "_text",
        "accepts",
        "engine",
    )

    accepts: Callable[[str | bytes], bool]
    engine: str
    _accepts_value: Callable[[object], bool | None]
    _check: Callable[[str | bytes], Findings | list[Finding]]
    _stream: Callable[[], Machine]
    _text: str
    _draft: str | None
    _formats: Formats
    _registry: Sequence[tuple[str, str]]

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
        text = source.text_of(schema)
        documents = [(uri, source.text_of(document)) for uri, document in (registry or {}).items()]
        self._compile(text, draft, dict(formats) if isinstance(formats, Mapping) else formats, documents)

    def _compile(
        self, text: str, draft: str | None, formats: Formats, registry: list[tuple[str, str]]
    ) -> None:
        try:
            name, engine = _engine(text, draft, formats, registry)
        except ValueError as error:
            raise _refusal(text, registry, *error.args) from None
        facts = {
            "accepts": engine.accepts,
            "engine": name,
            "_check": engine.check,
            "_accepts_value": engine.accepts_value,
            "_stream": engine.stream,
            "_text": text,
            "_draft": draft,
            "_formats": formats,
            "_registry": registry,
        }
        for slot, value in facts.items():
            object.__setattr__(self, slot, value)

    @property
    def source(self) -> dict[str, Any] | bool:
        """The schema as a fresh dict, or a bool."""
        found: dict[str, Any] | bool = json.loads(self._text)
        return found

    def check(self, text: str | bytes) -> Verdict:
        """Return the verdict on JSON text, with everything that is wrong with it."""
        return Verdict(text, self._check(text))

    def stream(self) -> SchemaStream:
        """Return a fresh check of a text that arrives in chunks."""
        return SchemaStream(self._stream())

    def accepts_value(self, value: Any) -> bool:
        """Whether a Python object, as JSON, satisfies the schema."""
        verdict = self._accepts_value(value)
        if verdict is None:
            return source.first_inexpressible(value) is None and self.accepts(json.dumps(value))
        return verdict

    def check_value(self, value: Any) -> Verdict:
        """Return the verdict on a Python object; what JSON cannot express is a violation."""
        text = source.json_of(value)
        found = source.first_inexpressible(value) if text is None else None
        if found is None:
            text = json.dumps(value) if text is None else text
            return Verdict(text, self._check(text), value)
        pointer, what, why = found
        line = hint.of_inexpressible(pointer, what, why)
        return Verdict("", [], value, (Violation(pointer, "", "json", "a JSON value", what, line),))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Schema cannot be changed (tried to set {name!r})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Schema cannot be changed (tried to delete {name!r})")

    def __getstate__(self) -> tuple[Any, ...]:
        return self._text, self._draft, self._formats, self._registry

    def __setstate__(self, recipe: tuple[Any, ...]) -> None:
        self._compile(*recipe)

    def __repr__(self) -> str:
        return f"Schema({hint.clipped(self._text, 60)}, engine={self.engine!r})"


def _engine(
    text: str, draft: str | None, formats: Formats, registry: list[tuple[str, str]]
) -> tuple[str, Engine]:
    """Compile with the first engine that is there and can do what is asked."""
    if "rust" in engines and isinstance(formats, bool):
        try:
            from .._native._core import Schema as RustEngine
        except ImportError:
            pass
        else:
            engine = RustEngine(text, draft, formats, registry)
            return "rust" if engine.is_own else "rust+fallback", engine
    from .fallback import PythonEngine

    try:
        return "python", PythonEngine(text, draft, formats, registry)
    except RecursionError:
        raise ValueError("deep", "", None) from None
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError("other", f"the jsonschema package failed with {error!r}", None) from error


def _refusal(
    text: str, registry: Sequence[tuple[str, str]], kind: str, detail: str, finding: Finding | None
) -> InvalidSchema:
    """Turn an engine's refusal into the error that says how to mend the schema."""
    if kind == "invalid" and finding is not None:
        return _broken(json.loads(text), finding)
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
