"""Which take is nearest to a request that none answers, and where the two differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from .differences import Difference, body_differences, same
from .fingerprint import request_path, request_query
from .index import Eyes, TakeIndex
from .take import RecordedRequest

_MODEL_IN_PATH = re.compile(r"(?<=/)(?P<kind>models?|deployments)/(?P<model>[^/:]+(?::\d+)?)")
_STREAM_IN_PATH = re.compile(r":streamGenerateContent$|/converse-stream$")
_CANDIDATES = 16
_LONGEST = 400


class Neighbours:
    """Finds the nearest take by the longest equal beginning of the conversation.

    Made at the first miss. A look-up takes as long as the request has turns, and compares a few
    takes, however many there are.
    """

    def __init__(self, index: TakeIndex) -> None:
        self._index = index
        self._by_beginning: dict[tuple[str, bytes, int | None], list[int]] = {}
        self._equal: dict[bytes, int] = {}
        for place, (take, key) in enumerate(zip(index.takes, index.alike_keys, strict=True)):
            self._equal.setdefault(key, place)
            kind, beginnings = _kind(take.request), self._beginnings(take.request)
            for beginning in beginnings:
                for length in (len(beginnings), None):
                    self._by_beginning.setdefault((kind, beginning, length), []).append(place)

    def nearest(self, request: RecordedRequest) -> int | None:
        """Return the place of the nearest take, or None where none goes to the same endpoint."""
        equal = self._equal.get(self._index.eyes.key(request))
        if equal is not None:
            return equal
        kind, beginnings = _kind(request), self._beginnings(request)
        for beginning in reversed(beginnings):
            for length in (len(beginnings), None):  # one with as many turns before any other
                places = self._by_beginning.get((kind, beginning, length))
                if places:
                    return self._closest(request, places)
        return None

    def _beginnings(self, request: RecordedRequest) -> list[bytes]:
        return self._index.eyes.prefixes(request) or [b""]

    def _closest(self, request: RecordedRequest, places: Sequence[int]) -> int:
        # A test asks in the order it was recorded in: what has not been played yet is likely meant.
        waiting = islice((place for place in places if not self._index.is_played(place)), _CANDIDATES)
        candidates = list(waiting) or places[:_CANDIDATES]
        if len(candidates) == 1:
            return candidates[0]
        eyes, takes = self._index.eyes, self._index.takes
        asked = document(request, eyes)
        return max(candidates, key=lambda place: _closeness(document(takes[place].request, eyes), asked))


def document(request: RecordedRequest, eyes: Eyes) -> Any:
    """Return the JSON body as it is compared; None where it is none."""
    text = eyes.text(request)
    return None if text is None else json.loads(text)


def request_differences(stored: RecordedRequest, asked: RecordedRequest, eyes: Eyes) -> list[Difference]:
    """Return where a request differs from a take; [] where only what is volatile does."""
    found = list(_path_differences(stored, asked))
    if any(each.part == "endpoint" for each in found):  # of another endpoint nothing else compares
        return found
    was, now = (eyes.match.applied(request) for request in (stored, asked))
    queries = tuple(
        "&".join(f"{name}={value}" for name, value in request_query(request.url)) for request in (was, now)
    )
    if queries[0] != queries[1]:
        found.append(Difference("query", "", queries[0], queries[1]))
    bodies = document(stored, eyes), document(asked, eyes)
    if bodies[0] is not None and bodies[1] is not None:
        found.extend(body_differences(*bodies))
    elif was.body != now.body:
        texts = (request.body.decode("utf-8", "replace") for request in (was, now))
        found.append(Difference("body", "", *texts))
    return found


def _path_differences(stored: RecordedRequest, asked: RecordedRequest) -> Iterable[Difference]:
    was, now = request_path(stored.url), request_path(asked.url)
    if _kind(stored) != _kind(asked):
        yield Difference("endpoint", "", f"{stored.method} {was}", f"{asked.method} {now}")
        return
    models = tuple(found["model"] if (found := _MODEL_IN_PATH.search(path)) else None for path in (was, now))
    if models[0] != models[1]:
        yield Difference("model", "", *models)
    streams = tuple(_STREAM_IN_PATH.search(path) is not None for path in (was, now))
    if streams[0] != streams[1]:
        yield Difference("stream", "", *(json.dumps(each) for each in streams))


def _kind(request: RecordedRequest) -> str:
    """Return the endpoint, whichever model is asked there and whether it streams."""
    path = _MODEL_IN_PATH.sub(r"\g<kind>/*", request_path(request.url))
    path = path.replace(":streamGenerateContent", ":generateContent")
    return f"{request.method} {path.removesuffix('-stream')}"


def _closeness(stored: Any, asked: Any) -> float:
    """Count equal top-level fields; a list counts by its equal beginning."""
    if not isinstance(stored, dict) or not isinstance(asked, dict):
        return 0.0
    return sum(_likeness(stored[name], asked[name]) for name in stored.keys() & asked.keys())


def _likeness(stored: Any, asked: Any) -> float:
    if same(stored, asked):
        return 1.0
    if isinstance(stored, str) and isinstance(asked, str):
        return 0.9 * SequenceMatcher(None, stored[:_LONGEST], asked[:_LONGEST]).quick_ratio()
    if isinstance(stored, dict) and isinstance(asked, dict):
        return 0.9 * _closeness(stored, asked) / max(len(stored), len(asked), 1)
    if not isinstance(stored, list) or not isinstance(asked, list):
        return 0.0
    equal = 0.0
    for one, other in zip(stored, asked, strict=False):
        like = _likeness(one, other)
        equal += like
        if like < 1.0:
            break
    return equal / (max(len(stored), len(asked)) + 1)
