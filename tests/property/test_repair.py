"""Repair of any text: a result or a named error, valid JSON untouched, linear work."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import OutputParser, Repaired, UnrepairableJSON, coerce_json, repair_json

PIECES = [
    *"{}[]():,\"'`\\/#\n -.",
    "“",
    "”",
    "```json\n",
    "//",
    "/*",
    "True",
    "key",
    "12",
    "é",
    "\\u00",
    '\\"',
]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)
# Of a cut-off string that holds brackets, "cut off" and "lost its quote" are equally good readings.
PLAIN = st.text(
    st.characters(codec="utf-8", exclude_characters="{}[]()\\\",:'/#`\u201c\u201d\u201e\u2018\u2019\u00b4"),
    max_size=8,
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
PLAIN_VALUES = st.recursive(
    SCALARS | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4),
    max_leaves=12,
)


def _repaired(text: str) -> Repaired | None:
    try:
        return repair_json(text)
    except UnrepairableJSON:
        return None


@given(TEXTS)
@settings(max_examples=500)
def test_any_text_gives_a_value_or_a_named_error(text: str) -> None:
    """Whatever the value is, it is JSON; where the text was none, an edit says so."""
    repaired = _repaired(text)
    if repaired is None:
        return
    assert json.loads(json.dumps(repaired.value)) == repaired.value
    assert all(0 <= start <= end <= len(text.encode()) for (start, end), _ in repaired.edits)
    if not repaired.edits:
        assert json.loads(text) == repaired.value


@given(VALUES, st.booleans())
def test_json_passes_unchanged(value: Any, is_ascii: bool) -> None:
    """Valid JSON has no edit; a doubly encoded container is the one case, and says so."""
    text = json.dumps(value, ensure_ascii=is_ascii)
    repaired = repair_json(text)
    if repaired.edits:
        assert isinstance(value, str)
        assert {edit.rule for edit in repaired.edits} == {"double_encoding"}
    else:
        assert repaired.value == value


@given(st.dictionaries(PLAIN, PLAIN_VALUES, min_size=1, max_size=4), st.integers(min_value=1))
@settings(max_examples=300)
def test_a_cut_off_object_keeps_what_came(value: dict[str, Any], cut: int) -> None:
    """Of a truncated object, every member but the last one that arrived is whole."""
    text = json.dumps(value, ensure_ascii=False)
    repaired = repair_json(text[: 1 + cut % len(text)])
    assert isinstance(repaired.value, dict)
    assert all(value[key] == kept for key, kept in list(repaired.value.items())[:-1])


@given(
    st.sampled_from(["```json\n{}\n```", "Here you are: {} - done.", "{},", "/* note */ {}", "\ufeff{}"]),
    VALUES,
)
def test_wrapping_does_not_change_a_value(wrapping: str, value: Any) -> None:
    """Fences, prose, commas and comments around an object are passed, and said."""
    inner = {"value": value}
    repaired = repair_json(wrapping.replace("{}", json.dumps(inner)))
    assert repaired.value == inner
    assert repaired.edits


HOSTILE = [
    "{", "[", "{a: ", '["', "a", '{"a": "\\"', "```", "'", "{key value ", '{"a": "x, "y" ', '["a" b "c" ', "(", "{5}",
    '{"a": "x, {b: ', "['a", '{"a": /*', '{"a":1}{"a":2} ', "[1] a ", '{"a": "\\', '{"a":"“”„', '[{"a":1 "a":2 ', "# ",
]  # fmt: skip


@given(st.sampled_from(HOSTILE))
@settings(max_examples=len(HOSTILE), deadline=None)
def test_edits_grow_with_the_text_and_not_faster(seed: str) -> None:
    """Four times the text: at most about four times the changes, whatever is repeated."""
    small, large = _repaired(seed * 100), _repaired(seed * 400)
    if small is not None and large is not None:  # the large one may nest too deep
        assert len(large.edits) <= 5 * len(small.edits) + 20


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize(
    "seed", [*HOSTILE, "#", "a #", "<tool_call>", "<invoke name=", "f(x='", "Action: f\n"]
)
@pytest.mark.parametrize("before", ["", "a "], ids=["bare", "prose"])
def test_time_is_linear_in_the_text(before: str, seed: str) -> None:
    """Sixteen times the text takes far from 256 times as long, repaired, parsed and streamed."""
    parser = OutputParser()
    small, large = (before + seed * (size // len(seed)) for size in (4_000, 64_000))

    def streamed(text: str) -> None:
        stream = parser.stream()
        for at in range(0, len(text), 64):
            stream.feed(text[at : at + 64])
        stream.close()

    for read in (_repaired, parser.parse, streamed):
        quick = min(_seconds(lambda read=read: read(small)) for _ in range(3))
        slow = min(_seconds(lambda read=read: read(large)) for _ in range(2))
        assert slow < max(48 * quick, 0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count the peak in other units")
def test_memory_is_bounded_by_the_text() -> None:
    """Half a megabyte of anything takes less than 200 bytes a byte, in a process of its own."""
    code = (
        "import json, resource, sys\n"
        "from pytest_llmharness import OutputParser, UnrepairableJSON, repair_json\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "parser, before = OutputParser(), peak()\n"
        "for seed in json.loads(sys.argv[1]):\n"
        "    text = seed * (500_000 // len(seed))\n"
        "    parser.parse(text)\n"
        "    try: repair_json(text)\n"
        "    except UnrepairableJSON: pass\n"
        "print((peak() - before) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(HOSTILE)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 100


@given(
    TEXTS,
    st.sampled_from(
        [{"type": "integer"}, {"type": "array", "items": {"enum": ["a", "b"]}}, {"type": "object"}]
    ),
)
@settings(max_examples=300)
def test_coercion_of_any_text_ends(text: str, schema: dict[str, Any]) -> None:
    """A value of the type that was asked for, or a named error."""
    kinds = {"integer": int, "array": list, "object": dict}
    try:
        value = coerce_json(text, schema).value
    except UnrepairableJSON:
        return
    assert isinstance(value, kinds[schema["type"]])
