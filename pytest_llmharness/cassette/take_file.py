"""The file that a recording writes, while others may be writing it, too."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import CassetteError
from .chunks import recut
from .loading import load_if_there
from .native import render_file, render_take
from .redaction import Redactor
from .storage import Signature, alone, refused, replace_file, signature
from .take import Take


class TakeFile:
    """Takes on their way to disk. Not safe for threads: the recording holds its lock.

    The file may be changed by another process (two workers that record one cassette). Then what it
    holds by now is kept, and ours are added.

    Args:
        path: the file.
        seen: its state when it was read.
        metadata: what stands at its head.
        redactor: takes the secrets out.
        kept: the takes that the file holds and shall go on holding.
    """

    def __init__(
        self,
        path: Path,
        seen: Signature,
        metadata: Mapping[str, Any],
        redactor: Redactor,
        kept: Sequence[Take],
    ) -> None:
        self.unwritten: CassetteError | None = None
        self._path, self._metadata, self._redactor = path, metadata, redactor
        self._seen = seen
        self._takes = list(kept)
        self._ours: list[Take] = []
        self._numbers: list[int] = []
        self._unwritten: set[int] = set()
        self._rendered: list[bytes | None] | None = None

    def forget_rendering(self) -> None:
        """Render every take again: a secret was learned that they may hold."""
        self._rendered = None

    def add(self, take: Take, number: int) -> None:
        """Add a take, already without its secrets: calls stand in the order they began in.

        Args:
            take: the take.
            number: the place of its call among ours; answers that run at once end in any order.
        """
        place = bisect_right(self._numbers, number)
        behind = len(self._numbers) - place
        self._numbers.insert(place, number)
        self._unwritten.add(number)
        self._ours.insert(place, take)
        self._takes.insert(len(self._takes) - behind, take)
        if self._rendered is not None:
            self._rendered.insert(len(self._rendered) - behind, None)

    def write(self) -> None:
        """Write all takes; a failure is kept in `unwritten`, for here an SDK would swallow and retry it."""
        try:
            with alone(self._path):
                if signature(self._path) != self._seen:
                    self._merge()
                pieces = render_file(self._redactor.value(self._metadata), self._pieces())
                replace_file(self._path, pieces)
                self._seen = signature(self._path)
            self._unwritten.clear()
            self.unwritten = None
        except CassetteError as error:
            self.unwritten = error

    def _pieces(self) -> list[bytes]:
        if self._rendered is None:
            self._rendered = [None] * len(self._takes)
        pieces = []
        for place, (take, rendered) in enumerate(zip(self._takes, self._rendered, strict=True)):
            piece = self._piece(place + 1, take) if rendered is None else rendered
            self._rendered[place] = piece
            pieces.append(piece)
        return pieces

    def _piece(self, number: int, take: Take) -> bytes:
        clean = as_written(take, self._redactor)
        if (left := self._redactor.left_in(clean, take)) is not None:
            raise refused(self._path, number, left)
        return render_take(clean)

    def _render(self, takes: Sequence[Take]) -> list[bytes]:
        return [render_take(as_written(take, self._redactor)) for take in takes]

    def _merge(self) -> None:
        """Take over what others wrote; of ours add what is new or what they did not keep."""
        cassette = load_if_there(self._path)
        if cassette is None:
            return
        found = Counter(self._render(cassette.interactions))
        ours = list(zip(self._numbers, self._ours, strict=True))
        before = [take for number, take in ours if number not in self._unwritten]
        new = [take for number, take in ours if number in self._unwritten]
        lost = []
        for take, rendered in zip(before, self._render(before), strict=True):
            found[rendered] -= 1
            if found[rendered] < 0:
                lost.append(take)
        self._takes = [*cassette.interactions, *lost, *new]
        self._rendered = None


def as_written(take: Take, redactor: Redactor) -> Take:
    """Return the take as it may be written, with the chunks of its answer."""
    written = redactor.take(take)
    response = recut(take.response, written.response.body)
    response = replace(response, headers=written.response.headers, error=redactor.text(response.error))
    return replace(written, response=response)
