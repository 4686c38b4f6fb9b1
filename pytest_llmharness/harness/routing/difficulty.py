"""How hard a request looks, from its words and its length (article 004)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from types import MappingProxyType

from ...domain.frozen import dataclass

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"architecture": 0.8, "design": 0.7, "refactor": 0.6, "bug": 0.3, "implement": 0.7, "optimize": 0.5}
)


@dataclass(frozen=True, slots=True)
class ComplexityRules:
    """What makes a request hard.

    Args:
        weights: the weight of a word, wherever it stands as a whole word.
        chars_per_point: characters that count as 1.0.
        most_for_length: the most that length alone counts.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    chars_per_point: int = 1000
    most_for_length: float = 0.2


@dataclass(frozen=True, slots=True)
class Complexity:
    """An estimate in 0..1, and what it is made of.

    Args:
        score: the heaviest word's weight and the length's part, at most 1.0.
        words: the words found, heaviest first.
        for_length: the length's part.
    """

    score: float
    words: tuple[str, ...] = ()
    for_length: float = 0.0


def complexity(text: str, rules: ComplexityRules | None = None) -> Complexity:
    """Estimate how hard a request is.

    The heaviest word counts, not the sum: a text that names the same thing twice is not twice as hard.
    Letters on both sides make another word ("designer"); an underscore or a digit sign does not.

    ```python
    assert complexity("design").score == 0.706
    assert complexity("What is the time?").score <= 0.2
    ```

    Args:
        text: what the user asks; its characters are counted.
        rules: the words and their weights.
    """
    rules = rules or ComplexityRules()
    found = {match.casefold() for match in _pattern(tuple(rules.weights)).findall(text)}
    weights = {word.casefold(): weight for word, weight in rules.weights.items()}
    words = tuple(sorted(found, key=lambda word: (-weights[word], word)))
    for_length = min(len(text) / rules.chars_per_point, rules.most_for_length)
    heaviest = weights[words[0]] if words else 0.0
    # Rounded, because 0.6 + 0.101 must be 0.701 and 0.5 + 0.2 no more than 0.7.
    return Complexity(round(min(heaviest + for_length, 1.0), 9), words, round(for_length, 9))


@lru_cache(maxsize=32)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    if not words:
        return re.compile(r"(?!)")
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])", re.IGNORECASE)
