"""Which of the package's keywords are read in our way, draft by draft."""

from __future__ import annotations

from . import descent, keywords
from .descent import Keyword


def reading_of(known: dict[str, Keyword]) -> dict[str, Keyword]:
    """Return our reading of the keywords that a draft knows."""
    ours: dict[str, Keyword] = {
        "additionalItems": keywords.additional_items,
        "additionalProperties": keywords.additional_properties,
        "anyOf": descent.any_of,
        "contains": keywords.contains,
        "dependencies": keywords.dependencies,
        "dependentRequired": keywords.dependent_required,
        "items": keywords.items,
        "maximum": keywords.upper_limit,
        "minimum": keywords.lower_limit,
        "multipleOf": keywords.multiple_of,
        "oneOf": descent.one_of,
        "pattern": keywords.pattern,
        "patternProperties": keywords.pattern_properties,
        "prefixItems": keywords.items,
        "properties": keywords.properties,
        "propertyNames": keywords.property_names,
        "required": keywords.required,
    }
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        if name in known:
            ours[name] = descent.refer(known[name])
    if "unevaluatedProperties" in known:
        ours["unevaluatedProperties"] = keywords.unevaluated_properties(known["unevaluatedProperties"])
    # `dependencies` is kept in the newer drafts, for schemas that still use it.
    ours = {name: keyword for name, keyword in ours.items() if name in known or name == "dependencies"}
    if "propertyNames" in known and "unevaluatedProperties" not in known:
        ours |= {
            "contentEncoding": keywords.content_encoding,
            "contentMediaType": keywords.content_media_type,
        }
    return ours
