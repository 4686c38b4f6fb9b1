"""Which take answers a request next: equal requests get their takes in order, each once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from .fingerprint import request_host, request_key, request_path, request_prefixes, request_text
from .match import Match
from .take import RecordedRequest, Take

_Waiting: TypeAlias = dict[bytes, dict[str, list[int]]]


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

    Not safe for threads: the recording holds its lock.
    """

    def __init__(self, takes: Sequence[Take], eyes: Eyes | None = None) -> None:
        self.takes = takes
        self.eyes = eyes or Eyes()
        self._played = bytearray(len(takes))
        self._exact = self._waiting([request_key(take.request) for take in takes])

    def knows(self, key: bytes) -> bool:
        """Whether a take has exactly this request, played or not."""
        return key in self._exact

    def claim(self, key: bytes, url: str) -> Take | None:
        """Return the next unplayed take of a key and mark it played, or None.

        Args:
            key: of the request.
            url: of the request; takes from its host come first.
        """
        return self._next(self._exact, key, url)

    def claim_alike(self, request: RecordedRequest) -> Take | None:
        """Return the next unplayed take that differs in what is volatile only, or None."""
        return self._next(self._alike, self.eyes.key(request), request.url)

    def is_played(self, place: int) -> bool:
        """Whether the take at this place was claimed."""
        return bool(self._played[place])

    def unplayed(self) -> Iterator[int]:
        """Yield the place of each take that was not claimed."""
        return (place for place, played in enumerate(self._played) if not played)

    @cached_property
    def _alike(self) -> _Waiting:
        # Made for the first request that has no exact take: a replay that has drifted nowhere needs none.
        return self._waiting([self.eyes.key(take.request) for take in self.takes])

    def _waiting(self, keys: Sequence[bytes]) -> _Waiting:
        """Return the places of takes by key and host, the next one last."""
        waiting: _Waiting = {}
        for place in reversed(range(len(keys))):
            host = request_host(self.takes[place].request.url)
            waiting.setdefault(keys[place], {}).setdefault(host, []).append(place)
        return waiting

    def _next(self, waiting: _Waiting, key: bytes, url: str) -> Take | None:
        hosts = waiting.get(key)
        if hosts is None:
            return None
        for places in hosts.values():
            while places and self._played[places[-1]]:
                places.pop()
        places = hosts.get(request_host(url)) or min(filter(None, hosts.values()), key=_first, default=[])
        if not places:
            return None
        self._played[places[-1]] = True
        return self.takes[places.pop()]


def _first(places: Sequence[int]) -> int:
    return places[-1]
