"""How good an extraction is: fields, numbers, dates, lists, and what nobody asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmharness import LLMResult
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.scoring import score_extraction, scored, similarity, value_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.text(max_size=4), JSON, max_size=5)
PEOPLE = [{"name": "Ada", "age": 36}, {"name": "Alan", "age": 41}]


@pytest.mark.parametrize(
    ("expected", "actual", "overall"),
    [
        ({"name": "Ada", "age": 36}, {"name": "Ada", "age": 36}, 1.0),
        ({"name": "Ada Lovelace"}, {"name": " ada  LOVELACE "}, 1.0),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "z"}, 0.5),
        ({"a": "x", "b": "y"}, {"a": "x"}, 0.5),
        ({"a": 1}, {"a": 1, "invented": 2}, 0.666666667),
        ({"a": 1}, {"a": 1, "note": None, "tags": [], "more": ""}, 1.0),
        ({"a": None}, {}, 1.0),
        ({"a": None}, {"a": "made up"}, 0.0),
        ({"amount": 500000}, {"amount": "$500,000"}, 1.0),
        ({"amount": "1.2 million"}, {"amount": 1200000}, 1.0),
        ({"due": "2024-03-05"}, {"due": "March 5, 2024"}, 1.0),
        ({"tags": ["a", "b", "c"]}, {"tags": ["x", "a"]}, 0.4),
        ({"party": {"name": "Ada", "role": "buyer"}}, {"party": {"name": "Ada"}}, 0.5),
        ({"people": PEOPLE}, {"people": PEOPLE[::-1]}, 1.0),
        ({"people": PEOPLE}, {"people": PEOPLE[:1]}, 0.666666667),
        ({"id": "007"}, {"id": "7"}, 0.0),
        ({"paid": True}, {"paid": 1}, 0.0),
        ({"paid": True}, {"paid": "true"}, 1.0),
        ({}, {}, 1.0),
        ({}, {"a": 1}, 0.0),
        ({}, [], 0.0),
        ({"a": 1}, [{"a": 1}], 0.0),
        ({"a": None}, "text", 0.0),
        ({"a": 1}, None, 0.0),
    ],
)
def test_golden_pairs(expected: dict[str, Any], actual: Any, overall: float) -> None:
    """A25: the overall score of each pair, worked out by hand."""
    assert score_extraction(expected, actual)["overall"] == overall


def test_the_score_says_which_field() -> None:
    """A25: a score for each expected field, and the names of what is missing and what is extra."""
    assert score_extraction({"a": 1, "b": [1, 2], "c": 3}, {"a": 1, "b": [2, 9], "d": 4, "e": None}) == {
        "overall": round(1.5 / 3.5, 9),
        "field_scores": {"a": 1.0, "b": 0.5, "c": 0.0},
        "missing": ["c"],
        "extra": ["d"],
    }


def test_weights_make_a_weighted_mean() -> None:
    """A25: by field, and for what nobody expected."""
    expected, actual = {"a": 1, "b": 2}, {"a": 1, "b": 9, "x": 1}
    assert score_extraction(expected, actual, weights={"a": 3}, extra_weight=0)["overall"] == 0.75
    assert score_extraction(expected, actual, weights={"b": 0}, extra_weight=1)["overall"] == 0.5


@pytest.mark.parametrize("weights", [{"a": -1}, {"a": float("nan")}, {"a": 0}])
def test_weights_that_cannot_work_are_named(weights: dict[str, float]) -> None:
    """Negative, no number, or nothing left to count."""
    with pytest.raises(ConfigError):
        score_extraction({"a": 1}, {}, weights=weights)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1234.5, "1.234,50"),
        (1234.5, "1,234.50"),
        (1234567, "1 234 567"),
        (1234567, "1.234.567"),
        (-300, "(300)"),
        (0.5, ".5"),
        (3.5, "3,5"),
        (2500, "EUR 2,500"),
        (2500, "2.5k"),
        (1.2e6, "$1.2M"),
        (12, "12%"),
        (0.12, "12 %"),
        ("$500,000", "500000"),
        (3, 3.0),
        (0.1 + 0.2, 0.3),
        ("2024-03-05", "5 March 2024"),
        ("2024-03-05", "5th Mar. 2024"),
        ("2024-03-05", "05.03.2024"),
        ("2024-03-05", "03/05/2024"),
        ("2024-03-05", "05/03/2024"),
        ("2024-03-05", "2024/3/5"),
        ("2024-03-05", "2024-03-05T10:00:00"),
        ("2024-03-05T10:00:00Z", "2024-03-05T11:00:00+01:00"),
        ("ﬁle", "FILE"),
    ],
)
def test_the_same_in_other_words(expected: Any, actual: Any) -> None:
    """A25: numbers and dates are compared by what they say, in both directions."""
    assert similarity(expected, actual) == similarity(actual, expected) == 1.0


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1234, "1.2.3.4"),
        (1234, "12,34,"),
        (7, "007"),
        ("1.10", "1.1"),
        (5, "5 meters"),
        (1, "one"),
        (10**400, "1"),
        (1, float("nan")),
        ("2024-03-05", "05.04.2024"),
        ("2024-05-03", "05.03.2024"),
        ("2024-03-05", "2024-13-05"),
        ("2024-03-05T10:00:00Z", "2024-03-05T10:00:00+01:00"),
        ("2024-03-05", "Smarch 5, 2024"),
        ("", None),
        ([], None),
        ({"a": 1}, "a"),
        (["a"], "a"),
        ("a", ["a"]),
        (True, False),
        (0, False),
    ],
)
def test_what_is_not_the_same(expected: Any, actual: Any) -> None:
    """A25: nothing is guessed."""
    assert similarity(expected, actual) == 0.0


def test_list_items_are_paired_once() -> None:
    """A25: a repeated item counts once, and each pair is the most alike one that is left."""
    assert similarity(["a", "a", "b"], ["a", "b", "b"]) == round(2 * 2 / 6, 9)
    near, exact = {"x": 1, "y": 9}, {"x": 1, "y": 2}
    assert similarity([exact], [near, exact]) == round(2 / 3, 9)
    assert similarity([], []) == 1.0
    assert similarity([], [1]) == 0.0


def test_a_huge_list_is_compared_in_order() -> None:
    """An answer may be any length; the comparison stays linear beyond a bound."""
    assert similarity(list(range(1000)), list(range(1000))) == 1.0
    assert similarity(list(range(1000)), list(range(1, 1001))) == 0.0


@given(OBJECT)
def test_a_perfect_extraction_is_1(expected: dict[str, Any]) -> None:
    """Whatever its fields are."""
    assert score_extraction(expected, json.loads(json.dumps(expected)))["overall"] == 1.0


@given(OBJECT, JSON, st.floats(0, 5))
def test_every_answer_has_a_score(expected: dict[str, Any], actual: Any, extra_weight: float) -> None:
    """A25: from 0 to 1 for any two values, overall and by field, and no more for an invented field."""
    score = score_extraction(expected, actual, extra_weight=extra_weight)
    assert 0.0 <= score["overall"] <= 1.0
    assert set(score["field_scores"]) == set(expected)
    assert all(0.0 <= one <= 1.0 for one in score["field_scores"].values())
    if isinstance(actual, dict):
        worse = score_extraction(expected, {**actual, "invented": 1}, extra_weight=extra_weight)
        assert "invented" in expected or worse["overall"] <= score["overall"]


def result(content: str = "", *, success: bool = True, **metadata: Any) -> LLMResult:
    return LLMResult(content, "m", 0, 0, 0, 0, success=success, metadata=metadata)


def test_a_result_gets_its_score() -> None:
    """A25: the overall score, the field scores in the metadata, the rest as it was."""
    before = result('{"a": 1, "b": 2}', session_id="s")
    after = scored(before, {"a": 1, "b": 3, "c": 0})
    assert after.score == 0.333333333
    assert after.metadata == {
        "session_id": "s",
        "field_scores": {"a": 1.0, "b": 0.0, "c": 0.0},
        "missing": ["c"],
        "extra": [],
    }
    assert (before.score, before.metadata) == (None, {"session_id": "s"})
    assert scored(before, {"a": 1, "b": 3}, weights={"b": 0}).score == 1.0


def test_without_expectations_there_is_no_score() -> None:
    """A25: None, not 0; an empty expectation is one; a failed run has no score."""
    assert scored(result("{}"), None).score is None
    assert scored(result("{}"), {}).score == 1.0
    assert scored(result('{"a": 1}', success=False), {"a": 1}).score is None


def test_the_validated_value_is_what_is_scored() -> None:
    """Before the text, which is read as JSON where there is no value; text stays text."""
    assert value_of(result("{}", value={"a": 1})) == {"a": 1}
    assert value_of(result('{"a": 2}', value='{"a": 2}')) == {"a": 2}
    assert value_of(result("plain")) == "plain"
    assert value_of(result("[" * 100_000)) == "[" * 100_000
