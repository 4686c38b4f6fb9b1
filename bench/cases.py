"""Schemas and texts that several benchmarks share."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

CALL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1},
        "unit": {"enum": ["c", "f"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
    },
    "required": ["city"],
    "additionalProperties": False,
}
GOOD_CALL = b'{"city": "Reykjavik", "unit": "c", "days": 7}'
BAD_CALL = b'{"city": "", "unit": "k", "days": 99, "extra": 1}'
RECORDS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string", "maxLength": 64},
            "tags": {"type": "array", "items": {"type": "string"}},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "ok": {"type": "boolean"},
        },
        "required": ["id", "name", "score"],
    },
}
_CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
# The type names of the leaderboard, which are Python's.
_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}


def records(count: int) -> bytes:
    """Return so many records as JSON text; 900 of them are 95 KB."""
    return json.dumps(
        [
            {
                "id": number,
                "name": f"record number {number}",
                "tags": ["a", "bb", "ccc"],
                "score": (number % 97) / 97,
                "ok": number % 2 == 0,
            }
            for number in range(count)
        ]
    ).encode()


def size(text: bytes) -> str:
    """Return the length of a text in words."""
    return f"{len(text)} B" if len(text) < 1000 else f"{len(text) / 1000:.0f} KB"


def documents() -> list[tuple[str, Any, bytes]]:
    """Return real documents with their schemas; empty where the corpus is not there."""
    folder = _CORPUS / "schema_bench"
    names = (("citm_catalog", "citm_catalog"), ("fast", "fast_valid"))
    return [
        (
            name,
            json.loads((folder / f"{name}_schema.json").read_text()),
            (folder / f"{text}.json").read_bytes(),
        )
        for name, text in names
        if folder.is_dir()
    ]


def tool_calls(limit: int = 300) -> list[tuple[Any, bytes]]:
    """Return real tools' schemas, each with the arguments of a right call."""
    path = _CORPUS / "tool_calls" / "bfcl_gold.jsonl.gz"
    found: list[tuple[Any, bytes]] = []
    if not path.is_file():
        return found
    with gzip.open(path, "rt") as lines:
        for row in map(json.loads, lines):
            tools = {tool["name"]: tool["parameters"] for tool in row["functions"]}
            for call in row["ground_truth"]:
                (name, allowed), *_ = call.items()
                arguments = {key: values[0] for key, values in allowed.items() if values and values[0] != ""}
                if name in tools and len(found) < limit:
                    found.append((_as_json_schema(tools[name]), json.dumps(arguments).encode()))
    return found


def _as_json_schema(described: Any) -> Any:
    if isinstance(described, list):
        return [_as_json_schema(each) for each in described]
    if not isinstance(described, dict):
        return described
    members = {key: _as_json_schema(value) for key, value in described.items() if key != "optional"}
    kind = members.get("type")
    if isinstance(kind, str):
        members["type"] = _TYPES.get(kind.lower(), kind.lower())
    return members
