"""Which take answers the next request of a block, and what became of those that did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .index import Eyes, TakeIndex
from .take import RecordedRequest, RecordedResponse, Take
from .takes import Takes


class Answers:
    """Takes in use: by the request, or by their order. Not safe for threads.

    Args:
        takes: what may be played.
        keys: the key of each, as far as it is known without reading the take.
        eyes: what is volatile in requests.
        scripted: whether the n-th call gets the n-th take, whatever it asks.

    Attributes:
        index: the takes by the key of their request.
        played: the number of the call that a take answered, by the take's place.
    """

    def __init__(
        self,
        takes: Sequence[Take],
        keys: Sequence[bytes | None] = (),
        *,
        eyes: Eyes | None = None,
        scripted: bool = False,
    ) -> None:
        self.takes = takes
        self.index = TakeIndex(() if scripted else takes, () if scripted else keys, eyes)
        self.played: dict[int, int] = {}
        self._scripted, self._next = scripted, 0

    def claim(
        self, request: RecordedRequest, written: Callable[[], RecordedRequest], number: int
    ) -> tuple[int, bytes] | None:
        """Return the place of the take that answers call `number`, and its key; it is played by now.

        Args:
            request: as it goes out.
            written: returns it as a cassette holds it.
            number: of the call.
        """
        found = self._in_turn() if self._scripted else self.index.claim(request, written)
        if found is not None:
            self.played.setdefault(found[0], number)
        return found

    def put_back(self, place: int, key: bytes) -> None:
        """Let the next equal request have the take: its answer did not come."""
        if self._scripted:
            self._next -= 1
        else:
            self.index.put_back(place, key)

    def response(self, place: int) -> RecordedResponse:
        """Return the response of a take, reading no more of it than that where possible."""
        takes = self.takes
        return takes.response(place) if isinstance(takes, Takes) else takes[place].response

    def unplayed(self) -> Iterator[int]:
        """Yield the places of the takes that nobody asked for."""
        return (place for place in range(len(self.takes)) if place not in self.played)

    def _in_turn(self) -> tuple[int, bytes] | None:
        place, self._next = self._next, self._next + 1
        return (place, b"") if place < len(self.takes) else None
