"""A retriever over documents held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...harness.context.contract_law import CONTRACT_LAW
from ...harness.context.library import Library
from ...harness.context.topics import Subject


class MemoryRetriever:
    """Finds sections of documents by topic or by shared words (BM25). No embedding, no network.

    Right for handbooks and contracts of some thousand pages; put a vector store behind the same port
    where there is more, or where queries share no words with the answers.

    Example:
        >>> retriever = MemoryRetriever(["Refunds take five days.", "We hire cooks."])
        >>> [text for text, score in asyncio.run(retriever.retrieve("refund", 3))]
        ['Refunds take five days.']

    Args:
        documents: texts, or texts by name.
        subjects: the fields of knowledge whose topics are told by meaning, not by words.
    """

    def __init__(
        self,
        documents: Mapping[str, str] | Iterable[str],
        *,
        subjects: Iterable[Subject] = (CONTRACT_LAW,),
    ) -> None:
        self._library = Library(documents, subjects=subjects)

    async def retrieve(self, query: str, limit: int) -> Sequence[tuple[str, float]]:
        """Return at most `limit` (text, score) pairs, best first."""
        return [(snippet.text, snippet.score) for snippet in self._library.search(query, limit)]
