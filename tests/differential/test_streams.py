"""A stream is doomed at the first byte after which nothing helps: checked against all that could follow."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import time
from collections.abc import Iterable
from typing import Any

import pytest

from pytest_llmharness import Schema

from . import fragment
from .schemas import DRAFTS, SchemaSource
from .values import ValueSource, spelled

# `make fuzz` raises it.
SCHEMAS = min(int(os.environ.get("LLMHARNESS_FUZZ_PAIRS", "2000")) // 50, 400)
# Of the prefixes that nothing in the vocabulary goes on with, so many are looked into.
SEARCHES = 150
TEXTS = fragment.texts()


def prefixes(texts: Iterable[str]) -> set[str]:
    return {text[:end] for text in texts for end in range(len(text) + 1)}


def states(schema: Schema, text: str) -> list[str]:
    """What the stream says after each byte; all of the texts here are ASCII."""
    stream = schema.stream()
    return [stream.feed(letter) for letter in text]


CLOSERS = [
    '"',
    "]",
    "}",
    ":",
    "ull",
    "ll",
    "l",
    "rue",
    "ue",
    "e",
    "alse",
    "lse",
    "se",
    "u0061",
    "061",
    "61",
    "1",
]
PIECES = [
    *(",", "[", "{", "null", "true", "1", "2", "15", "-1", "0", "1.5", "false", '""', '"a"', '"b"', '"ab"', '"a":'),
    *('"b":', '"ab":', "a", "b", "ab", "u0062", "0062", "062", "62", "2", "e0", "e1", "e-1", ".5", ".1", "e-9", "5"),
    *("9", "-400", "00", "[]", "{}", "0061b", "061b", "61b", "1b", "9" * 20, "." + "9" * 20),
]  # fmt: skip


def goes_on(schema: Schema, source: Any, prefix: str) -> bool:
    """Whether a valid text that begins like this is found by walking on at random."""
    rng = random.Random(prefix)
    steps = fragment.steps(source)
    for _ in range(150):
        text = prefix
        for _ in range(20):
            if schema.accepts(text):
                return True
            far = rng.sample(steps, len(steps)) if rng.random() < 0.5 else []
            near = rng.sample(CLOSERS, len(CLOSERS)) if rng.random() < 0.5 else []
            pieces = far + near + rng.sample(PIECES + CLOSERS, len(PIECES) + len(CLOSERS))
            # The stream only leads the way: what is found is judged by the verdict on the whole text.
            text = next((text + each for each in pieces if schema.stream().feed(text + each) != "doomed"), "")
            if not text:
                break
    return False


def faults(schema: Schema, source: Any, texts: list[str], endings: list[str]) -> list[str]:
    """Prefixes of the texts on which the stream is wrong: too early, too late, or wrong about being whole."""
    valid = [text for text in texts if schema.accepts(text)]
    viable = prefixes(valid)
    exact = schema.stream().exact
    found: list[str] = []
    open_: list[str] = []
    known: set[str] = set()
    for text in texts:
        for end, state in enumerate(states(schema, text), start=1):
            prefix = text[:end]
            if prefix in known:
                continue
            known.add(prefix)
            if state == "doomed" and prefix in viable:
                found.append(f"too early: {prefix}")
            if (state == "complete") is not schema.accepts(prefix):
                found.append(f"{state}: {prefix}")
            if state != "doomed" and exact and prefix not in viable:
                open_.append(prefix)
    shown = (any(schema.accepts(prefix + ending) for ending in endings) for prefix in open_)
    left = [prefix for prefix, is_shown in zip(open_, shown, strict=True) if not is_shown]
    left = random.Random(0).sample(left, min(len(left), SEARCHES))
    return found + [f"too late: {prefix}" for prefix in left if not goes_on(schema, source, prefix)]


@pytest.mark.parametrize("number", range(SCHEMAS))
def test_doomed_at_the_first_byte(number: int) -> None:
    """On the documented fragment a prefix is doomed if and only if no text goes on with it to a valid end."""
    source = fragment.schema(random.Random(f"fragment/{number}"))
    schema = Schema(source)
    assert schema.stream().exact, source
    assert faults(schema, source, TEXTS, []) == [], source


NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\Z")
NUMBERS = [
    text
    for size in range(1, 6)
    for text in map("".join, itertools.product("-0159.e", repeat=size))
    if NUMBER.match(text)
]
MANTISSAS = [
    "",
    "1",
    "5",
    "9",
    "0",
    ".1",
    ".5",
    "01",
    ".01",
    ".0001",
    "9" * 20,
    "." + "9" * 20,
    "." + "0" * 20 + "1",
]
# What may make a number of any size of the digits so far, or zero.
ENDINGS = [
    mantissa + exponent
    for mantissa in MANTISSAS
    for exponent in ["", *(f"e{power}" for power in (*range(-30, 31), -400, 299, 300, 301, 302, 305))]
] + [str(power) for power in (*range(31), 299, 300, 301, 399)] + [f"-{power}" for power in (*range(31), 399)]  # fmt: skip
BOUNDS: list[Any] = [
    {"type": "integer", "minimum": 0, "maximum": 14},
    {"maximum": 14},
    {"minimum": 10, "maximum": 20},
    {"type": "integer", "minimum": 100},
    {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
    {"enum": [1, 5, 10]},
    {"const": 0},
    {"const": -1.5},
    {"const": 15},
    {"type": "integer", "maximum": -10},
    {"minimum": 0.5, "maximum": 0.59},
    {"minimum": 5, "maximum": 5},
    {"type": "integer", "minimum": 0.1, "maximum": 0.9},
    {"const": 1e20},
    {"const": 10**20 + 1},
    {"maximum": -0.0},
    {"type": "integer", "enum": [1.5, 9]},
    {"minimum": 1e300},
]


@pytest.mark.parametrize("draft", ["2020-12", "4"])
@pytest.mark.parametrize("bounds", BOUNDS, ids=json.dumps)
def test_numbers_are_doomed_at_the_first_digit(draft: str, bounds: Any) -> None:
    """`15` under maximum 14 is viable, because of 15e-1; in draft 4 an integer has digits and nothing else."""
    if draft == "4" and {"const", "exclusiveMinimum"} & set(bounds):
        return
    schema = Schema(bounds, draft=draft)
    plain = str(bounds.get("const", ""))
    assert faults(schema, bounds, NUMBERS, [*ENDINGS, *(plain[at:] for at in range(len(plain)))])[:5] == []


def test_what_can_still_be_divided_is_viable() -> None:
    """The case that looks doomed and is not, and its neighbours."""
    fourteen = Schema({"maximum": 14, "minimum": 0, "type": "integer"})
    assert states(fourteen, "150e-1")[1:] == ["viable", "viable", "viable", "viable", "viable"]
    assert states(fourteen, "15")[-1] == "viable"
    assert states(fourteen, "140e-1")[-1] == "complete"
    assert states(fourteen, "-1")[-1] == "viable"  # -1e-400 is zero
    assert states(Schema({"maximum": 14, "type": "integer"}, draft="4"), "15") == ["complete", "doomed"]
    assert (
        states(fourteen, "15e-1")[-1] == "viable"
    )  # 15e-10 is no integer, 1500e-10 neither, 15e-1000 is zero


@pytest.mark.parametrize("share", range(max(2, SCHEMAS // 10)))
def test_no_valid_text_is_ever_doomed(share: int) -> None:
    """Over all keywords: bytes of a valid text never doom it; an invalid one never counts as complete at its end."""
    for number in range(60):
        rng = random.Random(f"streams/{share}/{number}")
        draft = rng.choice(list(DRAFTS))
        source = SchemaSource(rng, draft)
        document = source.document()
        schema = Schema(document)
        for _ in range(6):
            text = spelled(rng, ValueSource(rng, document, source).value()).encode()
            stream = schema.stream()
            said = [stream.feed(text[at : at + 1]) for at in range(len(text))]
            if schema.accepts(text):
                assert "doomed" not in said, (document, text)
                assert said[-1] == "complete"
            else:
                assert said[-1] != "complete", (document, text)
            if "doomed" in said:
                assert set(said[said.index("doomed") :]) == {"doomed"}
                assert stream.violations


CHUNKED: list[tuple[Any, bytes]] = [
    ({"type": "object", "properties": {"é\n": {"enum": ["\U0001f600", "b"]}}, "additionalProperties": False}, text)
    for text in (
        '{"é\\n": "\\ud83d\\ude00"}'.encode(),
        '{"\\u00e9\\u000a" : "😀"}'.encode(),
        '{"é\\n": "😁"}'.encode(),
        '{"é\\n": "\\ud83d\\ude01"}'.encode(),
        b'{"\xc3\x28": 1}',
        b'{"\\u00e9\\n": "b", "c": 1}',
    )
] + [
    ({"items": {"anyOf": [{"maximum": 3}, {"const": "a"}]}}, b'[1.5e0, "\\u0061", 2, 30e-1, 4]'),
    ({"uniqueItems": True}, b'[1, 1.0, "x"] '),
    ({"unevaluatedProperties": False, "properties": {"a": {}}}, b'{"a": [1, {"b": "\\""}], "c": 1}'),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text"), CHUNKED)
def test_any_chunking_equals_the_whole(source: Any, text: bytes) -> None:
    """Wherever the text is cut, inside an escape or a character too, the stream ends in the same state."""
    schema = Schema(source)
    whole = schema.stream()
    end = whole.feed(text)
    assert (end == "complete") is schema.accepts(text)
    for first, second in itertools.combinations(range(len(text) + 1), 2):
        stream = schema.stream()
        for chunk in (text[:first], text[first:second], text[second:]):
            state = stream.feed(chunk)
        assert state == end
        assert stream.violations == whole.violations


LONG: dict[str, tuple[Any, bytes, bytes, bytes]] = {
    "items": ({"items": {"type": "integer", "maximum": 9}}, b"[", b"1,", b"1]"),
    "a string": ({"type": "string", "minLength": 2}, b'"', "é\\n".encode(), b'"'),
    "a name": ({"additionalProperties": {"type": "null"}}, b'{"', b"ab", b'": null}'),
    "digits": ({"type": "integer", "minimum": 3}, b"[1", b"0", b"e-200000]"),
    "decimals": ({"minimum": 0, "maximum": 3}, b"[0.", b"01", b"]"),
    "an exponent": ({"items": {"minimum": 0}}, b"[1e", b"00", b"1]"),
    "members": ({"type": "object"}, b"{", b'"a": [1], ', b'"b": 1}'),
    "alternatives": ({"items": {"anyOf": [{"type": "null"}, {"const": 1}, {"const": 2}]}}, b"[", b"2, ", b"2]"),
    "a look at the end": ({"uniqueItems": True}, b"[", b"[1], ", b"2]"),
    "space": ({"type": "null"}, b" ", b" \n", b"null"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "start", "part", "end"), LONG.values(), ids=LONG.keys())
def test_time_is_linear_in_the_bytes(source: Any, start: bytes, part: bytes, end: bytes) -> None:
    """Sixteen times the bytes take about sixteen times as long; quadratic work would take 256."""

    def seconds(size: int) -> float:
        text = start + part * (size // len(part)) + end
        stream = Schema(source).stream()
        chunks = [text[at : at + 16] for at in range(0, len(text), 16)]
        began = time.thread_time()
        for chunk in chunks:
            stream.feed(chunk)
        return time.thread_time() - began

    few = min(seconds(20_000) for _ in range(5))
    many = min(seconds(320_000) for _ in range(3))
    assert many < 80 * few + 0.005
