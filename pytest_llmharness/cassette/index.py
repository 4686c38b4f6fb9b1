"""Which take answers a request next: equal requests get their takes in order, each once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from .fingerprint import request_host, request_key, request_path, request_prefixes, request_text
from .match import Match
from .take import RecordedRequest, Take

_Waiting: TypeAlias = dict[bytes, list[int] | dict[str, list[int]]]
"""The places of takes by key, the next one last; where a key has several, in the end by host."""


@dataclass(frozen=True)
class Eyes:
    """How requests look where their volatile parts are not seen.

    Args:
        match: what is volatile.
        folders: the working directories, of the recording and of now.
    """

    match: Match = field(default_factory=Match)
    folders: tuple[str, ...] = ()

    @classmethod
    def here(cls, match: Match, recorded: Iterable[str] = ()) -> Eyes:
        """Look from the working directory, and from those of the recording."""
        folders = {folder for folder in (working_directory(), *recorded) if folder}
        return cls(match, tuple(sorted(folders, key=len, reverse=True)))

    def key(self, request: RecordedRequest) -> bytes:
        """Return what requests that look alike have in common."""
        return request_key(self.match.applied(request), *self._settings)

    def prefixes(self, request: RecordedRequest) -> list[bytes]:
        """Return a key for each beginning of the conversation."""
        seen = self.match.applied(request)
        return request_prefixes(request_path(seen.url), seen.body, *self._settings)

    def text(self, request: RecordedRequest) -> str | None:
        """Return the body as JSON text, as it looks; None where it is no JSON."""
        seen = self.match.applied(request)
        return request_text(request_path(seen.url), seen.body, *self._settings)

    @cached_property
    def _settings(self) -> tuple[list[str], list[str]]:
        return list(self.match.builtin), list(self.folders)


def working_directory() -> str:
    """Return the working directory, "" where it says nothing (the root, or a folder that is gone)."""
    try:
        folder = os.getcwd()
    except OSError:
        return ""
    return folder if os.path.dirname(folder) != folder else ""


class TakeIndex:
    """Takes by the key of their request; one dictionary look-up a claim, however many there are.

    A request gets the next unplayed take that is equal to it, from its own host before others. Only
    where no take is equal, it gets the next one that differs in volatile parts alone. Not safe for
    threads: the recording holds its lock.

    Args:
        takes: what may be played.
        keys: the key of each, as far as it is known without reading the take.
        eyes: what is volatile.
    """

    def __init__(
        self, takes: Sequence[Take], keys: Sequence[bytes | None] = (), eyes: Eyes | None = None
    ) -> None:
        self.takes = takes
        self.eyes = eyes or Eyes()
        self._played = bytearray(len(takes))
        self._put_back: dict[bytes, list[int]] = {}
        known = keys or [None] * len(takes)
        self._exact = _waiting([key or request_key(takes[place].request) for place, key in enumerate(known)])

    def claim(
        self, request: RecordedRequest, written: Callable[[], RecordedRequest]
    ) -> tuple[int, bytes] | None:
        """Return the place of the take that answers, now played, and the key it was found by.

        Args:
            request: as it goes out.
            written: returns it as a cassette holds it, the same one where that is no other; to search
                a request for secrets costs more than to find its take, so it is called late.
        """
        key = request_key(request)
        if key in self._exact or not self.takes:
            return self._next(self._exact, key, request.url)
        stored = written()
        if stored is not request and (key := request_key(stored)) in self._exact:
            return self._next(self._exact, key, stored.url)
        return self._next(self._alike, self.eyes.key(stored), stored.url)

    def put_back(self, place: int, key: bytes) -> None:
        """Let the next equal request have the take: its answer did not come."""
        self._played[place] = False
        self._put_back.setdefault(key, []).append(place)

    def is_played(self, place: int) -> bool:
        """Whether the take at this place was claimed."""
        return bool(self._played[place])

    def unplayed(self) -> Iterator[int]:
        """Yield the place of each take that was not claimed."""
        return (place for place, played in enumerate(self._played) if not played)

    @cached_property
    def alike_keys(self) -> list[bytes]:
        """What takes that differ in volatile parts only have in common, take by take."""
        # Made for the first request that has no equal take: a replay that has drifted nowhere needs none.
        return [self.eyes.key(take.request) for take in self.takes]

    @cached_property
    def _alike(self) -> _Waiting:
        return _waiting(self.alike_keys)

    def _next(self, waiting: _Waiting, key: bytes, url: str) -> tuple[int, bytes] | None:
        place = self._unplayed_of(self._put_back.get(key, []))
        if place is None:
            place = self._waiting_place(waiting, key, url)
        if place is None:
            return None
        self._played[place] = True
        return place, key

    def _waiting_place(self, waiting: _Waiting, key: bytes, url: str) -> int | None:
        places = waiting.get(key)
        if not places:
            return None
        if isinstance(places, list):
            if len(places) == 1:
                return self._unplayed_of(places)
            places = waiting[key] = self._by_host(places)
        place = self._unplayed_of(places.get(request_host(url), []))
        if place is not None:
            return place
        hosts = [host for host in places.values() if self._trim(host)]
        return min(hosts, key=_first).pop() if hosts else None

    def _by_host(self, places: Sequence[int]) -> dict[str, list[int]]:
        hosts: dict[str, list[int]] = {}
        for place in places:
            hosts.setdefault(request_host(self.takes[place].request.url), []).append(place)
        return hosts

    def _unplayed_of(self, places: list[int]) -> int | None:
        return places.pop() if self._trim(places) else None

    def _trim(self, places: list[int]) -> list[int]:
        while places and self._played[places[-1]]:
            places.pop()
        return places


def _waiting(keys: Sequence[bytes]) -> _Waiting:
    """Return the places of takes by key, the next one last."""
    waiting: dict[bytes, list[int] | dict[str, list[int]]] = {}
    for place in reversed(range(len(keys))):
        places = waiting.setdefault(keys[place], [])
        assert isinstance(places, list)
        places.append(place)
    return waiting


def _first(places: Sequence[int]) -> int:
    return places[-1]
