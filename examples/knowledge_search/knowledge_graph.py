"""A stored graph of things and how they belong together, and the tool that searches it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_llmharness import ToolSpec
from pytest_llmharness.harness.context import Library


@dataclass(frozen=True)
class Entity:
    """One thing that the graph knows."""

    id: str
    type: str
    name: str
    summary: str


@dataclass(frozen=True)
class Relation:
    """One thing has to do with another."""

    source: str
    type: str
    target: str


class KnowledgeGraph:
    """Ranks entities by the words they share with a query (BM25), and a little by their neighbours'.

    Args:
        entities: the things.
        relations: how they belong together; both ends must be there.
    """

    NEIGHBOUR_SHARE = 0.25

    def __init__(self, entities: Collection[Entity], relations: Collection[Relation]) -> None:
        self.entities = {entity.id: entity for entity in entities}
        self.types = sorted({entity.type for entity in entities})
        self._relations: dict[str, list[Relation]] = defaultdict(list)
        for relation in relations:
            for end in (relation.source, relation.target):
                if end not in self.entities:
                    raise ValueError(f"the relation {relation} ends at {end!r}, which is not there")
                self._relations[end].append(relation)
        # A name says what a thing is and a summary what it does, so the name counts twice.
        texts = {one.id: f"{one.name}. {one.name}. {one.summary}" for one in entities}
        self._library = Library(texts, subjects=())

    @classmethod
    def load(cls, path: Path) -> KnowledgeGraph:
        """Read a graph that is stored as JSON."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        entities = [Entity(**entity) for entity in stored["entities"]]
        return cls(entities, [Relation(**relation) for relation in stored["relations"]])

    def search(
        self,
        query: str,
        limit: int = 10,
        entity_types: Collection[str] = (),
        include_relations: bool = True,
    ) -> dict[str, Any]:
        """Return the entities that fit a query, best first, and how many there were.

        Args:
            query: words to look for.
            limit: the most entities to return.
            entity_types: which types to return; empty means all.
            include_relations: whether each entity comes with what it belongs to.
        """
        scores = self._scores(query)
        wanted = [
            self.entities[name]
            for name in scores
            if not entity_types or self.entities[name].type in entity_types
        ]
        wanted.sort(key=lambda entity: (-scores[entity.id], entity.id))
        results = [self._told(entity, scores[entity.id], include_relations) for entity in wanted[:limit]]
        return {"query": query, "found": len(wanted), "results": results}

    def _scores(self, query: str) -> dict[str, float]:
        found = self._library.search(query, len(self.entities))
        own = {snippet.source.partition(",")[0]: snippet.score for snippet in found}
        scores = dict(own)
        for name, score in own.items():
            for relation in self._relations[name]:
                other = relation.target if relation.source == name else relation.source
                lent = own.get(other, 0.0) + self.NEIGHBOUR_SHARE * score
                scores[other] = max(scores.get(other, 0.0), lent)
        return scores

    def _told(self, entity: Entity, score: float, include_relations: bool) -> dict[str, Any]:
        told = {**vars(entity), "score": round(score, 3)}
        if include_relations:
            told["relations"] = [
                f"{self.entities[one.source].name} {one.type} {self.entities[one.target].name}"
                for one in self._relations[entity.id]
            ]
        return told


class KnowledgeSearch:
    """The tool `kg_search`: any object with a `spec` and an async `invoke` is one."""

    def __init__(self, graph: KnowledgeGraph) -> None:
        self._graph = graph
        self.spec = ToolSpec(
            "kg_search",
            "Search the knowledge graph for services, teams, people, incidents and documents.",
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "query": {"type": "string", "minLength": 1, "description": "Words to look for."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
                    "entity_types": {"type": "array", "items": {"enum": graph.types}},
                    "include_relations": {"type": "boolean", "default": True},
                },
                "required": ["query"],
                "additionalProperties": False,
            },
            read_only=True,
        )

    async def invoke(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Search; the arguments fit the schema, and its defaults are filled in."""
        return self._graph.search(**arguments)
