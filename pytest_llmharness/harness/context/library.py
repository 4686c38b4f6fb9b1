"""Searches documents held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .bm25 import Bm25
from .contract_law import CONTRACT_LAW
from .sections import SECTION_CHARS, sections
from .snippet import Snippet
from .topics import Subject, relevance


class Library:
    r"""Documents, cut into sections and indexed once.

    A query that asks for a known topic gets the sections that treat it, in whatever words, and none
    that only mention it; any other query gets the sections that share its words (BM25).

    Example:
        >>> library = Library({"faq": "Refunds take five days.\n\nParcels are sent on Mondays."})
        >>> [snippet.text for snippet in library.search("when do I get my refund?", 5)]
        ['Refunds take five days.\nParcels are sent on Mondays.']

    Args:
        documents: texts, or texts by name.
        subjects: the fields of knowledge whose topics are told by meaning.
        section_chars: the most characters of a section.
    """

    def __init__(
        self,
        documents: Mapping[str, str] | Iterable[str],
        *,
        subjects: Iterable[Subject] = (CONTRACT_LAW,),
        section_chars: int = SECTION_CHARS,
    ) -> None:
        self._snippets = [
            Snippet(section.text, source=", ".join(part for part in (name, section.label) if part))
            for name, text in by_name(documents)
            for section in sections(text, section_chars)
        ]
        self._subjects = tuple(subjects)
        self._texts = [snippet.text for snippet in self._snippets]
        self._index = Bm25(self._texts)

    def __len__(self) -> int:
        return len(self._snippets)

    def search(self, query: str, limit: int) -> list[Snippet]:
        """Return at most `limit` sections that fit the query, best first; equal ones in reading order."""
        shared = self._index.scores(query)
        most = max(shared, default=0.0) or 1.0
        by_topic = relevance(query, self._texts, self._subjects)
        if by_topic is None:
            scores = shared
        else:
            # Shared words only decide between sections that treat the topics equally well.
            scores = [
                topic and topic + word / most / 10 for topic, word in zip(by_topic, shared, strict=True)
            ]
        places = sorted(
            (place for place, score in enumerate(scores) if score > 0), key=lambda place: -scores[place]
        )
        return [
            Snippet(self._snippets[place].text, scores[place], self._snippets[place].source)
            for place in places[: max(0, limit)]
        ]


def by_name(documents: Mapping[str, str] | Iterable[str]) -> Iterable[tuple[str, str]]:
    """Return (name, text) pairs; documents without a name have an empty one."""
    if isinstance(documents, Mapping):
        return documents.items()
    return (("", text) for text in documents)
