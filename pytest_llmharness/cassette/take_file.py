"""The file that a recording writes, while others may be writing it, too."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CassetteError
from .blobs import Blobs
from .chunks import recut
from .fingerprint import request_key
from .journal import Journal, journals
from .loading import Cassette, load_if_there
from .native import render_header, render_take
from .redaction import Redactor
from .storage import Signature, alone, force, refused, replace_file, signature
from .take import Take
from .takes import Takes


@dataclass(eq=False, slots=True)
class Entry:
    """A take that is to stand in the file.

    Attributes:
        number: the number of the call that recorded it, or in the end of the one that played it.
        take: what was recorded; None for a take that stands in the file as it is to be.
        document: how it stands in the file; None where it is to be rendered.
        written: whether the file has it.
    """

    number: float
    take: Take | None
    document: bytes | None = None
    written: bool = False


class TakeFile:
    """Takes on their way to disk. Not safe for threads: the recording holds its lock.

    The file may be changed by another process (two workers that record one cassette). Then what it
    holds by now is kept, and ours are added.

    Args:
        path: the file.
        seen: its state when it was read.
        metadata: what stands at its head.
        redactor: takes the secrets out.
        kept: the cassette whose takes the file shall go on holding, if any.
        journal: where takes wait for the verdict on their test; None where there is none to wait
            for and each take is in the file at once.
        supersedes: whether a new take replaces the kept ones of an equal request.
        labelled: whether a take says which test asked.
    """

    def __init__(
        self,
        path: Path,
        seen: Signature,
        metadata: Mapping[str, Any],
        redactor: Redactor,
        kept: Cassette | None,
        *,
        journal: Journal | None = None,
        supersedes: bool = False,
        labelled: bool = False,
    ) -> None:
        self.unwritten: CassetteError | None = None
        self._path, self._metadata, self._redactor = path, metadata, redactor
        self._seen, self._journal, self._supersedes = seen, journal, supersedes
        self._blobs, self._labelled = Blobs(path), labelled
        self._kept = list(_entries_of(kept)) if kept is not None else []
        self._ours: list[Entry] = []
        self._entries = list(self._kept)
        self._unwanted: list[bytes] = []

    @property
    def journal(self) -> Journal | None:
        """The journal, once something stands in it."""
        return self._journal if self._journal is not None and self._journal.is_begun else None

    def counts(self) -> Counter[str]:
        """Return how many takes each test has recorded."""
        return Counter(entry.take.test for entry in self._ours if entry.take is not None)

    def forget_rendering(self) -> None:
        """Render every take of ours anew: a secret was learned that they may hold."""
        for entry in self._ours:
            entry.document = None
        if self.journal is not None:
            self._attempt(self._write_journal_anew)

    def add(self, take: Take, number: int) -> None:
        """Add a take, already without its secrets: calls stand in the order they began in.

        Args:
            take: the take.
            number: the place of its call among ours; answers that run at once end in any order.
        """
        place = bisect_right([entry.number for entry in self._ours], number)
        behind = len(self._ours) - place
        entry = Entry(number, take)
        self._ours.insert(place, entry)
        self._entries.insert(len(self._entries) - behind, entry)
        if self._journal is not None:
            self._attempt(lambda: self._note(entry))

    def write(self) -> None:
        """Put all takes in the file; where a journal holds them, `settle` does so.

        A failure is kept in `unwritten`, for here an SDK would swallow and retry it.
        """
        if self._journal is None:
            self._attempt(self._replace)

    def settle(
        self, failed: Collection[str], dropped: Collection[int], played: Mapping[int, int]
    ) -> Path | None:
        """Let the takes of tests that did not fail into the file; return where the others are.

        Args:
            failed: the ids of the tests whose takes stay in the journal.
            dropped: the places of kept takes that are not to be kept after all.
            played: the number of the call that played a kept take, by its place.

        Raises:
            CassetteError: they cannot be written; the file is as it was, the journal stays.
        """
        bad = [entry for entry in self._ours if entry.take is not None and entry.take.test in failed]
        good = [entry for entry in self._ours if entry.take is None or entry.take.test not in failed]
        if dropped or any(not entry.written for entry in good):
            unwanted = {self._kept[place] for place in dropped}
            self._unwanted = [entry.document or b"" for entry in unwanted]
            gone = unwanted.union(bad)
            self._entries = [entry for entry in self._in_order(played) if entry not in gone]
            self._ours = good
            self._replace()
        if self.journal is None:
            return None
        if not bad:
            self.journal.discard()
            return None
        self._ours = bad
        self._write_journal_anew()
        return self.journal.keep_failed()

    def end(self) -> None:
        """Have what was written on the disk, and delete the blobs that nothing names any more."""
        if any(entry.written for entry in self._ours):
            force(self._path)
        self._blobs.sweep([self._path, *journals(self._path)])

    def _in_order(self, played: Mapping[int, int]) -> list[Entry]:
        """Put the takes in the order of the calls; one that nobody played stays behind its neighbour."""
        before = 0.0
        for place, entry in enumerate(self._kept):
            before = entry.number = played.get(place, before)
        return sorted(self._entries, key=_number)

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
            self.unwritten = None
        except CassetteError as error:
            self.unwritten = error

    def _note(self, entry: Entry) -> None:
        assert self._journal is not None  # `add` asks
        document = self._render(entry)
        self._journal.append([document] if self._journal.is_begun else [self._head(), document])

    def _write_journal_anew(self) -> None:
        assert self._journal is not None  # whoever calls this asks
        self._journal.rewrite([self._head(), *map(self._render, self._ours)])

    def _replace(self) -> None:
        with alone(self._path):
            if signature(self._path) != self._seen:
                self._merge()
            replace_file(self._path, [self._head(), *self._documents()])
            self._seen = signature(self._path)
        for entry in self._ours:
            entry.written = True

    def _head(self) -> bytes:
        return render_header(self._redactor.value(self._metadata))

    def _documents(self) -> Iterator[bytes]:
        entries = self._entries
        if self._supersedes:
            new = {_second_line(self._render(entry)) for entry in self._ours}
            old = {document for document in map(self._render, self._kept) if _second_line(document) in new}
            entries = [entry for entry in entries if self._render(entry) not in old]
        return map(self._render, entries)

    def _render(self, entry: Entry) -> bytes:
        if entry.document is None and entry.take is not None:
            clean = as_written(entry.take, self._redactor)
            if (left := self._redactor.left_in(clean, entry.take)) is not None:
                place = self._entries.index(entry) + 1 if entry in self._entries else 1
                raise refused(self._path, place, left)
            entry.document = document_of(clean if self._labelled else replace(clean, test=""), self._blobs)
        return entry.document or b""

    def _merge(self) -> None:
        """Take over what others wrote; of ours add what is new or what they did not keep."""
        cassette = load_if_there(self._path)
        if cassette is None:
            return
        mine: dict[bytes, list[Entry]] = {}
        for entry in self._ours:
            if entry.written:
                mine.setdefault(self._render(entry), []).append(entry)
        theirs, unwanted = [], Counter(self._unwanted)
        for entry in _entries_of(cassette):
            document = self._render(entry)
            unwanted[document] -= 1
            if unwanted[document] < 0:
                known = mine.get(document)
                theirs.append(known.pop(0) if known else entry)
        found = set(theirs)
        left = [entry for entry in self._ours if entry not in found]
        self._entries = [*theirs, *(each for each in left if each.written)]
        self._entries += [each for each in left if not each.written]


def _entries_of(cassette: Cassette) -> Iterator[Entry]:
    """Yield the takes of a file; those of another form are to be cleaned and rendered."""
    takes = cassette.interactions
    if isinstance(takes, Takes):
        return (Entry(0, None, document, written=True) for document in takes.documents())
    return (Entry(0, take, written=True) for take in takes)


def document_of(take: Take, blobs: Blobs) -> bytes:
    """Return a take as it stands in a file, its blobs being beside it by then."""
    found: dict[str, bytes] = {}
    document = render_take(take, request_key(take.request).hex(), found)
    blobs.write(found)
    return document


def as_written(take: Take, redactor: Redactor) -> Take:
    """Return the take as it may be written, with the chunks of its answer."""
    written = redactor.take(take)
    response = recut(take.response, written.response.body)
    response = replace(response, headers=written.response.headers, error=redactor.text(response.error))
    return replace(written, response=response)


def _number(entry: Entry) -> float:
    return entry.number


def _second_line(document: bytes) -> bytes:
    return document.split(b"\n", 2)[1]
