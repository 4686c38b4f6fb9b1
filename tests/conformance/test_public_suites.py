"""The public suites are the specification: JSON-Schema-Test-Suite and JSONTestSuite.

They are read from LLMHARNESS_CORPUS, else from where a checkout has them beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import Schema

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus"))
SUITE = CORPUS / "json_schema_test_suite"
TEXTS = CORPUS / "json_test_suite" / "test_parsing"
DRAFTS = ["4", "6", "7", "2019-09", "2020-12"]
# Of the optional ones, those that ask for what `formats=False` switches off, or a metaschema may.
NOT_ASSERTED = {"content.json", "format-assertion.json"}

needs_suite = pytest.mark.skipif(not SUITE.is_dir(), reason=f"the public suite is not at {SUITE}")
needs_texts = pytest.mark.skipif(not TEXTS.is_dir(), reason=f"the public suite is not at {TEXTS}")


def remotes(draft: str) -> dict[str, Any]:
    """The documents that the suite's references lead to: those of the draft, and of no other."""
    found = {}
    for path in (SUITE / "remotes").rglob("*.json"):
        place = path.relative_to(SUITE / "remotes")
        if place.parts[0] in (f"draft{draft}", path.name) or not place.parts[0].startswith(("draft", "v")):
            found[f"http://localhost:1234/{place.as_posix()}"] = json.loads(path.read_text("utf-8"))
    return found


def cases(draft: str, folder: str) -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    for path in sorted((SUITE / "tests" / f"draft{draft}" / folder).glob("*.json")):
        for group in json.loads(path.read_text("utf-8")):
            yield f"{path.name}: {group['description']}", group["schema"], group["tests"]


def wrong(draft: str, folder: str, *, formats: bool, leave: set[str] = frozenset()) -> tuple[int, list[str]]:  # type: ignore[assignment]
    """How many tests there are, and those on which the core and the suite disagree."""
    registry = remotes(draft)
    count, failed = 0, []
    for name, source, tests in cases(draft, folder):
        if name.split(":")[0] in leave:
            continue
        schema = Schema(source, draft=draft, registry=registry, formats=formats)
        for test in tests:
            count += 1
            text = json.dumps(test["data"])
            verdicts = {schema.accepts(text), schema.check(text).valid, schema.accepts_value(test["data"])}
            if verdicts != {test["valid"]}:
                failed.append(f"{name}: {test['description']}")
    return count, failed


@needs_suite
@pytest.mark.parametrize("draft", DRAFTS)
def test_required(draft: str) -> None:
    """All required tests of the draft, from text and from values."""
    count, failed = wrong(draft, ".", formats=False)
    assert not failed
    assert count > 500


@needs_suite
@pytest.mark.parametrize("draft", DRAFTS)
def test_formats(draft: str) -> None:
    """All tests of formats, which are asserted unless told otherwise."""
    count, failed = wrong(draft, "optional/format", formats=True)
    assert not failed
    assert count > 150


@needs_suite
@pytest.mark.parametrize("draft", DRAFTS)
def test_optional(draft: str) -> None:
    """What the suite calls optional: big numbers, ECMA patterns, compatibility."""
    leave = NOT_ASSERTED | {"cross-draft.json"}
    count, failed = wrong(draft, "optional", formats=False, leave=leave)
    assert not failed
    assert count > 80


@needs_suite
@pytest.mark.parametrize("draft", ["7", "2019-09", "2020-12"])
def test_documents_of_other_drafts(draft: str) -> None:
    """A reference into a document of another draft is read as that draft has it."""
    documents = {uri: document for each in DRAFTS for uri, document in remotes(each).items()}
    # Those that say in which draft they are written.
    registry = {uri: each for uri, each in documents.items() if isinstance(each, dict) and "$schema" in each}
    for name, source, tests in cases(draft, "optional"):
        if name.startswith("cross-draft.json"):
            schema = Schema(source, draft=draft, registry=registry, formats=False)
            assert [schema.accepts(json.dumps(test["data"])) for test in tests] == [
                test["valid"] for test in tests
            ]


@needs_suite
def test_content_is_asserted_with_formats() -> None:
    """Draft 7 lets `contentEncoding` and `contentMediaType` be asserted; they are, as formats are."""
    for _, source, tests in (case for case in cases("7", "optional") if case[0].startswith("content.json")):
        schema = Schema(source, draft="7")
        assert [schema.accepts(json.dumps(test["data"])) for test in tests] == [
            test["valid"] for test in tests
        ]


@needs_texts
def test_every_text_is_judged_as_the_grammar_has_it() -> None:
    """All y_ texts are JSON, no n_ text is, and what is up to us is refused where it loses something."""
    anything = Schema(True)
    files = sorted(TEXTS.glob("*.json"))
    verdicts = {path.name: anything.accepts(path.read_bytes()) for path in files}
    assert len(verdicts) > 300
    assert [name for name, valid in verdicts.items() if name.startswith("y_") and not valid] == []
    assert [name for name, valid in verdicts.items() if name.startswith("n_") and valid] == []
    taken = {name for name, valid in verdicts.items() if name.startswith("i_") and valid}
    # Integers keep their digits; a double may underflow to zero.
    assert taken == {
        "i_number_double_huge_neg_exp.json",
        "i_number_real_underflow.json",
        "i_number_too_big_neg_int.json",
        "i_number_too_big_pos_int.json",
        "i_number_very_big_negative_int.json",
    }


@needs_texts
def test_streams_judge_every_text_alike() -> None:
    """Byte by byte, a text is doomed exactly where it is no beginning of JSON, and complete where it is JSON."""
    anything = Schema(True)
    for path in sorted(TEXTS.glob("*.json")):
        text = path.read_bytes()
        if len(text) > 10_000:
            continue
        stream = anything.stream()
        states = [stream.feed(text[at : at + 1]) for at in range(len(text))]
        assert (states[-1:] == ["complete"]) is anything.accepts(text), path.name
