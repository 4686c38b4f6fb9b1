"""The documents of a schema for the fallback engine: their drafts, places and references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema
import referencing.exceptions
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry, Specification
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from . import ecma
from .hint import escaped

DRAFTS: dict[str, tuple[Any, Specification[Any]]] = {
    "4": (jsonschema.Draft4Validator, DRAFT4),
    "6": (jsonschema.Draft6Validator, DRAFT6),
    "7": (jsonschema.Draft7Validator, DRAFT7),
    "2019-09": (jsonschema.Draft201909Validator, DRAFT201909),
    "2020-12": (jsonschema.Draft202012Validator, DRAFT202012),
}
_DIALECTS = {
    "json-schema.org/draft-04/schema": "4",
    "json-schema.org/draft-06/schema": "6",
    "json-schema.org/draft-07/schema": "7",
    "json-schema.org/draft/2019-09/schema": "2019-09",
    "json-schema.org/draft/2020-12/schema": "2020-12",
    "json-schema.org/schema": "2020-12",
}
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DEFINITIONS = ("$defs", "definitions")
# Up to draft 7 a `$ref` hides what stands beside it.
_REF_ALONE = ("4", "6", "7")


@dataclass(frozen=True, slots=True)
class _Step:
    """A schema to look through, and what is in force where it was met."""

    schema: Any
    draft: str
    resolver: Any
    used: bool


def declared_draft(root: Any, others: Mapping[str, Any]) -> str:
    """Return the draft a document says it is written in, directly or through its metaschemas.

    Raises:
        ValueError: ("dialect", uri, None) where it says something that is not known.
    """
    document = root
    for _ in range(len(others) + 1):
        uri = document.get("$schema") if isinstance(document, dict) else None
        if not isinstance(uri, str):
            return "2020-12"
        if _bare(uri) in _DIALECTS:
            return _DIALECTS[_bare(uri)]
        if uri.rstrip("#") not in others:
            raise ValueError("dialect", uri, None)
        document = others[uri.rstrip("#")]
    raise ValueError("dialect", "a circle of $schema", None)


def registry_of(others: Mapping[str, Any], draft: str) -> Registry[Any]:
    """Return the documents by URI, beside the metaschemas."""
    resources = (
        (uri, DRAFTS[_draft_of(document, draft)][1].create_resource(document))
        for uri, document in others.items()
    )
    known: Registry[Any] = REGISTRY.with_resources(resources).crawl()
    return known


def forget_dialect(documents: Iterable[Any], draft: str) -> None:
    """Remove `$schema` where it names the draft in force.

    The jsonschema package would take it as an order to leave our reading of the keywords.
    """
    open_ = list(documents)
    while open_:
        value = open_.pop()
        if isinstance(value, dict):
            if _draft_of(value, "") == draft:
                del value["$schema"]
            open_.extend(member for name, member in value.items() if name not in ("const", "enum"))
        elif isinstance(value, list):
            open_.extend(value)


def places_of(documents: Iterable[Any]) -> dict[int, str]:
    """Return where each schema object stands in its document, by identity."""
    places: dict[int, str] = {}
    open_: list[tuple[str, Any]] = [("", document) for document in documents]
    while open_:
        place, value = open_.pop()
        if isinstance(value, dict):
            places[id(value)] = place
            open_.extend((f"{place}{pointer([key])}", member) for key, member in value.items())
        elif isinstance(value, list):
            open_.extend((f"{place}/{number}", item) for number, item in enumerate(value))
    return places


def check(
    root: Any, others: Mapping[str, Any], draft: str, known: Registry[Any], places: Mapping[int, str]
) -> bool:
    """Follow every reference; return whether one depends on where it is reached from.

    Raises:
        ValueError: ("reference", it, None) for one that leads nowhere; ("invalid", "", finding)
            for a pattern that is none.
    """
    specification = DRAFTS[draft][1]
    start = known.resolver_with_root(specification.create_resource(root))
    # What is used comes last, so that it is met first.
    open_ = [
        _Step(document, _draft_of(document, draft), known.resolver(uri), False)
        for uri, document in others.items()
    ]
    open_.append(_Step(root, draft, start, True))
    seen: set[int] = set()
    dynamic = False
    while open_:
        step = open_.pop()
        if not isinstance(step.schema, dict) or id(step.schema) in seen:
            continue
        seen.add(id(step.schema))
        _check_patterns(step.schema, places.get(id(step.schema), ""))
        dynamic = dynamic or any(keyword in step.schema for keyword in _REFERENCES[1:])
        open_.extend(_targets(step))
        for inner in _subschemas(step):
            open_.insert(len(open_) if inner.used else 0, inner)
    return dynamic


def pointer(parts: Iterable[Any]) -> str:
    """Return the RFC 6901 pointer of some parts."""
    return "".join(f"/{escaped(part)}" for part in parts)


def _targets(step: _Step) -> list[_Step]:
    """Resolve the references of a schema. What is not used may point to parts cut out."""
    references = [step.schema.get(keyword) for keyword in _REFERENCES]
    found = []
    for reference in references:
        if not isinstance(reference, str) or (reference.startswith("#") and not step.used):
            continue
        try:
            target = step.resolver.lookup(reference)
        except (referencing.exceptions.Unresolvable, ValueError, TypeError, AttributeError, LookupError):
            # The package also stumbles over targets that are no schemas, each in its own way.
            raise ValueError("reference", reference, None) from None
        draft = _draft_of(target.contents, step.draft)
        found.append(_Step(target.contents, draft, target.resolver, step.used))
    return found


def _subschemas(step: _Step) -> list[_Step]:
    """The schemas inside a schema; definitions count as not used until something refers to them."""
    if "$ref" in step.schema and step.draft in _REF_ALONE:
        return []
    found = []
    for defined in (False, True):
        part = {name: value for name, value in step.schema.items() if (name in _DEFINITIONS) == defined}
        for sub in DRAFTS[step.draft][1].subresources_of(part):
            if not isinstance(sub, dict):
                continue
            draft = _draft_of(sub, step.draft)
            resolver = step.resolver.in_subresource(DRAFTS[draft][1].create_resource(sub))
            found.append(_Step(sub, draft, resolver, step.used and not defined))
    return found


def _check_patterns(schema: dict[str, Any], place: str) -> None:
    patterns = {"/pattern": schema["pattern"]} if isinstance(schema.get("pattern"), str) else {}
    if isinstance(schema.get("patternProperties"), dict):
        patterns |= {pointer(["patternProperties", name]): name for name in schema["patternProperties"]}
    for keyword, pattern in patterns.items():
        try:
            ecma.compiled(pattern)
        except re.error:
            at = f"{place}{keyword}"
            raise ValueError("invalid", "", (at, at, "format", '"regex"', [], None)) from None


def _draft_of(document: Any, default: str) -> str:
    """The draft of an embedded document: its own where it names a known one."""
    uri = document.get("$schema") if isinstance(document, dict) else None
    return _DIALECTS.get(_bare(uri), default) if isinstance(uri, str) else default


def _bare(uri: str) -> str:
    return uri.rstrip("#").split("://")[-1]
