"""The normalize layer inside the harness: one request from many clients, and edges that all end controlled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import Harness, Request, ScriptedProvider, VirtualClock
from pytest_llmharness.adapters.caches.lru import LRUCache
from pytest_llmharness.harness.cache_key import cache_key
from pytest_llmharness.harness.normalize import Normalizer, NormalizeSettings

FIXTURES = Path(__file__).parents[2] / "fixtures" / "normalize"
SURFACES = json.loads((FIXTURES / "surfaces.json").read_text(encoding="utf-8"))
EDGES = json.loads((FIXTURES / "edges.json").read_text(encoding="utf-8"))
FORMS = [
    pytest.param(surface["desktop"], form, id=client)
    for surface in SURFACES
    for client, form in surface["forms"].items()
]


@pytest.mark.parametrize(("desktop", "form"), FORMS)
def test_every_client_gets_one_prompt_one_key_and_one_answer(desktop: str, form: str) -> None:
    """B7: what differs by the device alone is one prompt and one cache key, so the second client hits the cache."""
    assert form != desktop
    provider, clock = ScriptedProvider(["first", "second"]), VirtualClock()
    harness = Harness(provider, cache=LRUCache(clock), clock=clock)
    assert [harness.run(text).content for text in (desktop, form)] == ["first", "first"]
    assert len(provider.prompts) == 1

    provider = ScriptedProvider(["first", "second"])
    harness = Harness(provider, clock=VirtualClock())
    for text in (desktop, form):
        harness.run(text)
    one, other = provider.prompts
    assert one == other
    assert cache_key(one, endpoint="e") == cache_key(other, endpoint="e")


@pytest.mark.parametrize(("desktop", "form"), FORMS)
def test_without_the_layer_each_client_has_its_own_key(desktop: str, form: str) -> None:
    """B7, unplugged: the same two texts are two prompts with two keys."""
    provider = ScriptedProvider(["first", "second"])
    off = Normalizer(NormalizeSettings(enabled=False))
    harness = Harness(provider, layers={"normalize": off}, clock=VirtualClock())
    for text in (desktop, form):
        harness.run(text)
    one, other = provider.prompts
    assert cache_key(one, endpoint="e") != cache_key(other, endpoint="e")


@pytest.mark.parametrize("row", EDGES, ids=[row["edge"] for row in EDGES])
def test_every_edge_ends_controlled(row: dict[str, Any]) -> None:
    """B9: odd phrasing, length, missing fields, many languages, attacks: an answer or a named refusal, no error."""
    provider = ScriptedProvider(["fine"])
    settings = NormalizeSettings(required_fields=("tenant",), max_chars=5_000)
    harness = Harness(provider, layers={"normalize": Normalizer(settings)}, clock=VirtualClock())
    text = row["text"] * row.get("times", 1)
    result = harness.run(Request(text, metadata=row.get("metadata", {"tenant": "acme"})))
    if row["status"] == "ok":
        (prompt,) = provider.prompts
        assert result.unwrap() == "fine"
        assert 0 < len(prompt.messages[-1].text) <= settings.max_chars
        assert bool(result.metadata.get("injections")) == row.get("hits", False)
    else:
        assert provider.prompts == []
        assert (result.metadata["failure_reason"], result.metadata["layer"]) == (row["status"], "normalize")


def test_every_kind_of_edge_has_its_text() -> None:
    """B9: the five kinds are all in the file."""
    kinds = {row["edge"].split(":")[0].split(" of")[0] for row in EDGES}
    assert kinds >= {"unusual phrasing", "length", "missing field", "multilingual", "adversarial"}
