"""The `$defs` of one schema: types that refer to themselves, and what Pydantic brings along."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

_PREFIX = "#/$defs/"


class Definitions:
    """Schemas by name, at the root of the schema they belong to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self._owners: dict[str, Hashable] = {}

    def reference(self, owner: Hashable, wanted: str) -> dict[str, Any]:
        """Return a reference to the definition of this type, under a name of its own."""
        return {"$ref": _PREFIX + self._name(owner, wanted)}

    def define(self, owner: Hashable, wanted: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Keep the definition of this type and return a reference to it."""
        self.schemas[self._name(owner, wanted)] = schema
        return self.reference(owner, wanted)

    def adopt(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Lift the `$defs` of a whole document here and return the rest, its references in order.

        Equal definitions of one name are one; different ones get names of their own.
        """
        rest = {key: value for key, value in schema.items() if key != "$defs"}
        brought = schema.get("$defs", {})
        names = {name: self._name(_owner(name, brought), name) for name in brought}
        pointers = {_PREFIX + name: _PREFIX + new for name, new in names.items()}
        for name, definition in brought.items():
            self.schemas[names[name]] = _pointing(definition, pointers)
        adopted: dict[str, Any] = _pointing(rest, pointers)
        return adopted

    def _name(self, owner: Hashable, wanted: str) -> str:
        name, number = wanted, 1
        while self._owners.setdefault(name, owner) != owner:
            number += 1
            name = f"{wanted}_{number}"
        return name


def _owner(name: str, brought: Mapping[str, Any]) -> Hashable:
    # A definition that points to others of its document is equal where all of them are.
    alone = repr(brought[name])
    return name, repr(brought) if _PREFIX in alone else alone


def _pointing(node: Any, pointers: Mapping[str, str]) -> Any:
    """Return the schema with its pointers replaced: in `$ref`, and in a discriminator's mapping."""
    if isinstance(node, dict):
        return {key: _pointing(value, pointers) for key, value in node.items()}
    if isinstance(node, list):
        return [_pointing(value, pointers) for value in node]
    return pointers.get(node, node) if isinstance(node, str) else node
