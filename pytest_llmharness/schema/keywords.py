"""The keywords that the jsonschema package reads differently from the Rust core.

Each function has the package's shape: (validator, keyword's value, instance, schema) -> errors.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from jsonschema.exceptions import ValidationError

from . import ecma
from .descent import Errors, Found, Keyword, below, expected_of, is_valid

_DECODERS: dict[str, Callable[[str], bytes]] = {
    "base64": lambda text: base64.b64decode(text, validate=True),
    "base32": base64.b32decode,
    "base32hex": base64.b32hexdecode,
    "base16": base64.b16decode,
}


def required(validator: Any, names: Any, instance: Any, _schema: Any) -> Errors:
    """Every named field is there."""
    if validator.is_type(instance, "object"):
        yield from (Found(name) for name in names if name not in instance)


def dependent_required(validator: Any, dependents: Any, instance: Any, _schema: Any) -> Errors:
    """A field that is there brings the fields that depend on it."""
    if validator.is_type(instance, "object"):
        for name, names in dependents.items():
            if name in instance:
                yield from (Found(each) for each in names if each not in instance)


def dependencies(validator: Any, dependents: Any, instance: Any, _schema: Any) -> Errors:
    """Fields or a schema that depend on a field."""
    if not validator.is_type(instance, "object"):
        return
    for name, dependent in dependents.items():
        if name in instance and isinstance(dependent, list):
            yield from (Found(each) for each in dependent if each not in instance)
        elif name in instance:
            yield from below(validator, instance, dependent, schema_path=name)


def pattern(validator: Any, expression: Any, instance: Any, _schema: Any) -> Errors:
    """A string holds what the pattern describes."""
    if validator.is_type(instance, "string") and not ecma.compiled(expression).search(instance):
        yield ValidationError("")


def pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Errors:
    """Fields whose names match a pattern satisfy its schema."""
    if validator.is_type(instance, "object"):
        for expression, subschema in patterns.items():
            for name in filter(ecma.compiled(expression).search, instance):
                yield from below(validator, instance[name], subschema, path=name, schema_path=expression)


def additional_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
    """Fields that no other keyword names satisfy the rule."""
    if not validator.is_type(instance, "object"):
        return
    known = schema.get("properties", {})
    patterns = [ecma.compiled(expression) for expression in schema.get("patternProperties", {})]
    extra = [
        name for name in instance if name not in known and not any(each.search(name) for each in patterns)
    ]
    if rule is False and extra:
        yield Found({"unexpected": extra, "known": sorted(known)})
    elif rule is not False:
        for name in extra:
            yield from below(validator, instance[name], rule, path=name)


def unevaluated_properties(original: Keyword) -> Keyword:
    """Say which fields the schema names beside the ones it does not evaluate."""

    def checked(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
        for _ in original(validator, rule, instance, schema) or ():
            yield Found({"unexpected": [], "known": sorted(schema.get("properties", {}))})

    return checked


def properties(validator: Any, rules: Any, instance: Any, _schema: Any) -> Errors:
    """Named fields satisfy their schemas."""
    if validator.is_type(instance, "object"):
        for name, rule in rules.items():
            if name in instance:
                yield from below(validator, instance[name], rule, path=name, schema_path=name)


def items(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
    """Items satisfy the rule: one each, or one for all that have none of their own."""
    if not validator.is_type(instance, "array"):
        return
    if isinstance(rule, list):
        for number, (item, own) in enumerate(zip(instance, rule, strict=False)):
            yield from below(validator, item, own, path=number, schema_path=number)
        return
    prefix = len(schema.get("prefixItems", ())) if "prefixItems" in validator.VALIDATORS else 0
    for number in range(prefix, len(instance)):
        yield from below(validator, instance[number], rule, path=number)


def additional_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
    """Items after those that have a schema of their own satisfy the rule (up to 2019-09)."""
    own = schema.get("items")
    if not validator.is_type(instance, "array") or not isinstance(own, list):
        return
    if rule is False and len(instance) > len(own):
        yield Found(len(own))
    elif rule is not False:
        for number in range(len(own), len(instance)):
            yield from below(validator, instance[number], rule, path=number)


def property_names(validator: Any, rule: Any, instance: Any, _schema: Any) -> Errors:
    """Field names satisfy the rule."""
    if not validator.is_type(instance, "object"):
        return
    for name in instance:
        for error in validator.descend(name, rule):
            if error.validator is None:
                yield Found(None)
                return
            asked = {"name": name, "keyword": str(error.validator), "expected": expected_of(error)}
            yield Found(asked, schema=error.schema)


def contains(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
    """Enough items satisfy the rule, and not too many."""
    if not validator.is_type(instance, "array"):
        return
    bounded = "$dynamicRef" in validator.VALIDATORS or "$recursiveRef" in validator.VALIDATORS
    least = schema.get("minContains", 1) if bounded else 1
    most = schema.get("maxContains", len(instance)) if bounded else len(instance)
    if not least <= sum(is_valid(validator, rule, item) for item in instance) <= most:
        yield Found({"min": least, "max": schema.get("maxContains") if bounded else None})


def lower_limit(validator: Any, limit: Any, instance: Any, schema: Any) -> Errors:
    """A number is not below the limit, nor at it where draft 4 says so."""
    if validator.is_type(instance, "number"):
        if schema.get("exclusiveMinimum") is True and instance <= limit:
            yield Found(limit, validator="exclusiveMinimum")
        elif instance < limit:
            yield Found(limit)


def upper_limit(validator: Any, limit: Any, instance: Any, schema: Any) -> Errors:
    """A number is not above the limit, nor at it where draft 4 says so."""
    if validator.is_type(instance, "number"):
        if schema.get("exclusiveMaximum") is True and instance >= limit:
            yield Found(limit, validator="exclusiveMaximum")
        elif instance > limit:
            yield Found(limit)


def multiple_of(validator: Any, divisor: Any, instance: Any, _schema: Any) -> Errors:
    """A number is a multiple in decimal, so that 0.3 is one of 0.1."""
    if validator.is_type(instance, "number") and Fraction(repr(instance)) % Fraction(repr(divisor)):
        yield ValidationError("")


def content_encoding(validator: Any, encoding: Any, instance: Any, _schema: Any) -> Errors:
    """A string is encoded as it should be (asserted in drafts 6 and 7)."""
    if validator.format_checker is not None and validator.is_type(instance, "string"):
        try:
            _DECODERS.get(encoding, str.encode)(instance)
        except (ValueError, binascii.Error):
            yield ValidationError("")


def content_media_type(validator: Any, media_type: Any, instance: Any, schema: Any) -> Errors:
    """A string holds JSON where it should (asserted in drafts 6 and 7)."""
    if (
        validator.format_checker is None
        or not validator.is_type(instance, "string")
        or media_type != "application/json"
    ):
        return
    try:
        content = _DECODERS.get(schema.get("contentEncoding"), str.encode)(instance)
    except (ValueError, binascii.Error):
        return
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        yield ValidationError("")
