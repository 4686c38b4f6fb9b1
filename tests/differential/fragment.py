"""Schemas of the fragment on which streams are exact, and all small texts over their vocabulary."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

NAMES = ["a", "b", "ab"]
SCALARS = [None, True, False, 0, 1, 2, -1, 1.5, 15, "", "a", "b", "ab"]
SPELLED = ["null", "true", "false", "0", "1", "2", "-1", "1.5", "15", '""', '"a"', '"b"', '"ab"', '"\\u0061"']
FEW = ["null", "true", "1", "15", '"a"', '"ab"']


def texts() -> list[str]:
    """Return the texts: scalars, arrays of up to three, objects of up to two, and some of these in each other."""
    arrays = [f"[{','.join(items)}]" for size in range(4) for items in itertools.product(FEW, repeat=size)]
    members = [f'"{name}":{value}' for name in ("a", "b", "\\u0061b", "x") for value in FEW]
    objects = [
        f"{{{','.join(each)}}}" for size in range(3) for each in itertools.product(members, repeat=size)
    ]
    nested = [f'{{"a":{array},"b":{value}}}' for array in arrays[:40] for value in FEW[:3]]
    lists = [f"[{each},{other}]" for each in objects[1:12] for other in (*objects[:6], "1")]
    return [*SPELLED, *arrays, *objects, *nested, *lists]


def schema(rng: random.Random, depth: int = 2) -> Any:
    """Return a schema: types, names, required, enum, const, bounds, lengths, items, kinds told apart."""
    kind = rng.choice(["scalar", "scalar", "array", "object", "object", "either"] if depth else ["scalar"])
    if kind == "scalar":
        return _scalar(rng)
    if kind == "array":
        return _array(rng, depth)
    if kind == "object":
        return _object(rng, depth)
    return {"anyOf": [{"type": "null"}, rng.choice([_array, _object])(rng, depth)]}


def _scalar(rng: random.Random) -> Any:
    return rng.choice(
        [
            {"type": rng.choice(["null", "boolean", "integer", "number", "string"])},
            {"type": rng.sample(["null", "boolean", "integer", "string", "array"], 2)},
            {"enum": rng.sample(SCALARS, 3)},
            {"const": rng.choice(SCALARS)},
            {"type": "integer", "minimum": rng.randint(-2, 3), "maximum": rng.randint(1, 16)},
            {"type": "number", "exclusiveMinimum": rng.randint(-2, 2)},
            {"type": "string", "minLength": rng.randint(0, 2), "maxLength": rng.randint(0, 2)},
            True,
            {},
        ]
    )


def _array(rng: random.Random, depth: int) -> Any:
    made: dict[str, Any] = {"type": "array"}
    if rng.random() < 0.7:
        made["items"] = rng.choice([schema(rng, depth - 1), False])
    if rng.random() < 0.4:
        made["prefixItems"] = [schema(rng, depth - 1) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.5:
        made[rng.choice(["minItems", "maxItems"])] = rng.randint(0, 3)
    return made


def _object(rng: random.Random, depth: int) -> Any:
    made: dict[str, Any] = {"type": "object"}
    if rng.random() < 0.8:
        made["properties"] = {name: schema(rng, depth - 1) for name in rng.sample(NAMES, rng.randint(1, 2))}
    if rng.random() < 0.5:
        made["required"] = rng.sample(NAMES, rng.randint(1, 2))
    if rng.random() < 0.6:
        made["additionalProperties"] = rng.choice([False, False, schema(rng, depth - 1)])
    return made


def witness(schema: Any) -> str | None:
    """Return a text that satisfies the schema; None where none does."""
    if isinstance(schema, bool) or not schema:
        return None if schema is False else "null"
    if "anyOf" in schema:
        return next((text for text in map(witness, schema["anyOf"]) if text), None)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        return json.dumps(values[0])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {"array": _array_witness, "object": _object_witness}.get(kinds[0], _scalar_witness)(schema)


def _scalar_witness(schema: dict[str, Any]) -> str | None:
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    least, most = schema.get("minLength", 0), schema.get("maxLength", 9)
    low, high = schema.get("minimum", 0), schema.get("maximum", 99)
    return {
        "null": "null",
        "boolean": "true",
        "integer": str(low) if low <= high else None,
        "number": str(schema.get("exclusiveMinimum", 0) + 1),
        "string": f'"{"a" * least}"' if least <= most else None,
    }[kind]


def _object_witness(schema: dict[str, Any]) -> str | None:
    members = required_members(schema)
    return None if members is None else f"{{{members}}}"


def _array_witness(schema: dict[str, Any]) -> str | None:
    prefix, least = schema.get("prefixItems", []), schema.get("minItems", 0)
    rules = (prefix + [schema.get("items", True)] * least)[:least]
    items = [witness(rule) for rule in rules]
    if least > schema.get("maxItems", 9) or None in items:
        return None
    return f"[{','.join(map(str, items))}]"


def required_members(schema: dict[str, Any]) -> str | None:
    """Return the required members of an object, each with a value; None where one has none."""
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    values = {name: witness(properties.get(name, others)) for name in schema.get("required", ())}
    if None in values.values():
        return None
    return ",".join(f'"{name}":{value}' for name, value in values.items())


def steps(schema: Any) -> list[str]:
    """Return what takes a text far towards its end: whole values, and all that an object still needs."""
    found = []
    if isinstance(schema, list):
        return [step for each in schema for step in steps(each)]
    if not isinstance(schema, dict):
        return []
    if {"type", "anyOf", "enum", "const"} & set(schema) and (text := witness(schema)):
        found.append(text)
    if schema.get("type") == "array":
        found += [text[1:] for text in found if text.startswith("[")]
    if schema.get("type") == "object" and (members := required_members(schema)):
        found += [f"{members}}}", f",{members}}}"]
    for each in schema.values():
        found += steps(each)
    return found
