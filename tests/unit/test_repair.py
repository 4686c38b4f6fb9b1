"""Damaged JSON: what each rule mends, what it leaves alone, and the receipt it gives."""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import UnrepairableJSON, repair_json
from pytest_llmharness.parsing.repairing import NOTATION

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus")) / "malformed_json"

# (rule, damaged text, what it meant)
CASES: list[tuple[str, str, Any]] = [
    ("code_fence", '```json\n{"a": 1}\n```', {"a": 1}),
    ("text_around", 'Sure! Here it is: {"a": 1}', {"a": 1}),
    ("extra_comma", '{"a": [1, 2,], "b": 3,}', {"a": [1, 2], "b": 3}),
    ("missing_comma", '{"a": 1 "b": [1 2]}', {"a": 1, "b": [1, 2]}),
    ("single_quotes", "{'a': 'it is'}", {"a": "it is"}),
    ("smart_quotes", "{“a”: \u2018b\u2019}", {"a": "b"}),
    ("unquoted_key", '{a: 1, $ref: 2, _id: "x"}', {"a": 1, "$ref": 2, "_id": "x"}),
    ("unquoted_string", '{"a": hello world}', {"a": "hello world"}),
    ("python_literal", '{"a": True, "b": None}', {"a": True, "b": None}),
    ("js_literal", '{"a": undefined}', {"a": None}),
    ("comment", '{"a": 1, // one\n"b": /* two */ 2} # end', {"a": 1, "b": 2}),
    ("missing_bracket", '{"a": [1, {"b": 2', {"a": [1, {"b": 2}]}),
    ("missing_quote", '{"a": "cut of', {"a": "cut of"}),
    ("missing_value", '{"a": 1, "b":', {"a": 1, "b": None}),
    ("truncated_number", '{"a": 2e', {"a": 2}),
    ("concatenated_documents", '{"a": 1}\n{"b": 2}', [{"a": 1}, {"b": 2}]),
    ("superseded_document", 'First {"a": 1} no, rather {"a": 2}', {"a": 2}),
    ("double_encoding", json.dumps(json.dumps({"a": [1]})), {"a": [1]}),
    ("escaped_document", r"{\"a\": \"b\"}", {"a": "b"}),
    ("unescaped_quote", '{"a": "the "best" one"}', {"a": 'the "best" one'}),
    ("number_as_string", '{"zip": 02134, "ratio": 1/3}', {"zip": "02134", "ratio": "1/3"}),
    ("number_format", '{"a": 1_000, "b": .5}', {"a": 1000, "b": 0.5}),
    ("ellipsis", "[1, 2, ...]", [1, 2]),
    ("mismatched_bracket", '{"a": ["b"}, "c": 1}', {"a": ["b"], "c": 1}),
    ("missing_colon", '{"a" 1}', {"a": 1}),
    ("set_as_array", '{"a", "b"}', ["a", "b"]),
    ("parentheses", '{"a": (1, 2)}', {"a": [1, 2]}),
    ("function_call", '{"_id": ObjectId("12")}', {"_id": "12"}),
    ("control_character", '{"a": "two\nlines"}', {"a": "two\nlines"}),
    ("invalid_escape", r'{"a": "\d+"}', {"a": r"\d+"}),
    ("extra_bracket", '{"a": 1}}', {"a": 1}),
]


