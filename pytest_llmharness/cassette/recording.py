"""A cassette in use: it answers, it records, and it keeps what nobody may swallow."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from ..domain.record_mode import RecordMode
from ..errors import CassetteError, CassetteMiss
from ..ports.clock import Clock
from .answers import Answers
from .chunks import Rechunk
from .client import client_of, utc_now
from .content_coding import decoded
from .drift import ABSENT, Drift, drift_of, told
from .faults import Faults
from .fingerprint import MATCHING, request_path
from .index import Eyes, working_directory
from .journal import Journal, LeftBehind, drop_failed
from .loading import Cassette
from .match import Match
from .native import FORMAT
from .nearest import Neighbours, request_differences
from .playback import Pace, Playback
from .redaction import Redactor
from .storage import Signature
from .take import RecordedRequest, RecordedResponse, Take
from .take_file import TakeFile, as_written
from .takes import Takes
from .tape import Tape
from .verifying import Verified, differences
from .waits import without_wait


@dataclass(frozen=True, slots=True)
class Holding:
    """How a recording waits for a verdict on the tests that use it.

    Attributes:
        shared: whether several tests use the file, so that a take says whose it is.
        since: when the run began (seconds of the epoch): what stands in a shared file that was written
            since then is another test's, and is kept in every mode.
        keep_failed: whether the takes of tests that fail are wanted, too.
        left: journals of recordings that died, whose takes may be played.
    """

    shared: bool = False
    since: float = 0.0
    keep_failed: bool = False
    left: tuple[LeftBehind, ...] = ()


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
        mismatches: in mode script, each call that asked something else than its take, in words.
        verified: in mode verify, what each live call differed in from its take.
        test: the id of the test that asks now, where a file has several; "" belongs to all of them.
        clock: whose time passes in replay, or None for the real one.
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
        holding: Holding | None = None,
        recovered: Sequence[Take] = (),
    ) -> None:
        self.path, self.mode = path, mode
        self.played = self.recorded = 0
        self.misses: list[CassetteMiss] = []
        self.requested_waits: list[float] = []
        self.mismatches: list[str] = []
        self.verified: list[Verified] = []
        self.test = ""
        self._pace, self._rechunk = pace or Pace(), rechunk
        self._faults = Faults()
        self._begun = 0
        self._aside: tuple[Path, Counter[str]] | None = None
        self._running: set[Tape] = set()
        self._unanswered: list[tuple[int, Take]] = []
        self._exists = cassette is not None
        self._miss, self._fix = miss, fix
        self._holding = holding
        self._plays = mode.plays and (mode is not RecordMode.ONCE or self._exists or bool(recovered))
        self._cassette = cassette
        self._eyes = Eyes.here(match or Match(), _folders(cassette.metadata if cassette else {}))
        self._answers = self._answers_of(cassette, recovered)
        self._neighbours: Neighbours | None = None
        self._lock = threading.Lock()
        self.metadata = dict(cassette.metadata) if cassette is not None else {}
        if self.records:
            self.metadata = _header(self.metadata, metadata or {}, self._redactor)
        self._file = self._take_file(seen) if self.records else None

    @property
    def records(self) -> bool:
        """Whether a request that no take answers may go out and be written."""
        return self.mode.writes and not (self.mode is RecordMode.ONCE and self._exists)

    @property
    def clock(self) -> Clock | None:
        """Whose time passes in replay, or None for the real one."""
        return self._pace.clock

    def play(self, request: RecordedRequest) -> Playback | None:
        """Return the recorded answer, or None where the call is to go out.

        Raises:
            CassetteMiss: (or the class given as `miss`) no take answers and the call may not go out.
        """
        if not self._plays:
            return None
        try:
            with self._lock:
                playback = self._claim(request)
            if playback is not None:
                return playback
        except CassetteError as error:
            raise self.refuse(error.what, where=error.where, fix=error.fix) from None
        if self.records or self.mode is RecordMode.VERIFY:
            return None
        raise self._missed(request)

    @property
    def takes(self) -> Sequence[Take]:
        """What may be played, in order of recording."""
        return self._answers.takes

    def unplayed(self) -> list[int]:
        """Return the numbers, from 1, of the takes that no call has asked for."""
        with self._lock:
            return [place + 1 for place in self._answers.unplayed()]

    def begin(self, request: RecordedRequest) -> Tape:
        """Start to record a call that goes out: it has its place in the file from now on."""
        keep = self._keep_unknown if self.mode is RecordMode.VERIFY else self._keep
        with self._lock:
            self._begun += 1
            return self._tape(request, keep)

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
            if self._holding is None:
                try:
                    self._end_of_block(failed=failed)
                finally:
                    self._let_go()

    def _end_of_block(self, *, failed: bool) -> None:
        """Write what is not written yet: without a test there is no verdict to wait for."""
        file = self._file
        if file is None:
            return
        if self._unanswered and not failed:
            self._add_unanswered()
            file.write()
        if file.unwritten is not None:
            file.write()
        if file.unwritten is not None:
            raise file.unwritten
        if not failed:
            file.settle((), list(self._dropped(("",), ())), self._answers.played)
        file.end()

    def settle(self, *, passed: Collection[str], failed: Collection[str]) -> Path | None:
        """Hear the verdict on the tests that used the cassette: what they recorded is written, or not.

        The takes of a test that failed stay in the journal; so do those that belong to all tests, where
        none passed.

        Args:
            passed: the ids of the tests that did not fail.
            failed: the ids of those that did.

        Returns:
            Where the takes of failed tests are, or None where there are none.

        Raises:
            CassetteError: the cassette cannot be written; the journal stays.
        """
        holding, file = self._holding, self._file
        if holding is None or file is None:
            return None
        unwanted = () if holding.keep_failed else (*failed, *(() if passed else ("",)))
        with self._lock:
            waiting = [each for each in self._unanswered if each[1].test not in unwanted]
            self._unanswered = []
            for number, take in waiting:
                self._add(number, take)
            counts = file.counts()
            try:
                if file.unwritten is not None:
                    raise file.unwritten
                kept = file.settle(unwanted, list(self._dropped(passed, failed)), self._answers.played)
                for each in holding.left:
                    each.discard()
                drop_failed(self.path, holding.since)
                file.end()
                if kept is not None:
                    self._aside = kept, counts
            finally:
                self._let_go()
        return kept

    def kept_if_failed(self, test: str) -> tuple[Path, int] | None:
        """Return where the takes of a test are kept if it fails, and how many; None without any."""
        if self._aside is not None:
            path, counts = self._aside
        else:
            journal = self._file.journal if self._file is not None else None
            if journal is None or self._file is None or (self._holding and self._holding.keep_failed):
                return None
            path, counts = journal.failed_path, self._file.counts()
        return (path, counts[test]) if counts[test] else None

    @cached_property
    def _redactor(self) -> Redactor:
        # Made for what is written or told: a take that answers needs none.
        return Redactor()

    def _answers_of(self, cassette: Cassette | None, recovered: Sequence[Take]) -> Answers:
        takes = cassette.interactions if cassette is not None and self._plays else ()
        scripted = self.mode is RecordMode.SCRIPT
        if recovered:
            return Answers([*takes, *recovered], eyes=self._eyes, scripted=scripted)
        known = (
            isinstance(takes, Takes)
            and cassette is not None
            and cassette.metadata.get("matching") == MATCHING
        )
        keys = takes.keys() if isinstance(takes, Takes) and known else ()
        return Answers(takes, keys, eyes=self._eyes, scripted=scripted)

    def _take_file(self, seen: Signature) -> TakeFile:
        holding, cassette = self._holding, self._cassette
        keeps = self.mode.keeps or (
            holding is not None and holding.shared and seen is not None and seen[1] / 1e9 >= holding.since
        )
        return TakeFile(
            self.path,
            seen,
            self.metadata,
            self._redactor,
            cassette if keeps else None,
            journal=Journal(self.path) if holding is not None else None,
            supersedes=self.mode is RecordMode.ALL,
            labelled=holding is not None and holding.shared,
        )

    def _dropped(self, passed: Collection[str], failed: Collection[str]) -> Iterator[int]:
        """Yield the takes that a run in mode changed has shown to be asked for no more."""
        if self.mode is not RecordMode.CHANGED or self._cassette is None or not passed or not self._begun:
            return
        shared = self._holding is not None and self._holding.shared
        kept = len(self._cassette.interactions)
        for place in self._answers.unplayed():
            if place < kept and (self._answers.takes[place].test in passed if shared else not failed):
                yield place

    def _tape(self, request: RecordedRequest, keep: Callable[[Tape, RecordedResponse], None]) -> Tape:
        tape = Tape(request, self._begun, self._pace.now, keep, self._forget)
        self._running.add(tape)
        return tape

    def _claim(self, request: RecordedRequest) -> Playback | None:
        found = self._answers.claim(request, lambda: self._as_written(request), self._begun + 1)
        if found is None:
            return None
        place, key = found
        self._begun += 1
        self.played += 1
        self._note(place, request)
        recorded = self._answers.response(place)
        response = recorded if self._rechunk is None else self._rechunk(recorded)
        fault = self._faults.next()
        if fault is not None:
            response = fault.over(response, request)
            if fault.leaves_take:
                self._answers.put_back(place, key)
        response, wait_s = without_wait(response)
        if wait_s is not None:
            self.requested_waits.append(wait_s)
        playback = Playback(response, self._pace, self._over)
        if self.mode is RecordMode.VERIFY:
            playback.beside = self._tape(request, lambda tape, live: self._compare(tape, recorded, live))
        return playback

    def _note(self, place: int, request: RecordedRequest) -> None:
        """Note that a take was played: a recovered one is recorded by that, a scripted one may not fit."""
        if self._file is not None and self._cassette_size() <= place:
            self._add(self._begun, replace(self._answers.takes[place], test=self.test))
        if self.mode is not RecordMode.SCRIPT:
            return
        asked, written = self._answers.takes[place].request, self._as_written(request)
        if self._eyes.key(asked) != self._eyes.key(written):
            found = request_differences(asked, written, self._eyes)
            words = "; ".join(told(each) for each in found[:3]) or "differs"
            self.mismatches.append(self._redactor.text(f"call {self._begun}: {words}"))

    def _cassette_size(self) -> int:
        return len(self._cassette.interactions) if self._cassette is not None else 0

    def _compare(self, tape: Tape, recorded: RecordedResponse, live: RecordedResponse) -> None:
        with self._lock:
            self._running.discard(tape)
            self._redactor.learn(tape.request)
            clean = self._redactor.response(decoded(live))
            clean = replace(clean, error=self._redactor.text(live.error))
            asked = self._redactor.request(tape.request)
            self.verified.append(Verified(tape.number, asked, differences(recorded, clean)))

    def _keep_unknown(self, tape: Tape, _response: RecordedResponse) -> None:
        with self._lock:
            self._running.discard(tape)
            self._redactor.learn(tape.request)
            self.verified.append(Verified(tape.number, self._redactor.request(tape.request), None))

    def _keep(self, tape: Tape, response: RecordedResponse) -> None:
        """Put the take on disk before the caller goes on; without a status, when one follows."""
        take = Take(tape.request, decoded(response), utc_now(), client_of(tape.request), self.test)
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

    def _let_go(self) -> None:
        if self._cassette is not None and isinstance(self._cassette.interactions, Takes):
            self._cassette.interactions.close()
        for each in self._holding.left if self._holding is not None else ():
            each.release()

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
        drift: Drift | None = None
        if not self._exists:
            drift = Drift(self._redactor.text(call), 0, why=ABSENT)
            what = f"there is no cassette to answer this request: {self.path.name} does not exist"
            where = f"{self.path} ({call})"
        elif self.mode is RecordMode.SCRIPT:
            what = f"the script is over: it has {len(self._answers.takes)} takes, and this is one call more"
            where = f"{self.path} ({call})"
        else:
            drift = self._drift(request)
            what = f"no take answers this request: {drift.summary}"
            line = f":{drift.line}" if drift.line else ""
            where = f"{self.path}{line} ({drift.nearest_words})"
        fix = self._fix if isinstance(self._fix, str) else self._fix()
        miss = self._miss(what, where=self._redactor.text(where), fix=fix, drift=drift)
        self.misses.append(miss)
        return miss

    def _drift(self, request: RecordedRequest) -> Drift:
        with self._lock:
            neighbours = self._neighbours = self._neighbours or Neighbours(self._answers.index)
            return drift_of(
                self._as_written(request),
                self._answers.index,
                neighbours,
                path=self.path,
                client=client_of(request),
                clean=self._redactor.text,
            )


def _folders(metadata: Mapping[str, Any]) -> list[str]:
    told = metadata.get("cwd")
    return [folder for folder in told if isinstance(folder, str)] if isinstance(told, list) else []


def _header(told: Mapping[str, Any], given: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    # Not an import statement: the package's face names every floor, those above this one too.
    version = import_module(__name__.partition(".")[0]).__version__
    head = {"format": FORMAT, "matching": MATCHING, "recorder": f"pytest-llmharness {version}"}
    return {**head, **redactor.value({**told, **given}), **head}
