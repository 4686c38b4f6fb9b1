"""Schemas from a seed: every keyword of a draft, references and recursion among them."""

from __future__ import annotations

import random
from typing import Any

from . import material

DRAFTS = {
    "4": "http://json-schema.org/draft-04/schema#",
    "6": "http://json-schema.org/draft-06/schema#",
    "7": "http://json-schema.org/draft-07/schema#",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
# Drafts that know the keyword: from the first on, up to the second.
SINCE = {
    "const": ("6", None), "contains": ("6", None), "propertyNames": ("6", None), "if": ("7", None),
    "minContains": ("2019-09", None), "dependentRequired": ("2019-09", None), "dependentSchemas": ("2019-09", None),
    "unevaluatedItems": ("2019-09", None), "unevaluatedProperties": ("2019-09", None), "prefixItems": ("2020-12", None),
    "dependencies": ("4", "7"), "additionalItems": ("4", "2019-09"), "exclusive": ("6", None),
}  # fmt: skip
PLAIN = [
    "type", "type", "type", "enum", "const", "bounds", "bounds", "exclusive", "multipleOf", "lengths", "pattern",
    "format", "itemCounts", "uniqueItems", "propertyCounts", "required", "required", "dependentRequired", "annotation",
]  # fmt: skip
NESTED = [
    "properties", "properties", "properties", "patternProperties", "additionalProperties", "propertyNames", "items",
    "items", "prefixItems", "additionalItems", "contains", "minContains", "anyOf", "oneOf", "allOf", "not", "if",
    "dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties", "$ref", "$ref",
]  # fmt: skip
DEFINED = ["one", "two", "a/b~c"]


class SchemaSource:
    """Makes schemas of one draft; the same seed makes the same schemas."""

    def __init__(self, random: random.Random, draft: str) -> None:
        self.random = random
        self.draft = draft
        self._keywords = [name for name in PLAIN + NESTED if self.knows(name)]
        self._plain = [name for name in PLAIN if self.knows(name)]

    def knows(self, keyword: str) -> bool:
        """Whether the draft knows the keyword."""
        order = list(DRAFTS)
        first, last = SINCE.get(keyword, ("4", None))
        return order.index(first) <= order.index(self.draft) <= order.index(last or order[-1])

    @property
    def modern(self) -> bool:
        """Whether keywords beside `$ref` count."""
        return self.draft.startswith("20")

    def document(self) -> dict[str, Any]:
        """Return a whole schema with its definitions."""
        schema = self.schema(3, allow=["one", "two", "a/b~c"])
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        home = "$defs" if self.modern else "definitions"
        # In place each may lead to later ones only; below, to anything.
        schema[home] = {name: self.schema(2, allow=DEFINED[at + 1 :]) for at, name in enumerate(DEFINED)}
        self._name(schema, schema[home]["one"])
        if "$ref" in schema and not self.modern:
            schema = {"allOf": [{"$ref": schema.pop("$ref")}], **schema}
        schema["$schema"] = DRAFTS[self.draft]
        return schema

    def schema(self, depth: int, allow: list[str]) -> Any:
        """Return a schema; `allow` names the definitions it may lead to in place."""
        if self.draft != "4" and self.random.random() < 0.06:
            return self.random.random() < 0.6
        keywords = self._keywords if depth > 0 else self._plain
        schema: dict[str, Any] = {}
        for keyword in self.random.choices(keywords, k=self.random.choice([0, 1, 1, 2, 2, 3, 4])):
            schema.update(self._keyword(keyword, depth - 1, allow))
        return schema

    def _name(self, root: dict[str, Any], defined: Any) -> None:
        """Give the root and a definition the names that some references use."""
        root[self._id] = "http://localhost/root"
        if self.modern and isinstance(defined, dict):
            defined["$anchor"] = "named"
        elif isinstance(defined, dict) and "$ref" not in defined:
            defined[self._id] = "#named"
        if self.draft == "2019-09":
            root["$recursiveAnchor"] = True
        elif self.draft == "2020-12":
            root["$dynamicAnchor"] = "node"

    @property
    def _id(self) -> str:
        return "id" if self.draft == "4" else "$id"

    def _reference(self) -> dict[str, Any]:
        """Return a reference that may stand anywhere below the top."""
        kind = self.random.random()
        if kind < 0.1 and self.draft == "2019-09":
            return {"$recursiveRef": "#"}
        if kind < 0.1 and self.draft == "2020-12":
            return {"$dynamicRef": "#node"}
        if kind < 0.2:
            return {"$ref": "http://localhost/root"}
        if kind < 0.3:
            return {"$ref": "root" + self._place("two")}
        return {"$ref": self.random.choice(["#", *map(self._place, DEFINED)])}

    def _below(self, depth: int) -> Any:
        if self.random.random() < 0.12:
            return self._reference()
        return self.schema(depth, allow=DEFINED)

    def _place(self, name: str) -> str:
        home = "$defs" if self.modern else "definitions"
        return f"#/{home}/" + name.replace("~", "~0").replace("/", "~1")

    def _keyword(self, keyword: str, depth: int, allow: list[str]) -> dict[str, Any]:
        """Return the keyword with a value, and what belongs to it."""
        made = getattr(self, f"_{keyword.lstrip('$')}", None)
        if made is not None:
            result: dict[str, Any] = made(depth, allow)
            return result
        if keyword in ("anyOf", "oneOf", "allOf"):
            return {keyword: [self.schema(depth, allow) for _ in range(self.random.randint(1, 3))]}
        return {keyword: self._below(depth)}

    def _names(self, least: int = 0) -> list[str]:
        return self.random.sample(material.NAMES, self.random.randint(least, 3))

    def number(self) -> Any:
        """Return a number, often a small one."""
        pool = self.random.choice([range(-4, 8), range(-4, 8), material.INTEGERS, material.FLOATS])
        return self.random.choice(pool)

    def value(self, depth: int = 2) -> Any:
        """Return any JSON value."""
        kind = self.random.choice(TYPES if depth else TYPES[:-2])
        if kind == "array":
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        if kind == "object":
            return {name: self.value(depth - 1) for name in self._names()}
        if kind in ("integer", "number"):
            return self.number()
        return {
            "null": None,
            "boolean": self.random.random() < 0.5,
            "string": self.random.choice(material.STRINGS),
        }[kind]

    def _type(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        if self.random.random() < 0.7:
            return {"type": self.random.choice(TYPES)}
        return {"type": self.random.sample(TYPES, self.random.randint(1, 3))}

    def _enum(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        values = [self.value() for _ in range(self.random.randint(1, 4))]
        # Older metaschemas want them to differ, and engines differ on what that means.
        return {"enum": list({repr(value): value for value in values}.values())}

    def _const(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        return {"const": self.value()}

    def _bounds(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        name = self.random.choice(["minimum", "maximum"])
        bound = {name: self.number()}
        if self.draft == "4" and self.random.random() < 0.4:
            bound["exclusive" + name.capitalize()] = self.random.random() < 0.7
        return bound

    def _exclusive(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        return {self.random.choice(["exclusiveMinimum", "exclusiveMaximum"]): self.number()}

    def _multipleOf(self, _depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802 - the keyword's name
        return {"multipleOf": self.random.choice(material.DIVISORS)}

    def _count(self, kind: str) -> dict[str, Any]:
        count = self.random.randint(0, 3)
        whole: Any = float(count) if self.draft != "4" and self.random.random() < 0.1 else count
        return {self.random.choice(["min", "max"]) + kind: whole}

    def _lengths(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        return self._count("Length")

    def _itemCounts(self, _depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return self._count("Items")

    def _propertyCounts(self, _depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return self._count("Properties")

    def _pattern(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        return {"pattern": self.random.choice(list(material.PATTERNS))}

    def _format(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        return {"format": self.random.choice(list(material.FORMATS))}

    def _uniqueItems(self, _depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"uniqueItems": self.random.random() < 0.85}

    def _annotation(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        name = self.random.choice(
            ["title", "description", "default", "examples", "readOnly", "$comment", "x-own"]
        )
        if name in ("title", "description", "$comment"):
            return {name: "minimum"}
        return {name: {"examples": [1], "readOnly": True}.get(name, {"type": "null"})}

    def _required(self, _depth: int, _allow: list[str]) -> dict[str, Any]:
        return {"required": self._names(least=1 if self.draft == "4" else 0)}

    def _dependentRequired(self, _depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"dependentRequired": {name: self._names() for name in self._names(1)}}

    def _dependentSchemas(self, depth: int, allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"dependentSchemas": {name: self.schema(depth, allow) for name in self._names(1)}}

    def _dependencies(self, depth: int, allow: list[str]) -> dict[str, Any]:
        def one() -> Any:
            return self._names(1) if self.random.random() < 0.5 else self.schema(depth, allow)

        return {"dependencies": {name: one() for name in self._names(1)}}

    def _properties(self, depth: int, _allow: list[str]) -> dict[str, Any]:
        return {"properties": {name: self._below(depth) for name in self._names(1)}}

    def _patternProperties(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        patterns = self.random.sample(list(material.PATTERNS), self.random.randint(1, 2))
        return {"patternProperties": {pattern: self._below(depth) for pattern in patterns}}

    def _items(self, depth: int, _allow: list[str]) -> dict[str, Any]:
        if self.draft != "2020-12" and self.random.random() < 0.35:
            return {"items": [self._below(depth) for _ in range(self.random.randint(1, 3))]}
        return {"items": self._below(depth)}

    def _prefixItems(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"prefixItems": [self._below(depth) for _ in range(self.random.randint(1, 3))]}

    def _additionalItems(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"additionalItems": self._more(depth)}

    def _additionalProperties(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"additionalProperties": self._more(depth)}

    def _more(self, depth: int) -> Any:
        return False if self.random.random() < 0.4 else self._below(depth)

    def _unevaluatedItems(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"unevaluatedItems": self._more(depth)}

    def _unevaluatedProperties(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        return {"unevaluatedProperties": self._more(depth)}

    def _minContains(self, depth: int, _allow: list[str]) -> dict[str, Any]:  # noqa: N802
        bound = {self.random.choice(["minContains", "maxContains"]): self.random.randint(0, 2)}
        return {"contains": self._below(depth), **bound}

    def _not(self, depth: int, allow: list[str]) -> dict[str, Any]:
        return {"not": self.schema(depth, allow)}

    def _if(self, depth: int, allow: list[str]) -> dict[str, Any]:
        return {
            name: self.schema(depth, allow)
            for name in ("if", *self.random.sample(["then", "else"], 2)[: self.random.randint(0, 2)])
        }

    def _ref(self, _depth: int, allow: list[str]) -> dict[str, Any]:
        return {"$ref": self._place(self.random.choice(allow))} if allow else {}
