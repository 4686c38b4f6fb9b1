"""Which take answers the next request of a block, and what became of those that did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .index import TakeIndex
from .take import RecordedResponse, Take
from .takes import Takes


class Answers:
    """Takes in use: by the key of the request, or by their order. Not safe for threads.

    Args:
        takes: what may be played.
        keys: the key of each, as far as it is known without reading the take.
        scripted: whether the n-th call gets the n-th take, whatever it asks.
    """

    def __init__(
        self, takes: Sequence[Take], keys: Sequence[bytes | None] = (), *, scripted: bool = False
    ) -> None:
        self.takes = takes
        self.played: dict[int, int] = {}
        self._index = TakeIndex(() if scripted else takes, () if scripted else keys)
        self._left: dict[bytes, list[int]] = {}
        self._scripted, self._next = scripted, 0

    def claim(self, key: bytes, number: int) -> int | None:
        """Return the place of the take that answers call `number`, or None; it is played by now."""
        if self._scripted:
            place = self._next if self._next < len(self.takes) else None
            self._next += 1
        else:
            left = self._left.get(key)
            place = left.pop(0) if left else self._index.claim(key)
        if place is not None:
            self.played.setdefault(place, number)
        return place

    def put_back(self, key: bytes, place: int) -> None:
        """Let the next equal request have the take: its answer did not come."""
        if self._scripted:
            self._next -= 1
        else:
            self._left.setdefault(key, []).insert(0, place)

    def response(self, place: int) -> RecordedResponse:
        """Return the response of a take, reading no more of it than that where possible."""
        takes = self.takes
        return takes.response(place) if isinstance(takes, Takes) else takes[place].response

    def unplayed(self) -> Iterator[int]:
        """Yield the places of the takes that nobody asked for."""
        return (place for place in range(len(self.takes)) if place not in self.played)
