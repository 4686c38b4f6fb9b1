"""Finds what a text is about where words alone mislead: paraphrases in, mere mentions out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .words import sentences


@dataclass(frozen=True)
class Topic:
    """A subject that texts treat in many words.

    Attributes:
        name: what it is called.
        asked: matches a query that asks for it.
        signs: each some meanings, the rarest first; a sentence with all of one sign treats the topic.
    """

    name: str
    asked: re.Pattern[str]
    signs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Subject:
    """A field of knowledge: its topics, and the words by which their meanings are told.

    Attributes:
        topics: what can be asked for.
        meanings: for each meaning the pattern of the words that carry it.
        mentions: matches sentences that name a topic without treating it: headings, references.
    """

    topics: tuple[Topic, ...]
    meanings: Mapping[str, re.Pattern[str]]
    mentions: re.Pattern[str]

    def asked(self, query: str) -> tuple[Topic, ...]:
        """Return the topics a query asks for."""
        return tuple(topic for topic in self.topics if topic.asked.search(query))

    def treated(self, text: str, topics: Iterable[Topic]) -> dict[str, int]:
        """Return how many sentences of a text treat each topic; topics it does not treat are left out."""
        counts: dict[str, int] = {}
        wanted = tuple(topics)
        for sentence in sentences(text):
            holds = _Holds(self.meanings, sentence)
            treats = [topic.name for topic in wanted if any(all(map(holds, sign)) for sign in topic.signs)]
            if treats and not self.mentions.search(sentence):
                for name in treats:
                    counts[name] = counts.get(name, 0) + 1
        return counts


class _Holds:
    """Tells which meanings a sentence holds; each is looked for once, and only when it is asked for."""

    def __init__(self, meanings: Mapping[str, re.Pattern[str]], sentence: str) -> None:
        self._meanings, self._sentence = meanings, sentence
        self._known: dict[str, bool] = {}

    def __call__(self, meaning: str) -> bool:
        if meaning not in self._known:
            self._known[meaning] = self._meanings[meaning].search(self._sentence) is not None
        return self._known[meaning]


def relevance(query: str, texts: Sequence[str], subjects: Iterable[Subject]) -> list[float] | None:
    """Score texts by the topics that a query asks for and they treat.

    Returns:
        One score a text: 0.0 where it treats none of them, else at least 1.0. None where the query asks
        for no known topic, or no text treats one: then nothing is known and nothing may be dropped.
    """
    asked = [(subject, topics) for subject in subjects if (topics := subject.asked(query))]
    scores = [sum(_score(subject.treated(text, topics)) for subject, topics in asked) for text in texts]
    return scores if any(scores) else None


def _score(treated: Mapping[str, int]) -> float:
    """A topic counts 1; more sentences about it add up to 1, with falling returns."""
    return sum(2 - 1 / count for count in treated.values())
