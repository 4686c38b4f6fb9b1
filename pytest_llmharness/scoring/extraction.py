"""How good an extraction is: field by field, and as one number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict

from ..domain.result import LLMResult
from ..errors import ConfigError
from ..harness.json_form import record_form
from .matching import extra_fields, field_scores, mean_with_extras


class ExtractionScore(TypedDict):
    """The score of one extraction.

    Keys:
        overall: from 0 to 1.
        field_scores: the same for each expected field.
        missing: expected fields that are not there.
        extra: fields that nobody expected.
    """

    overall: float
    field_scores: dict[str, float]
    missing: list[str]
    extra: list[str]


def score_extraction(
    expected: Mapping[str, Any],
    actual: Any,
    *,
    weights: Mapping[str, float] | None = None,
    extra_weight: float = 0.5,
) -> ExtractionScore:
    """Compare an extraction with what it should be.

    The overall score is the weighted mean over the expected fields. A missing field counts 0. Each field
    that nobody expected counts as one more field of weight `extra_weight` and score 0, so inventing
    fields costs; a null or empty one does not count. Whatever is no object has none of the fields.

    ```python
    score = score_extraction({"name": "Ada", "amount": 500000}, {"name": "ada", "amount": "$500,000"})
    assert score["overall"] == 1.0
    assert score_extraction({}, {"name": "Ada"})["overall"] == 0.0
    ```

    Args:
        expected: the fields there should be, with their values.
        actual: what was extracted, as a value or as JSON text.
        weights: how much a field counts; 1.0 where it is not named.
        extra_weight: how much an unexpected field counts; 0 forgives it.

    Raises:
        ConfigError: a weight is negative or no number, or all of them are 0.
    """
    weights = dict(weights or {})
    _check(expected, weights, extra_weight)
    actual = _read(actual)
    is_object = isinstance(actual, Mapping)
    found: Mapping[str, Any] = actual if is_object else {}
    scores = field_scores(expected, found) if is_object else dict.fromkeys(expected, 0.0)
    extra = extra_fields(expected, found)
    overall = mean_with_extras(scores, weights, len(extra), extra_weight)
    return ExtractionScore(
        overall=overall if is_object else 0.0,
        field_scores=scores,
        missing=[name for name in expected if name not in found],
        extra=list(extra),
    )


def scored(
    result: LLMResult,
    expected: Mapping[str, Any] | None,
    *,
    weights: Mapping[str, float] | None = None,
) -> LLMResult:
    """Return the result with its score, and the field scores in its metadata (article 000).

    Without `expected`, and where the run failed, there is nothing to score: the score stays None.
    """
    if expected is None or not result.success:
        return result
    score = score_extraction(expected, value_of(result), weights=weights)
    facts = {"field_scores": score["field_scores"], "missing": score["missing"], "extra": score["extra"]}
    return replace(result, score=score["overall"], metadata={**result.metadata, **facts})


def value_of(result: LLMResult) -> Any:
    """Return a result's validated value, or its content read as JSON; text that is none stays text."""
    if "value" in result.metadata and not isinstance(result.metadata["value"], str):
        return _read(result.metadata["value"])
    return _read(result.content)


def _read(value: Any) -> Any:
    own = record_form(value)
    if own is not None or not isinstance(value, str | bytes):
        return value if own is None else own
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _check(expected: Mapping[str, Any], weights: Mapping[str, float], extra_weight: float) -> None:
    for name, weight in [*weights.items(), ("extra_weight", extra_weight)]:
        if not 0 <= weight < float("inf"):
            raise ConfigError(
                f"the weight {weight!r} of {name!r} cannot work",
                where="score_extraction",
                fix="give it a number of at least 0",
            )
    if expected and not any(weights.get(name, 1.0) for name in expected):
        raise ConfigError(
            "all fields have the weight 0, so there is no mean",
            where="score_extraction(weights=...)",
            fix="leave one field its weight",
        )
