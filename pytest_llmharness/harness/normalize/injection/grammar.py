"""The little language the rules are written in, and how it is matched.

A pattern is a row of pieces, found in a sentence in this order:

- `rule*` a word that begins so; `a|b` one of several words; `(a b|c)` one of several rows of words
- `[name]` an entry of a list; an entry has one or more words; `[a|b]` an entry of either list
- `.` at most one word between, `..` at most four, `...` at most eight
- a piece that ends in `?` may be missing, but for the first and the last
- `a & b` both rows in any order, within reach of a sentence
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .phrases import Phrases, entries
from .words import Vocabulary, Word

_PIECE = re.compile(r"\([^)]*\)\??|\[[^\]]*\]\??|\S+")
_CORE = {"override": 0.7, "guards": 0.6}  # by name; 1 for others
_REACH = 16
_GAPS = {".": 1, "..": 4, "...": 8}
_GAPS_UNSPACED = {".": 2, "..": 7, "...": 16}


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what it is evidence of.

    Args:
        name: what the pattern is part of.
        weight: how much it says; evidence that adds up to 1 within reach is an attack.
        pattern: in the little language.
        directed: counts only where the words address the reader ("ignore", not "they ignore").
        topical: does not count where a topic of its own follows ("the rules for the pool").
        beside: counts only near evidence of one of these names, set apart by `|`.
    """

    name: str
    weight: float
    pattern: str
    directed: bool = False
    topical: bool = False
    beside: str = ""

    @property
    def is_core(self) -> bool:
        """Whether it is also looked for in words whose letters were pulled apart."""
        return self.weight >= _CORE.get(self.name, 1) and " " in self.pattern and "&" not in self.pattern


@dataclass(frozen=True, eq=False)
class Language:
    """The words of one language and its rules over them.

    Args:
        lists: entries by name, set apart by commas.
        rules: patterns over the lists.
        own: words of other people's matters: "my" in "ignore my last message".
        keep: verbs that change the sense of what follows: "follow" in "ignore him and follow the rules".
        openers: words a command may follow: "please", "and", "you must".
        adverbs: words that may stand between an opener and its command.
        refusals: words that turn a command into its opposite: "never".
        topics: prepositions that name a topic: "about" in "the rules about parking".
        conditions: how a clause begins that makes the order one for owners of a thing: "if your oven ...".
        places: words that send the reader of a paper on: "page" in "go to page 12".
        artefacts: what is called after orders and is none: "pointer" in "the previous instruction pointer".
        qualities: what may stand before the orders of a topical rule, by itself or by its ending: "silly",
            "*ous"; any other word names a matter: "payment" in "ignore the payment instructions".
        indefinite: articles of what is spoken of in general: "a" in "explain what a system prompt is".
        self: what is no topic of its own: "your" in "the rules in your prompt".
        spaced: whether spaces stand between words.
    """

    lists: Mapping[str, str]
    rules: tuple[Rule, ...]
    own: str = ""
    keep: str = ""
    openers: str = ""
    adverbs: str = ""
    refusals: str = ""
    topics: str = ""
    conditions: str = ""
    places: str = ""
    indefinite: str = ""
    artefacts: str = ""
    qualities: str = ""
    self: str = ""
    spaced: bool = True

    @cached_property
    def matchers(self) -> tuple[Matcher, ...]:
        """The rules, ready to match; equal pieces share their tables."""
        tables: dict[str, Phrases] = {}
        return tuple(Matcher(rule, self, tables) for rule in self.rules if self._has_lists(rule))

    def _has_lists(self, rule: Rule) -> bool:
        named = re.findall(r"\[([^\]]*)\]", rule.pattern)
        return all(name in self.lists for names in named for name in names.split("|"))

    @cached_property
    def barriers(self) -> Phrases:
        """What may not stand in a gap."""
        return Phrases(entries(f"{self.own},{self.keep}"))

    @cached_property
    def others(self) -> Phrases:
        """`own`, ready to match."""
        return Phrases(entries(self.own))

    def core_words(self) -> set[str]:
        """Return every word of the rules that are looked for in text without spaces."""
        tables = [
            phrases
            for matcher in self.matchers
            if matcher.rule.is_core or not self.spaced
            for row in (matcher.row, *matcher.others)
            for _, _, phrases in row.steps
        ]
        bearing = () if self.spaced else (self.openers, self.adverbs, self.refusals, self.conditions)
        tables += [Phrases(entries(words)) for words in bearing]
        return {word for phrases in (*tables, self.barriers) for word in phrases.words()}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Those words, ready to cut text with."""
        return Vocabulary(word for word in self.core_words() if len(word) > 1 or not self.spaced)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a rule was found in a sentence, in words.

    Attributes:
        first: where its first row begins.
        head_end: behind the first piece of that row.
        last: where the last piece begins; where the last row ends, if there are several.
        end: behind all of it.
        start: where all of it begins.
    """

    first: int
    head_end: int
    last: int
    end: int
    start: int


