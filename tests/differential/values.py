"""Values near a schema, from a seed: mostly valid ones, with a fault here and there."""

from __future__ import annotations

import json
import random
from typing import Any

from . import material
from .schemas import SchemaSource

KINDS = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems"),
    "object": ("properties", "required", "patternProperties", "additionalProperties", "propertyNames",
               "minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "dependencies"),
}  # fmt: skip


class ValueSource:
    """Makes values that lie near one schema."""

    def __init__(self, random: random.Random, schema: Any, source: SchemaSource) -> None:
        self.random = random
        self.root = schema
        self.source = source

    def value(self) -> Any:
        """Return a value that may well be valid, or barely is not."""
        value = self.near(self.root, 4)
        if self.random.random() < 0.4:
            value = self._damaged(value)
        return value

    def near(self, schema: Any, depth: int) -> Any:
        """Return a value that follows some of the schema's keywords."""
        if not isinstance(schema, dict) or depth < 0 or self.random.random() < 0.05:
            return self.source.value(1)
        reference = schema.get("$ref")
        if isinstance(reference, str) and self.random.random() < 0.8:
            return self.near(self._target(reference), depth - 1)
        chosen = [
            key for key in ("enum", "const", "allOf", "anyOf", "oneOf", "then", "else", "if") if key in schema
        ]
        if chosen and self.random.random() < 0.6:
            key = self.random.choice(chosen)
            if key == "const":
                return schema[key]
            if key == "enum":
                return self.random.choice(schema[key])
            return self.near(
                schema[key]
                if isinstance(schema[key], dict)
                else self.random.choice(schema[key] or [{}])
                if isinstance(schema[key], list)
                else {},
                depth - 1,
            )
        return self._of_kind(self._kind(schema), schema, depth)

    def _target(self, reference: str) -> Any:
        target = self.root
        reference = reference.removeprefix("http://localhost/").removeprefix("root")
        for part in reference.lstrip("#").split("/")[1:]:
            target = target[part.replace("~1", "/").replace("~0", "~")]
        return target

    def _kind(self, schema: dict[str, Any]) -> str:
        types = schema.get("type")
        if types and self.random.random() < 0.9:
            return types if isinstance(types, str) else self.random.choice(types)
        hinted = [kind for kind, keywords in KINDS.items() if any(keyword in schema for keyword in keywords)]
        if hinted and self.random.random() < 0.9:
            return self.random.choice(hinted)
        return self.random.choice(["null", "boolean", "integer", *KINDS])

    def _of_kind(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        if kind == "null":
            return None
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "string":
            return self._string(schema)
        if kind in ("number", "integer"):
            return self._number(schema, kind)
        return self._array(schema, depth) if kind == "array" else self._object(schema, depth)

    def _string(self, schema: dict[str, Any]) -> str:
        telling = material.PATTERNS.get(schema.get("pattern", "-"), []) + material.FORMATS.get(
            schema.get("format", "-"), []
        )
        if telling and self.random.random() < 0.8:
            return self.random.choice(telling)
        return self.random.choice(material.STRINGS)

    def _number(self, schema: dict[str, Any], kind: str) -> Any:
        limits = [schema[key] for key in KINDS["number"] if not isinstance(schema.get(key, True), bool)]
        if not limits or self.random.random() < 0.2:
            number = self.source.number()
        else:
            limit = self.random.choice(limits)
            number = limit + self.random.choice([0, 0, 1, -1, limit]) if abs(limit) < 1e300 else limit
            if not -1.7e308 < number < 1.7e308:
                number = limit
        return (
            int(number) if kind == "integer" and abs(number) < 1e30 and self.random.random() < 0.8 else number
        )

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        items = schema.get("items", {})
        prefix = schema.get("prefixItems", items if isinstance(items, list) else [])
        rest = schema.get("additionalItems", {}) if isinstance(items, list) else items
        rest = self.random.choice([rest, schema.get("contains", rest)])
        made = [self.near(each, depth - 1) for each in prefix[: self.random.choice([3, 3, 2, 1, 0])]]
        made += [self.near(rest, depth - 1) for _ in range(self.random.choice([0, 0, 1, 2, 3]))]
        if made and self.random.random() < 0.2:
            made.append(self.random.choice(made))
        return made

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        properties = schema.get("properties", {})
        for name in [*properties, *(schema.get("required") or [])]:
            if self.random.random() < 0.8:
                made[name] = self.near(properties.get(name, {}), depth - 1)
        for pattern, each in schema.get("patternProperties", {}).items():
            if self.random.random() < 0.5:
                made[self.random.choice(material.PATTERNS[pattern])] = self.near(each, depth - 1)
        for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
            for name, dependent in schema.get(keyword, {}).items():
                if self.random.random() < 0.5:
                    made.setdefault(name, 1)
                    made.update(dict.fromkeys(dependent, 2) if isinstance(dependent, list) else {})
        for _ in range(self.random.choice([0, 0, 1, 2])):
            made[self.random.choice(material.NAMES)] = self.near(
                schema.get("additionalProperties", {}), depth - 1
            )
        return made

    def _damaged(self, value: Any) -> Any:
        """Exchange, drop or repeat one part."""
        if isinstance(value, (list, dict)) and value and self.random.random() < 0.8:
            place = self.random.choice(list(value) if isinstance(value, dict) else range(len(value)))
            change = self.random.random()
            if change < 0.3:
                return (
                    {k: v for k, v in value.items() if k != place}
                    if isinstance(value, dict)
                    else value[:place] + value[place + 1 :]
                )
            if change < 0.4 and isinstance(value, list):
                return [*value, value[place]]
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[place] = self._damaged(value[place])  # type: ignore[index, call-overload]
            return copy
        return self.source.value(1)


def spelled(random: random.Random, value: Any) -> str:
    """Return one of the many JSON texts of a value."""
    if random.random() < 0.5:
        return json.dumps(value, ensure_ascii=random.random() < 0.5)
    return _spelled(random, value)


def _spelled(random: random.Random, value: Any) -> str:
    space = random.choice(["", "", "", " ", "\n\t", "  \r\n"])
    if isinstance(value, dict):
        members = [f"{_string(random, name)}{space}:{_spelled(random, each)}" for name, each in value.items()]
        return space + "{" + space + f"{space},".join(members) + "}" + space
    if isinstance(value, list):
        return space + "[" + f",{space}".join(_spelled(random, each) for each in value) + space + "]"
    if isinstance(value, str):
        return _string(random, value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value) + space
    return _number(random, value) + space


def _string(random: random.Random, text: str) -> str:
    return '"' + "".join(_letter(random, letter) for letter in text) + '"'


def _letter(random: random.Random, letter: str) -> str:
    if random.random() < 0.2:
        units = letter.encode("utf-16-be")
        pairs = [f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2)]
        return "".join(pairs)
    return json.dumps(letter, ensure_ascii=False)[1:-1]


def _number(random: random.Random, number: float) -> str:
    plain = json.dumps(number)
    if isinstance(number, int) and abs(number) < 2**53:
        tens = f"{plain}0E-1" if number else "0E-1"
        return random.choice([plain, plain, f"{plain}.0", f"{plain}e0", tens, f"{plain}.00e+00"])
    if "e" not in plain and isinstance(number, float):
        return random.choice([plain, f"{plain}0", f"{plain}e0"])
    return plain
