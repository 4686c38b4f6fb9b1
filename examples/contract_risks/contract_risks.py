"""Find the liability risks of a contract: an application as you might have it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_llmharness import Harness, HarnessConfig, tool

CONTRACT = Path(__file__).with_name("contract.txt")

RISKS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {
            "clause": {"type": "string", "minLength": 1},
            "risk_type": {"type": "string", "minLength": 1},
            "severity": {"enum": ["low", "medium", "high"]},
            "damage_cap": {"type": ["number", "null"]},
        },
        "required": ["clause", "risk_type", "severity", "damage_cap"],
        "additionalProperties": False,
    },
}

SYSTEM = "You review contracts. Look up the clauses you need, then list every liability risk you found."


@tool(read_only=True)
def find_clauses(topic: str) -> list[str]:
    """Return the clauses of the contract that mention a topic, such as "liability"."""
    clauses = re.split(r"\n\n(?=\d+\. )", CONTRACT.read_text(encoding="utf-8"))[1:]
    return [" ".join(clause.split()) for clause in clauses if topic.lower() in clause.lower()]


def caps_are_not_negative(risks: list[dict[str, Any]]) -> str | None:
    """Refuse a cap below zero, which the schema cannot know to be nonsense."""
    below = [risk["clause"] for risk in risks if (risk["damage_cap"] or 0) < 0]
    return f"field 'damage_cap' must not be negative (clause {below[0]!r})" if below else None


def reviewer(provider: Any, *, make: Callable[..., Harness] = Harness) -> Harness:
    """Make the harness that reviews contracts over any provider; tests pass their own `make`."""
    return make(
        provider,
        system=SYSTEM,
        tools=[find_clauses],
        schema=RISKS,
        validators=[caps_are_not_negative],
        # The first answer is free, because the model may have to call the tool; repairs are not.
        config=HarnessConfig(structured_output="on_repair", max_tokens=512),
    )


if __name__ == "__main__":
    with reviewer("ollama") as harness:
        print(json.dumps(harness.run("Summarize and extract all liability risks.").unwrap(), indent=2))
