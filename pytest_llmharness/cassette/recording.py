"""A cassette in use: it answers, it records, and it keeps what nobody may swallow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ..domain.record_mode import RecordMode
from ..errors import CassetteMiss
from .content_coding import decoded
from .fingerprint import request_key, request_path
from .index import TakeIndex
from .loading import Cassette
from .native import FORMAT
from .nearest import nearest_words
from .redaction import Redactor
from .storage import Signature
from .take import RecordedRequest, RecordedResponse, Take
from .take_file import TakeFile


class Recording:
    """What `use_cassette` gives to its block. Safe to use from several threads.

    Attributes:
        path: the cassette's file.
        mode: the record mode.
        metadata: of the cassette that is played, with what was given for a new recording.
        played: how many calls were answered from the cassette.
        recorded: how many calls went out and were recorded.
        misses: every miss that was raised, also those that code swallowed.
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
    ) -> None:
        self.path, self.mode = path, mode
        self.played = self.recorded = 0
        self.misses: list[CassetteMiss] = []
        self._exists = cassette is not None
        self._miss, self._fix = miss, fix
        self._plays = mode in (RecordMode.NONE, RecordMode.NEW_EPISODES) or (
            mode is RecordMode.ONCE and self._exists
        )
        self._index = TakeIndex(cassette.interactions if cassette and self._plays else [])
        self._redactor = Redactor()
        self._lock = threading.Lock()
        self.metadata = _metadata(cassette, metadata, self._redactor, writes=self.records)
        kept = self._index.takes if mode is RecordMode.NEW_EPISODES else ()
        self._file = TakeFile(path, seen, self.metadata, self._redactor, kept) if self.records else None

    @property
    def records(self) -> bool:
        """Whether a request that no take answers may go out."""
        return self.mode.connects and not (self.mode is RecordMode.ONCE and self._exists)

    def answer(self, request: RecordedRequest) -> RecordedResponse | None:
        """Return the recorded response, or None where the call is to go out and be recorded.

        Raises:
            CassetteMiss: (or the class given as `miss`) no take answers and none may be recorded.
        """
        if not self._plays:
            return None
        keys = self._keys(request)
        with self._lock:
            for key in keys:
                take = self._index.claim(key)
                if take is not None:
                    self.played += 1
                    return take.response
        if self.records:
            return None
        raise self._missed(request)

    def record(self, request: RecordedRequest, response: RecordedResponse) -> None:
        """Add a take and put the file in its new state on disk before the caller goes on."""
        take = Take(request, decoded(response))
        with self._lock:
            assert self._file is not None  # `answer` lets a call out only where it may be recorded
            if self._redactor.learn(request):
                self._file.forget_rendering()
            self.recorded += 1
            self._file.add(self._redactor.take(take))

    def close(self) -> None:
        """Write what could not be written before.

        Raises:
            CassetteError: it still cannot.
        """
        with self._lock:
            if self._file is None:
                return
            if self._file.unwritten is not None:
                self._file.write()
            if self._file.unwritten is not None:
                raise self._file.unwritten

    def _keys(self, request: RecordedRequest) -> list[bytes]:
        """The request's key, and that of its written form where it holds a secret."""
        keys = [request_key(request)]
        with self._lock:
            self._redactor.learn(request)
            url, body = self._redactor.text(request.url), self._redactor.body(request.body)
        if url != request.url or body != request.body:
            keys.append(request_key(replace(request, url=url, body=body)))
        return keys

    def _missed(self, request: RecordedRequest) -> CassetteMiss:
        if self._exists:
            what = "no take answers this request"
            where = f"{self.path} ({nearest_words(request, self._index.takes)})"
        else:
            what = f"there is no cassette to answer this request: {self.path.name} does not exist"
            where = f"{self.path} ({request.method} {request_path(request.url)})"
        fix = self._fix if isinstance(self._fix, str) else self._fix()
        miss = self._miss(what, where=self._redactor.text(where), fix=fix)
        self.misses.append(miss)
        return miss


def _metadata(
    cassette: Cassette | None, given: Mapping[str, Any] | None, redactor: Redactor, *, writes: bool
) -> dict[str, Any]:
    told = dict(cassette.metadata) if cassette else {}
    if not writes:
        return told
    # Not an import statement: the package's face names every floor, those above this one too.
    version = import_module(__name__.partition(".")[0]).__version__
    head = {"format": FORMAT, "recorder": f"pytest-llmharness {version}"}
    return {**head, **redactor.value({**told, **(given or {})}), **head}
