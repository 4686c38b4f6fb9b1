"""A byte-level BPE vocabulary (GPT-2's scheme), learnt from a handful of sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PIECES = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+")
_OPEN_QUOTE = ("Ġ", '"')


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in id order, and the merges that make them.

    Attributes:
        tokens: token texts in GPT-2's printable spelling of bytes; special tokens as they are.
        merges: pairs to join, first learnt first, as `"left right"`.
        specials: how many of the last tokens are special.
    """

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    specials: int

    def ids(self) -> dict[str, int]:
        """Map each token text to its id."""
        return {token: index for index, token in enumerate(self.tokens)}


def byte_spelling() -> dict[int, str]:
    """Give every byte the printable character by which GPT-2 spells it."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    spelling = {byte: chr(byte) for byte in printable}
    hidden = (byte for byte in range(256) if byte not in spelling)
    spelling.update({byte: chr(256 + index) for index, byte in enumerate(hidden)})
    return spelling


def spell(text: str) -> str:
    """Write a text in GPT-2's spelling: a space becomes `Ġ`, a newline `Ċ`."""
    spelling = byte_spelling()
    return "".join(spelling[byte] for byte in text.encode())


def pieces(text: str) -> list[str]:
    """Cut a plain English text as the GPT-2 pre-tokenizer does, spelt."""
    return [spell(piece) for piece in _PIECES.findall(text)]


def learn(texts: Iterable[str], specials: Sequence[str]) -> Vocabulary:
    """Learn merges until every word of the texts is one token.

    Punctuation is never joined, but for a space before a quote: JSON is then written one mark at a
    time, which leaves every step to the grammar. Ties go to the pair that sorts first, so the same
    texts always give the same vocabulary.
    """
    words = Counter(tuple(piece) for text in texts for piece in pieces(text) if piece.strip("Ġ").isalpha())
    merges = [_OPEN_QUOTE]
    pairs: Counter[tuple[str, str]] = Counter()
    for word, count in words.items():
        _count(pairs, word, count)
    while pair := min(pairs, key=lambda pair: (-pairs[pair], pair), default=None):
        merges.append(pair)
        _join(words, pairs, pair)
    alphabet = [byte_spelling()[byte] for byte in range(256)]
    made = dict.fromkeys(left + right for left, right in merges)
    return Vocabulary((*alphabet, *made, *specials), tuple(" ".join(pair) for pair in merges), len(specials))


def _count(pairs: Counter[tuple[str, str]], word: tuple[str, ...], count: int) -> None:
    for pair in zip(word, word[1:], strict=False):
        pairs[pair] += count
        if not pairs[pair]:
            del pairs[pair]


def _join(words: Counter[tuple[str, ...]], pairs: Counter[tuple[str, str]], pair: tuple[str, str]) -> None:
    """Join a pair in every word that has it, and keep the count of pairs up to date."""
    for word in [word for word in words if pair in zip(word, word[1:], strict=False)]:
        parts: list[str] = []
        for part in word:
            if parts and (parts[-1], part) == pair:
                parts[-1] += part
            else:
                parts.append(part)
        count = words.pop(word)
        words[tuple(parts)] += count
        _count(pairs, word, -count)
        _count(pairs, tuple(parts), count)
