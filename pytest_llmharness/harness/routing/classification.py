"""Classify with the smallest model, and with the next one where it is not sure (article 000)."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Any

from ...domain.completion import Completion
from ...domain.frozen import dataclass
from ...domain.result import LLMResult
from .attempt import Answer, Attempt, Escalated
from .escalation import Escalation
from .judging import EscalationRules
from .tiers import DEFAULT_TIERS, ModelCall, Tiers


@dataclass(frozen=True, slots=True)
class ClassifyRules:
    """How a classification is asked for.

    Args:
        tiers: the tiers to ask, in order.
        min_confidence: the lowest confidence that is accepted.
        max_tokens: the most tokens of the first tier's answer; the next ones keep their own.
        categories: the categories there are; None accepts any text.
    """

    tiers: tuple[str, ...] = ("fast", "balanced")
    min_confidence: float = 0.8
    max_tokens: int = 256
    categories: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """A category, how sure the model is, and whether a person should look.

    Args:
        category: the category; "unknown" where no model named one.
        confidence: in 0..1; 0.0 where the model did not say.
        needs_review: whether no answer was sure enough.
        outcome: how it came about.
    """

    category: str = "unknown"
    confidence: float = 0.0
    needs_review: bool = True
    outcome: Escalated[Any] | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Return article 000's three keys."""
        return {
            "category": self.category,
            "confidence": self.confidence,
            "needs_review": self.needs_review,
        }


async def classify(
    attempt: Attempt[Any],
    escalation: Escalation,
    *,
    tiers: Tiers = DEFAULT_TIERS,
    rules: ClassifyRules | None = None,
    **limits: Any,
) -> Classification:
    """Return the category of whatever `attempt` asks the models about.

    The answer's value is JSON text, a JSON value, a completion or a harness's result, with the keys
    "category" and "confidence". Anything else is a failed attempt, whatever it looks like.

    ```python
    ticket = await classify(asks(prompt, provider), Escalation(clock))
    assert ticket.as_dict() == {"category": "billing", "confidence": 0.93, "needs_review": False}
    ```

    Args:
        attempt: asks one model.
        escalation: makes the attempts; its budget and listener serve here too.
        tiers: the tiers there are.
        rules: whom to ask, and what is sure enough.
        limits: `tokens_in`, `deadline_s`, `may_call` of `Escalation.run`.
    """
    rules = rules or ClassifyRules()

    async def read(call: ModelCall) -> Answer[Mapping[str, Any]]:
        answer = await attempt(call)
        found = read_classification(answer.value, rules.categories)
        if found is None:
            return replace(answer, value={}, score=None, success=False)
        return replace(answer, value=found, score=found["confidence"])

    outcome = await escalation.run(
        read,
        _calls(tiers, rules),
        rules=EscalationRules(rules.min_confidence, accept_unscored=False, keep="last"),
        **limits,
    )
    if outcome.answer is None:
        return Classification(outcome=outcome)
    found = outcome.answer.value
    return Classification(found["category"], found["confidence"] or 0.0, outcome.needs_review, outcome)


def read_classification(value: Any, categories: Collection[str] | None = None) -> dict[str, Any] | None:
    """Return {"category", "confidence"} of a model's answer, or None where it is no classification.

    A confidence that is missing is None; one that is no number in 0..1 spoils the answer.
    """
    value = _json(value)
    if not isinstance(value, Mapping):
        return None
    category, confidence = value.get("category"), value.get("confidence")
    if not isinstance(category, str) or not category.strip():
        return None
    if categories is not None and category not in categories:
        return None
    if confidence is None:
        return {"category": category, "confidence": None}
    is_number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    if not is_number or not math.isfinite(confidence) or not 0 <= confidence <= 1:
        return None
    return {"category": category, "confidence": float(confidence)}


def _json(value: Any) -> Any:
    if isinstance(value, LLMResult):
        value = value.metadata.get("value", value.content)
    if isinstance(value, Completion):
        value = value.text
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _calls(tiers: Tiers, rules: ClassifyRules) -> list[ModelCall]:
    first, *rest = (replace(tiers.call(name), json_mode=True) for name in rules.tiers)
    return [replace(first, max_tokens=rules.max_tokens), *rest]