@pytest.mark.parametrize(("rule", "text", "value"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_mends_its_damage_and_says_so(rule: str, text: str, value: Any) -> None:
    """Each rule: the value that was meant, and an edit with the rule's name inside of the text."""
    repaired = repair_json(text)
    assert repaired.value == value
    assert rule in {edit.rule for edit in repaired.edits}
    assert all(0 <= edit.span[0] <= edit.span[1] <= len(text.encode()) for edit in repaired.edits)


def test_every_rule_is_described() -> None:
    """The page names each rule that can appear."""
    source = (ROOT / "rust/engine/src/repair/edits.rs").read_text()
    rules = [line.split('"')[1] for line in source.splitlines() if '=> "' in line]
    page = (ROOT / "docs" / "parsing.md").read_text()
    assert len(rules) > 40
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    kinds = {name: row[2].strip() for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert [rule for rule in rules if rule not in kinds] == []
    assert {rule for rule in rules if kinds[rule] == "n"} == NOTATION


def test_doubts_are_the_edits_beyond_notation() -> None:
    """A reading without doubts is the only one that the text has."""
    assert repair_json("```json\n{'a': True,} // x\n```").doubts == ()
    assert [edit.rule for edit in repair_json("{'a': [1").doubts] == ["missing_bracket", "missing_bracket"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2.50, -0, 1e3, true, null, "\\u00e9\\n"]}',
        " [] ",
        '"x"',
        "1",
        '{"a": 1, "a": 2}',
        r'"\ud800"',
    ],
)
def test_json_is_left_alone(text: str) -> None:
    """Valid JSON has the value that json.loads gives it, and no edit."""
    repaired = repair_json(text)
    assert repaired.value == json.loads(text)
    assert repaired.edits == ()


def test_big_integers_keep_every_digit() -> None:
    """Numbers are not read through a float."""
    assert repair_json("{a: 123456789012345678901234567890}").value == {"a": 123456789012345678901234567890}


@pytest.mark.parametrize("text", ["", "   ", "no JSON here", "I would say: yes, it is.", "..."])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Prose is not made into a value; the error says what to do."""
    with pytest.raises(UnrepairableJSON) as caught:
        repair_json(text)
    assert caught.value.what.endswith("holds no JSON value")
    assert "ask the model again" in caught.value.fix


@pytest.mark.parametrize("text", ["[" * 300, '{"a":' * 300, "[" * 300 + "]" * 300])
def test_too_deep_is_refused(text: str) -> None:
    """Depth is bounded, so that no text can exhaust the stack."""
    with pytest.raises(UnrepairableJSON, match="nests deeper than 128 levels"):
        repair_json(text)


def test_half_a_surrogate_pair_is_refused() -> None:
    """A str that no UTF-8 can hold is a named error, not a UnicodeEncodeError."""
    with pytest.raises(UnrepairableJSON, match="surrogate"):
        repair_json("{a: '\ud800'}")


def test_prose_around_is_not_taken_for_data() -> None:
    """Links, footnotes and placeholders beside a document are prose."""
    text = 'As [1] says for {user}:\n\n{"a": 1}\n\nSee [link].'
    assert repair_json(text).value == {"a": 1}


def test_a_repair_survives_pickle() -> None:
    """Executors carry results between processes."""
    repaired = repair_json("{a: 1}")
    assert pickle.loads(pickle.dumps(repaired)) == repaired


def test_the_spans_point_at_the_damage() -> None:
    """A span cuts out the bytes that were changed."""
    text = '{"é": True}'
    [edit] = repair_json(text).edits
    assert text.encode()[slice(*edit.span)] == b"True"


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the public corpus is not at {CORPUS}")
@pytest.mark.parametrize(("name", "share"), [("json_repair_py", 0.97), ("jsonrepair_js", 0.90)])
def test_public_cases_are_met(name: str, share: float) -> None:
    """The expectations of two other repairers' tests, where they ask for an object or array."""
    rows = [json.loads(line) for line in (CORPUS / f"{name}.jsonl").read_text().splitlines()]
    asked = [
        row
        for row in rows
        if isinstance(row.get("expected"), dict | list)
        and not any(row.get(k) for k in ("options", "schema", "error"))
    ]
    met = [row for row in asked if _value(row["input"]) == row["expected"]]
    assert len(asked) > 100
    assert len(met) / len(asked) >= share


def _value(text: str) -> Any:
    try:
        return repair_json(text).value
    except UnrepairableJSON as error:
        return error
