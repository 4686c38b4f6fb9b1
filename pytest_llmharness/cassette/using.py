"""`use_cassette`: put a cassette between this process and the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..domain.record_mode import RecordMode
from ..errors import CassetteError, CassetteMiss, ConfigError
from ..ports.clock import Clock
from .chunks import Rechunk
from .journal import left_behind
from .loading import load_if_there, recovered
from .match import Match, Rules
from .playback import Pace
from .recording import Holding, Recording
from .storage import AGAIN, check_writable, signature


def use_cassette(
    path: str | os.PathLike[str],
    record_mode: str = "none",
    *,
    metadata: Mapping[str, Any] | None = None,
    miss: type[CassetteMiss] = CassetteMiss,
    fix: str | Callable[[], str] | None = None,
    speed: float | None = None,
    clock: Clock | None = None,
    rechunk: str | None = None,
    match: Rules = None,
) -> AbstractContextManager[Recording]:
    """Answer HTTP calls from a cassette, and record them where the mode says so.

    Works outside pytest too, for sync and async code and threads, and for clients made before the
    block as well as in it: httpx, httpx2, aiohttp, requests, urllib3 and http.client. A transport
    of your own (`MockTransport`, `ASGITransport`) is left alone; a way to the network that no
    cassette covers (httpcore used by itself, WebSockets of aiohttp) is a miss. The cassette of the
    code that calls answers: the innermost of its own thread or task, else the one opened last.

    While httpx, httpx2 and aiohttp are recorded, a stream reaches the client as it comes, and its
    chunks, their times and its true end are noted: done, closed by the client, cut by the server,
    timed out, never connected. Replay gives the same chunks and the same end. The other stacks
    are recorded by vcrpy: an answer is handed over when it is complete, and a call that fails is
    not recorded. Each call is on disk before the client sees the end of its answer.

    Args:
        path: the file; new files are JSON whatever their suffix.
        record_mode: "none" answers from the file only; "once" records a file that is not there
            and then plays it; "new_episodes" plays what is there and adds what is not; "all" plays
            nothing and replaces the takes of each request that is made; "rewrite" plays nothing and
            replaces the file; "changed" plays what fits, records what does not, and in the end drops
            what was not asked for; "verify" asks the model too and compares the shapes of the
            answers, and writes nothing; "script" gives the n-th call the n-th take and notes what
            does not fit. What another process has written to the file since the block began is
            always kept.
        metadata: kept in a file that is written, e.g. engine, dialect, model, base_url.
        miss: the class to raise for a request that nothing answers.
        fix: the command that a miss offers, or what returns it; by default this call with
            "new_episodes".
        speed: how fast answers are replayed: 0 at once, 1.0 as recorded, 2.0 twice as fast. None
            means 1.0 where there is a clock, else 0. A wait that a server asked for (Retry-After)
            is never waited for: see `requested_waits`.
        clock: whose time passes, e.g. a `VirtualClock`: then recorded times cost none. None means
            real time. Recorded times are read from it, too.
        rechunk: cut replayed bodies anew: "bytes", "merged", "random" or "random:SEED".
        match: what may differ between a request and its take, as `Match` has it:
            {"ignore": ["$.metadata"], "patterns": ["run-[0-9]+"], "builtin": ["uuid", "time"]}.

    Returns:
        A context manager of the recording: `.played`, `.recorded`, `.misses`, `.requested_waits`,
        `.mismatches`, `.verified`, `.fault(...)`, `.replay(...)`, `.metadata`, `.path`.

    Raises:
        ConfigError: the record mode, the speed, the way to cut or a rule of `match` is not valid.
        CassetteError: the file is broken, or cannot be read or written; it is left as it is.
        CassetteMiss: in the block, by a call that no take answers. A missing file is no error
            until then.
    """
    settings = Settings(metadata, miss, fix, speed, clock, rechunk, Match.of(match))
    return _Block(_in_use(Path(path), record_mode, settings))


@dataclass(frozen=True)
class Settings:
    """What `use_cassette` is told beside the path and the mode."""

    metadata: Mapping[str, Any] | None = None
    miss: type[CassetteMiss] = CassetteMiss
    fix: str | Callable[[], str] | None = None
    speed: float | None = None
    clock: Clock | None = None
    rechunk: str | None = None
    match: Match | None = None


class _Block(AbstractContextManager[Recording]):
    """For `with` only: as a decorator it would be over before an async function has run."""

    def __init__(self, block: AbstractContextManager[Recording]) -> None:
        self._block = block

    def __enter__(self) -> Recording:
        return self._block.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        return self._block.__exit__(*error)


@contextmanager
def _in_use(path: Path, record_mode: str, settings: Settings) -> Iterator[Recording]:
    recording = _open(path, _mode(record_mode), settings)
    from .interception import answering

    try:
        with answering(recording):
            yield recording
    except BaseException as error:
        _close_after(error, recording)
        raise
    recording.close()


def hold_cassette(path: Path, record_mode: str, settings: Settings, holding: Holding) -> Recording:
    """Open a cassette whose takes wait for a verdict: for `answering`, then `close`, then `settle`.

    Raises:
        ConfigError, CassetteError: as `use_cassette`.
    """
    mode = _mode(record_mode)
    if not mode.writes:
        return _open(path, mode, settings, holding)
    left = tuple(left_behind(path)) if mode.plays else ()
    return _open(path, mode, settings, replace(holding, left=left))


def _open(path: Path, mode: RecordMode, settings: Settings, holding: Holding | None = None) -> Recording:
    fix = settings.fix
    pace = Pace(settings.speed, settings.clock)
    rechunk = None if settings.rechunk is None else Rechunk(settings.rechunk)
    seen = signature(path)
    try:
        cassette = load_if_there(path)
    except CassetteError as error:
        if fix:
            again = fix if isinstance(fix, str) else fix()
            error.fix = error.fix.replace(AGAIN, f"{AGAIN}: {again}")
        raise
    mend = fix or f'use_cassette("{path}", record_mode="new_episodes")'
    recording = Recording(
        path,
        mode,
        cassette,
        seen=seen,
        metadata=settings.metadata,
        miss=settings.miss,
        fix=mend,
        pace=pace,
        rechunk=rechunk,
        match=settings.match,
        holding=holding,
        recovered=[take for each in holding.left for take in recovered(each.path)] if holding else (),
    )
    if recording.records:
        check_writable(path)
    return recording


def _mode(word: str) -> RecordMode:
    try:
        return RecordMode(word)
    except ValueError:
        valid = ", ".join(RecordMode)
        raise ConfigError(
            f"the record mode {word!r} is not known",
            where="use_cassette(record_mode=...)",
            fix=f"use one of {valid}",
        ) from None


def _close_after(error: BaseException, recording: Recording) -> None:
    """Close without hiding the error that ended the block."""
    try:
        recording.close(failed=True)
    except CassetteError as unwritten:
        error.add_note(str(unwritten))
