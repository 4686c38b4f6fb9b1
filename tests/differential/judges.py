"""Four engines under one face: schema in, then for each text a verdict and the places of faults.

A place is (pointer, keyword) as the core spells it. The packages report some faults elsewhere or under
another name; what is only a matter of naming is translated here, what is a defect is in `defects`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import jsonschema
import jsonschema_rs

from pytest_llmharness._native._core import Schema as RustEngine
from pytest_llmharness.schema.fallback import PythonEngine

from . import defects
from .schemas import DRAFTS

Place = tuple[str, str]


@dataclass(frozen=True)
class Outcome:
    """What an engine says of one text."""

    valid: bool
    places: frozenset[Place]


class Judge(Protocol):
    """An engine with a schema."""

    def judge(self, text: str) -> Outcome: ...


class Own:
    """One of our two engines."""

    def __init__(self, engine: RustEngine | PythonEngine) -> None:
        self.engine = engine

    def judge(self, text: str) -> Outcome:
        found = self.engine.check(text)
        valid = self.engine.accepts(text)
        assert valid is (len(found) == 0), "the verdict and the list of faults disagree"
        return Outcome(valid, frozenset((pointer, keyword) for pointer, _, keyword, *_ in found))


class Package:
    """The jsonschema package."""

    def __init__(self, schema: Any, draft: str, *, mended: bool = True) -> None:
        kind = jsonschema.validators.validator_for({"$schema": DRAFTS[draft]})
        if mended:
            kind, schema = defects.mended_class(kind), defects.mended_schema(schema, "package")
        self._validator = kind(schema)

    def judge(self, text: str) -> Outcome:
        errors = list(self._validator.iter_errors(json.loads(text)))
        places = frozenset(place for error in errors for place in _places(error))
        return Outcome(not errors, places)


def _places(error: jsonschema.ValidationError) -> Iterator[Place]:
    pointer = _pointer(error.absolute_path)
    keyword = "false" if error.validator is None else str(error.validator)
    schema = error.schema
    if "propertyNames" in error.absolute_schema_path:
        yield pointer, "propertyNames"
    elif keyword == "items" and error.validator_value is False:
        first = len(schema.get("prefixItems", ()))
        yield from ((f"{pointer}/{number}", "false") for number in range(first, len(error.instance)))
    elif keyword in ("minContains", "maxContains"):
        yield pointer, "contains"
    elif keyword in ("minimum", "maximum") and schema.get(f"exclusive{keyword.capitalize()}") is True:
        yield pointer, f"exclusive{keyword.capitalize()}"
    else:
        yield pointer, keyword


class Crate:
    """The jsonschema_rs package."""

    def __init__(self, schema: Any, draft: str, *, mended: bool = True) -> None:
        schema = defects.mended_schema(schema, "crate") if mended else schema
        kind = getattr(jsonschema_rs, f"Draft{draft.replace('-', '')}Validator")
        self._validator = kind(schema, validate_formats=True)

    def judge(self, text: str) -> Outcome:
        value = json.loads(text)
        errors = list(self._validator.iter_errors(value))
        valid = self._validator.is_valid(value)
        assert valid is not bool(errors), "jsonschema_rs: is_valid and iter_errors disagree"
        return Outcome(valid, frozenset((_pointer(error.instance_path), _keyword(error)) for error in errors))


def _keyword(error: jsonschema_rs.ValidationError) -> str:
    path = [str(part) for part in error.schema_path]
    last = path[-1] if path else ""
    name = str(error.kind.name)
    if "propertyNames" in path:
        return "propertyNames"
    if name == "falseSchema":
        return last if last == "additionalProperties" else "false"
    if name == "required" and last in ("dependentRequired", "dependencies"):
        return last
    return {"constant": "const", "oneOfNotValid": "oneOf", "oneOfMultipleValid": "oneOf"}.get(name, name)


def _pointer(path: Any) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
