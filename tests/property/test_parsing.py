"""The output parser on any text: a result, and the same one for any chunking."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import OutputParser
from pytest_llmharness.parsing import grammars

MARKERS = sorted({marker for row in grammars() for marker in row.markers})
CALL = '{"name": "f", "arguments": {"a": 1}}'
PIECES = [
    *MARKERS, CALL, f"[{CALL}]", '{"a": 1}', "f(x=1)", "[f(x='a')]", "f>", "<parameter=k>v</parameter>", "</function>",
    "</tool_call>", "<think>", "</think>", "{", "}", "[", "]", '"', "'", "\n", " ", "text", "to=functions.f<|message|>",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)
PARSER = OutputParser()
STRICT = OutputParser(strict=True)

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(TEXTS, st.lists(st.integers(min_value=1, max_value=9), min_size=1), st.sampled_from([PARSER, STRICT]))
@settings(max_examples=500)
def test_any_chunking_gives_what_the_whole_gives(text: str, widths: list[int], parser: OutputParser) -> None:
    """Text, thinking, calls, documents, edits, readings; and the events add up to them."""
    whole = parser.parse(text)
    stream = parser.stream()
    events, at, turn = [], 0, 0
    while at < len(text):
        width = widths[turn % len(widths)]
        events += stream.feed(text[at : at + width])
        at, turn = at + width, turn + 1
    assert stream.close() == whole
    events += stream.last_events
    assert [event.call for event in events if event.kind == "tool_call"] == list(whole.tool_calls)
    if all(event.kind != "text_was_thinking" for event in events):
        assert "".join(event.text for event in events if event.kind == "text") == whole.text


@given(st.text())
def test_text_without_markers_is_text(text: str) -> None:
    """Nothing is lost from plain text, whatever characters it has."""
    plain = text.replace("<", "").replace("[", "").replace("(", "").replace("{", "").replace("Action", "")
    assert PARSER.parse(plain).text == plain


@given(NAMES, ARGUMENTS)
@settings(max_examples=300)
def test_arguments_come_back_as_they_went(name: str, arguments: dict[str, Any]) -> None:
    """Any name, any JSON, markers and quotes inside of strings included."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    for text in (
        f"<tool_call>{body}</tool_call>",
        f"[TOOL_CALLS]{name}{json.dumps(arguments)}",
        f"Well:\n```json\n{body}\n```",
        f"<|channel|>commentary to=functions.{name}<|message|>{json.dumps(arguments)}<|call|>",
    ):
        assert [(call.name, call.arguments) for call in PARSER.parse(text).tool_calls] == [(name, arguments)]


@given(
    NAMES,
    st.dictionaries(
        NAMES, st.text(alphabet=st.characters(codec="utf-8", exclude_characters="<\r")), max_size=3
    ),
)
def test_string_arguments_between_tags_are_kept(name: str, arguments: dict[str, str]) -> None:
    """With a schema that says string, the text between the tags is the value, whatever it looks like."""
    tool = {"name": name, "parameters": {"properties": {key: {"type": "string"} for key in arguments}}}
    pairs = "".join(f"<parameter={key}>\n{value}\n</parameter>" for key, value in arguments.items())
    [call] = OutputParser(tools=[tool]).parse(f"<function={name}>{pairs}</function>").tool_calls
    assert call.arguments == arguments
