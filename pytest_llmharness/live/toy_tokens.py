"""A byte-level BPE vocabulary (GPT-2's scheme), learnt from a handful of sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

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


def _byte_spelling() -> dict[int, str]:
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    hidden = (byte for byte in range(256) if byte not in printable)
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + index) for index, byte in enumerate(hidden)
    }


_SPELLING = _byte_spelling()


def spell(text: str) -> str:
    """Write a text in GPT-2's printable spelling of bytes: a space becomes `Ġ`, a newline `Ċ`."""
    return "".join(_SPELLING[byte] for byte in text.encode())


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
    merges = [_OPEN_QUOTE, *_merges(words)]
    alphabet = [_SPELLING[byte] for byte in range(256)]
    made = dict.fromkeys(left + right for left, right in merges)
    return Vocabulary((*alphabet, *made, *specials), tuple(" ".join(pair) for pair in merges), len(specials))


def _merges(words: Counter[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Join the commonest pair until none is left. Entries of the heap whose count has passed are skipped."""
    pairs: Counter[tuple[str, str]] = Counter()
    for word, count in words.items():
        _count(pairs, word, count)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapify(heap)
    while heap:
        count, pair = heappop(heap)
        if pairs[pair] == -count > 0:
            yield pair
            for changed in _join(words, pairs, pair):
                heappush(heap, (-pairs[changed], changed))


def _join(
    words: Counter[tuple[str, ...]], pairs: Counter[tuple[str, str]], pair: tuple[str, str]
) -> set[tuple[str, str]]:
    """Join a pair in every word that has it; return the pairs that are now counted anew."""
    changed = set()
    for word in [word for word in words if pair[0] in word and pair in zip(word, word[1:], strict=False)]:
        joined = _joined(word, pair)
        count = words.pop(word)
        words[joined] += count
        changed |= _count(pairs, word, -count)
        changed |= _count(pairs, joined, count)
    return changed


def _joined(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    parts: list[str] = []
    for part in word:
        if parts and (parts[-1], part) == pair:
            parts[-1] += part
        else:
            parts.append(part)
    return tuple(parts)


def _count(pairs: Counter[tuple[str, str]], word: tuple[str, ...], count: int) -> set[tuple[str, str]]:
    neighbours = list(zip(word, word[1:], strict=False))
    for pair in neighbours:
        pairs[pair] += count
    return set(neighbours)
