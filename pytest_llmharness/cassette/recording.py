"""A cassette in use: it answers, it records, and it keeps what nobody may swallow."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ..domain.record_mode import RecordMode
from ..errors import CassetteMiss
from ..ports.clock import Clock
from .chunks import Rechunk
from .client import client_of, utc_now
from .content_coding import decoded
from .drift import ABSENT, Drift, drift_of
from .faults import Faults
from .fingerprint import MATCHING, request_path
from .index import Eyes, TakeIndex, working_directory
from .loading import Cassette
from .match import Match
from .native import FORMAT
from .nearest import Neighbours
from .playback import Pace, Playback
from .redaction import Redactor
from .storage import Signature
from .take import RecordedRequest, RecordedResponse, Take
from .take_file import TakeFile, as_written
from .tape import Tape
from .waits import without_wait


class Recording:
    """What `use_cassette` gives to its block. Safe to use from several threads.

    Attributes:
        path: the cassette's file.
        mode: the record mode.
        metadata: of the cassette that is played, with what was given for a new recording.
        played: how many calls were answered from the cassette.
        recorded: how many calls went out and were recorded.
        misses: every miss that was raised, also those that code swallowed.
        requested_waits: the seconds that each replayed answer asked to wait (Retry-After), in
            order; no client has waited for them.
    """

    def __init__(
        self,
        path: Path,
        mode: RecordMode,
        cassette: Cassette | None,
        *,
        seen: Signature = None,
        metadata: Mapping[str, Any] | None = None,
        miss: type[CassetteMiss] = CassetteMiss,
        fix: str | Callable[[], str] = "",
        pace: Pace | None = None,
        rechunk: Rechunk | None = None,
        match: Match | None = None,
    ) -> None:
        self.path, self.mode = path, mode
        self.played = self.recorded = 0
        self.misses: list[CassetteMiss] = []
        self.requested_waits: list[float] = []
        self._pace, self._rechunk = pace or Pace(), rechunk
        self._faults = Faults()
        self._begun = 0
        self._running: set[Tape] = set()
        self._unanswered: list[tuple[int, Take]] = []
        self._exists = cassette is not None
        self._miss, self._fix = miss, fix
        self._plays = mode in (RecordMode.NONE, RecordMode.NEW_EPISODES) or (
            mode is RecordMode.ONCE and self._exists
        )
        eyes = Eyes.here(match or Match(), _folders(cassette.metadata if cassette else {}))
        self._index = TakeIndex(cassette.interactions if cassette and self._plays else [], eyes=eyes)
        self._neighbours: Neighbours | None = None
        self._redactor = Redactor()
        self._lock = threading.Lock()
        self.metadata = _metadata(cassette, metadata, self._redactor, writes=self.records)
        kept = self._index.takes if mode is RecordMode.NEW_EPISODES else ()
        self._file = TakeFile(path, seen, self.metadata, self._redactor, kept) if self.records else None

    @property
    def records(self) -> bool:
        """Whether a request that no take answers may go out."""
        return self.mode.connects and not (self.mode is RecordMode.ONCE and self._exists)

    def play(self, request: RecordedRequest) -> Playback | None:
        """Return the recorded answer, or None where the call is to go out and be recorded.

        Raises:
            CassetteMiss: (or the class given as `miss`) no take answers and none may be recorded.
        """
        if not self._plays:
            return None
        response = self._response(request)
        if response is not None:
            return Playback(response, self._pace, self._over)
        if self.records:
            return None
        raise self._missed(request)

    @property
    def takes(self) -> Sequence[Take]:
        """What may be played, in order of recording."""
        return self._index.takes

    def unplayed(self) -> list[int]:
        """Return the numbers, from 1, of the takes that no call has asked for."""
        with self._lock:
            return [place + 1 for place in self._index.unplayed()]

    def begin(self, request: RecordedRequest) -> Tape:
        """Start to record a call that goes out: it has its place in the file from now on."""
        with self._lock:
            self._begun += 1
            tape = Tape(request, self._begun, self._pace.now, self._keep, self._forget)
            self._running.add(tape)
        return tape

    def record(self, request: RecordedRequest, response: RecordedResponse) -> None:
        """Add a call that has happened."""
        self._keep(self.begin(request), response)

    def fault(self, kind: str, *, call: int, times: int = 1, **details: Any) -> None:
        """Lay a fault over the answer to a replayed call; calls count from 1.

        An answer that did not come ("rate_limit", "server_error", "timeout",
        "refuse_connection", "cut") is kept for the next equal request, so a retry gets it.
        Nothing is laid over calls that are recorded.

        Args:
            kind: "rate_limit", "server_error", "timeout", "refuse_connection", "cut" (the
                connection ends before the answer does), "stall" (a gap; passes at a `speed` or on
                a `clock` only) or "corrupt" (a chunk begins with bytes that are no text).
            call: which call of this block, the first being 1.
            times: how many calls in a row.
            **details: `status=`, `retry_after=` (seconds), `after_chunks=`, `after_bytes=`,
                `seconds=` (of a stall), each for the kinds it fits.

        Raises:
            ConfigError: there is no such kind, or a number does not fit.
        """
        with self._lock:
            self._faults.lay(kind, call, times, details)

    def replay(
        self, *, speed: float | None = None, clock: Clock | None = None, rechunk: str | None = None
    ) -> None:
        """Say anew how answers are replayed from now on; each as in `use_cassette`.

        Raises:
            ConfigError: the speed or the way to cut is unknown.
        """
        pace, cut = Pace(speed, clock), None if rechunk is None else Rechunk(rechunk)
        with self._lock:
            self._pace, self._rechunk = pace, cut

    def refuse(self, what: str, where: str, fix: str) -> CassetteMiss:
        """Return the miss for a call over a way that no cassette covers, and remember it."""
        miss = self._miss(what, where=where, fix=fix)
        self.misses.append(miss)
        return miss

    def close(self, *, failed: bool = False) -> None:
        """End the calls that still run, and write what could not be written before.

        Args:
            failed: an error ends the block: calls that nobody answered are then not kept, unless
                an answer came after them. Else a server that was not there would be recorded.

        Raises:
            CassetteError: it cannot be written.
        """
        for tape in list(self._running):
            tape.end("client_closed")
        with self._lock:
            if self._file is None:
                return
            if self._unanswered and not failed:
                self._add_unanswered()
                self._file.write()
            if self._file.unwritten is not None:
                self._file.write()
            if self._file.unwritten is not None:
                raise self._file.unwritten

    def _response(self, request: RecordedRequest) -> RecordedResponse | None:
        with self._lock:
            found = self._index.claim(request, lambda: self._as_written(request))
            if found is None:
                return None
            self.played += 1
            return self._answer(*found, request)

    def _answer(self, place: int, key: bytes, request: RecordedRequest) -> RecordedResponse:
        take = self._index.takes[place]
        response = take.response if self._rechunk is None else self._rechunk(take.response)
        fault = self._faults.next()
        if fault is not None:
            response = fault.over(response, request)
            if fault.leaves_take:
                self._index.put_back(place, key)
        response, wait_s = without_wait(response)
        if wait_s is not None:
            self.requested_waits.append(wait_s)
        return response

    def _keep(self, tape: Tape, response: RecordedResponse) -> None:
        """Put the take on disk before the caller goes on; without a status, when one follows."""
        take = Take(tape.request, decoded(response), utc_now(), client_of(tape.request))
        with self._lock:
            self._running.discard(tape)
            if self._file is None:
                return
            self._note_folder(take.request)
            if self._redactor.learn(take.request):
                self._file.forget_rendering()
            if not response.status:
                self._unanswered.append((tape.number, take))
                return
            self._add_unanswered()
            self._add(tape.number, take)
            self._file.write()

    def _note_folder(self, request: RecordedRequest) -> None:
        """Tell the head of the file which folder the calls ran in, where a request names it."""
        folder, told = working_directory(), _folders(self.metadata)
        if folder and folder not in told and json.dumps(folder)[1:-1].encode() in request.body:
            self.metadata["cwd"] = [*told, folder]

    def _forget(self, tape: Tape) -> None:
        with self._lock:
            self._running.discard(tape)

    def _add_unanswered(self) -> None:
        waiting, self._unanswered = self._unanswered, []
        for number, take in waiting:
            self._add(number, take)

    def _add(self, number: int, take: Take) -> None:
        assert self._file is not None  # `play` lets a call out only where it may be recorded
        self.recorded += 1
        self._file.add(as_written(take, self._redactor), number)

    def _over(self, response: RecordedResponse) -> CassetteMiss:
        count = len(response.chunks)
        chunks = "1 chunk" if count == 1 else f"{count} chunks"
        return self.refuse(
            f"the take ends after {chunks}, where the client had closed it when it was recorded",
            where=str(self.path),
            fix=self._fix if isinstance(self._fix, str) else self._fix(),
        )

    def _as_written(self, request: RecordedRequest) -> RecordedRequest:
        """Return the request as a cassette holds it: the same one, where it has no secret."""
        self._redactor.learn(request)
        url, body = self._redactor.text(request.url), self._redactor.body(request.body)
        same = url == request.url and body == request.body
        return request if same else replace(request, url=url, body=body)

    def _missed(self, request: RecordedRequest) -> CassetteMiss:
        call = f"{request.method} {request_path(request.url)}"
        if self._exists:
            drift = self._drift(request)
            what = f"no take answers this request: {drift.summary}"
            line = f":{drift.line}" if drift.line else ""
            where = f"{self.path}{line} ({drift.nearest_words})"
        else:
            drift = Drift(self._redactor.text(call), 0, why=ABSENT)
            what = f"there is no cassette to answer this request: {self.path.name} does not exist"
            where = f"{self.path} ({call})"
        fix = self._fix if isinstance(self._fix, str) else self._fix()
        miss = self._miss(what, where=self._redactor.text(where), fix=fix, drift=drift)
        self.misses.append(miss)
        return miss

    def _drift(self, request: RecordedRequest) -> Drift:
        with self._lock:
            neighbours = self._neighbours = self._neighbours or Neighbours(self._index)
            return drift_of(
                self._as_written(request),
                self._index,
                neighbours,
                path=self.path,
                client=client_of(request),
                clean=self._redactor.text,
            )


def _folders(metadata: Mapping[str, Any]) -> list[str]:
    told = metadata.get("cwd")
    return [folder for folder in told if isinstance(folder, str)] if isinstance(told, list) else []


def _metadata(
    cassette: Cassette | None, given: Mapping[str, Any] | None, redactor: Redactor, *, writes: bool
) -> dict[str, Any]:
    told = dict(cassette.metadata) if cassette else {}
    if not writes:
        return told
    # Not an import statement: the package's face names every floor, those above this one too.
    version = import_module(__name__.partition(".")[0]).__version__
    head = {"format": FORMAT, "matching": MATCHING, "recorder": f"pytest-llmharness {version}"}
    return {**head, **redactor.value({**told, **(given or {})}), **head}
