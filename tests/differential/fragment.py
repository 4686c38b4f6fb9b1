"""Schemas of the fragment on which streams are exact, and all small texts over their vocabulary."""

from __future__ import annotations

import itertools
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
