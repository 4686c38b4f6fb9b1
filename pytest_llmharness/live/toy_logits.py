"""Which token the toy model likes after which: bigram counts, and the order in which JSON may close.

A text answer only ever follows an edge seen in the sentences. Everything else is a fallback, far
below the edges and never drawn in free text. Fallbacks matter under a grammar: llama.cpp forbids
the words, and what is left must close the string, the list and the object rather than open more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

from .toy_text import END, SENTENCES, TOOL_CALL, TOOL_CALL_END, TURN
from .toy_tokens import pieces, spell

SHORTEST_ANSWER = 6
"""How many tokens, the full stop included, a text answer has at least."""

SIGNAL = 30.0
"""What seeing the tools adds to the logit of a tool call, and what seeing a result takes away."""

_DIGITS = "0123456789"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_QUOTE, _OPEN_QUOTE, _NEWLINE = '"', spell(' "'), spell("\n")
_VALUES = {_OPEN_QUOTE: 0.0, _QUOTE: -1.0, "{": -1.5, "[": -5.0, "-": -9.0, "t": -4.0, "f": -4.0, "n": -6.0}
_VALUES |= {digit: -3.0 - 0.1 * index for index, digit in enumerate("4271539860")}
_CLOSING = {END: 0.0, "]": -1.0, "}": -1.4, ",": -1.7, TOOL_CALL_END: 6.0, _NEWLINE: -6.0}


@dataclass(frozen=True)
class Logits:
    """A dense table by two rules: a column's default, and rows of exceptions.

    Attributes:
        default: what each token gets after any token.
        rows: what single tokens get after one given token.
    """

    default: Mapping[str, float]
    rows: Mapping[str, Mapping[str, float]]


def logits(tokens: Iterable[str]) -> Logits:
    """Build the table for a vocabulary that keeps the sentences' words whole."""
    return Logits({token: _fallback(token) for token in tokens}, {**_word_rows(), **_mark_rows()})


def _fallback(token: str) -> float:
    ranked = {_QUOTE: -12, "}": -13, "]": -12.7, ":": -13.5, END: -14, ",": -15, TOOL_CALL_END: -24}
    if token in ranked:
        return ranked[token]
    if token == TOOL_CALL:
        return -20 - SIGNAL
    if token.startswith("<|"):
        return -60
    if token in _DIGITS or token in _CAPITALS:
        return -20
    return -24 if len(token) > 1 else -22 if token.isascii() and token.isalpha() else -28


def _word_rows() -> dict[str, dict[str, float]]:
    edges = _edges()
    steps = _steps_to_stop(edges)
    rows = {}
    for word, followers in edges.items():
        total = sum(followers.values())
        rows[word] = {after: round(log(count / total), 3) for after, count in followers.items()}
        nearest = min(followers, key=lambda after: (steps[after], -followers[after], after))
        rows[word][nearest] = round(max(rows[word].values()) + 0.7, 3)
    starts = _starts(steps)
    rows["."] = {END: 0.0, _QUOTE: -10.0, **dict.fromkeys((spell(f" {word}") for word in starts), -14.0)}
    rows[_QUOTE] = {**starts, END: -8.0, ":": -9.0, "]": -9.2, "}": -9.5, ",": -10.0}
    rows[_OPEN_QUOTE] = rows[_QUOTE]
    rows[TURN] = {**starts, TOOL_CALL: -20.0, **{mark: value - 10 for mark, value in _VALUES.items()}}
    return rows


def _edges() -> dict[str, Counter[str]]:
    edges: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in SENTENCES:
        words = pieces(sentence)
        for word, after in zip(words, words[1:], strict=False):
            edges[word][after] += 1
        edges[spell(" ") + words[0]][words[1]] += 1
    return dict(edges)


def _steps_to_stop(edges: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Count the words between each word and the nearest full stop that follows it."""
    steps = {".": 0}
    while missing := {
        word: 1 + min(steps[after] for after in followers if after in steps)
        for word, followers in edges.items()
        if word not in steps and any(after in steps for after in followers)
    }:
        steps |= missing
    return steps


def _starts(steps: Mapping[str, int]) -> dict[str, float]:
    """Weigh the first words of sentences, leaving out those that may end too soon."""
    firsts = Counter(pieces(sentence)[0] for sentence in SENTENCES)
    long = {word: count for word, count in firsts.items() if steps[word] >= SHORTEST_ANSWER - 1}
    return {word: round(log(count / sum(long.values())), 3) for word, count in long.items()}


def _mark_rows() -> dict[str, dict[str, float]]:
    after_number = {END: -1.0, "]": -1.2, "}": -1.5, ",": -1.7, _QUOTE: -2.2, ".": -3.0}
    after_number |= dict.fromkeys(_DIGITS, -3.5)
    scalars = dict.fromkeys(("true", "false", "null"), _CLOSING)
    return {
        **dict.fromkeys(_DIGITS, after_number),
        **scalars,
        "}": _CLOSING,
        "]": _CLOSING,
        ":": _VALUES,
        ",": _VALUES,
        "[": {**_VALUES, "]": -5.5},
        "{": {_QUOTE: 0.0, "}": -3.0},
        _NEWLINE: {"{": 0.0, TOOL_CALL_END: -2.0},
        TOOL_CALL: {_NEWLINE: 0.0},
        TOOL_CALL_END: {END: 0.0},
    }