class Matcher:
    """A rule over the words of a sentence."""

    def __init__(self, rule: Rule, language: Language, tables: dict[str, Phrases]) -> None:
        self.rule, self.language = rule, language
        self.row, *self.others = (_Row(part, language, tables) for part in rule.pattern.split(" & "))

    @cached_property
    def head(self) -> Phrases:
        """What a match begins with."""
        return self.row.steps[0][2]

    @cached_property
    def needs(self) -> tuple[Phrases, ...]:
        """What must all stand in a sentence that holds a match."""
        rows = (self.row, *self.others)
        return tuple(phrases for row in rows for _, optional, phrases in row.steps if not optional)[1:]

    def match(self, sentence: Sequence[Word], place: int) -> Match | None:
        """Return the shortest match that begins at `place`, in any order for rows joined by `&`."""
        found = self.row.match(sentence, place)
        if found is None or not self.others:
            return found
        first, end, last = found.first, found.end, found.last
        for row in self.others:
            beside = self._beside(row, sentence, found)
            if beside is None:
                return None
            first, end, last = min(first, beside.first), max(end, beside.end), beside.end
        barriers, others = self.language.barriers, self.language.others
        if any(word.text in barriers for word in sentence[first:end]):
            return None
        if any(word.text in others for word in sentence[max(0, first - 2) : first]):
            return None
        return Match(found.first, found.head_end, last, end, first)

    def _beside(self, row: _Row, sentence: Sequence[Word], found: Match) -> Match | None:
        for start in range(max(0, found.first - _REACH), min(len(sentence), found.end + _REACH)):
            if row.may_begin(sentence[start].text) and (start < found.first or start >= found.end):
                beside = row.match(sentence, start)
                if beside is not None and (beside.end <= found.first or start >= found.end):
                    return beside
        return None


class _Row:
    """Pieces in order, with gaps between them."""

    def __init__(self, pattern: str, language: Language, tables: dict[str, Phrases]) -> None:
        self.barriers = language.barriers
        self.steps: list[tuple[int, bool, Phrases]] = []
        gap = 0
        for piece in _PIECE.findall(pattern):
            if piece in _GAPS:
                gap = (_GAPS if language.spaced else _GAPS_UNSPACED)[piece]
                continue
            name = piece.rstrip("?")
            if name not in tables:
                tables[name] = Phrases(_choices(name, language))
            self.steps.append((gap, piece.endswith("?"), tables[name]))
            gap = 0

    def may_begin(self, word: str) -> bool:
        """Whether the first piece can begin with this word."""
        return self.steps[0][2].may_begin(word)

    def match(self, sentence: Sequence[Word], place: int) -> Match | None:
        """Return the shortest match that begins at `place`.

        The places each piece can end at are followed together, so the work is bounded by the
        length of the pattern and its gaps, whatever the text.
        """
        heads = dict.fromkeys(self.steps[0][2].ends(sentence, place), place)
        ends = heads
        for gap, optional, phrases in self.steps[1:]:
            found: dict[int, int] = {}
            for end in sorted(ends):
                for start in self._starts(sentence, end, gap):
                    for behind in phrases.ends(sentence, start):
                        found.setdefault(behind, start)
            ends = {**ends, **found} if optional else found
            if not ends:
                return None
        if not ends:
            return None
        end = min(ends)
        return Match(place, min(heads), ends[end], end, place)

    def _starts(self, sentence: Sequence[Word], end: int, gap: int) -> Iterator[int]:
        for start in range(end, min(end + gap + 1, len(sentence))):
            yield start
            if sentence[start].text in self.barriers:
                return


def _choices(piece: str, language: Language) -> list[str]:
    if piece.startswith("["):
        return [entry for name in piece.strip("[]").split("|") for entry in entries(language.lists[name])]
    return piece.strip("()").split("|")
