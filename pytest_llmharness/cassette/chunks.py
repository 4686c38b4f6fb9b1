"""Lists of chunks: put together, cut anew, and kept where the text under them was redacted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from ..errors import ConfigError
from .cutting import cut_alike
from .take import RecordedResponse

Chunks: TypeAlias = list[tuple[float, bytes]]
"""(milliseconds after the request, bytes) of each chunk."""


def in_chunks(response: RecordedResponse, chunks: Iterable[tuple[float, bytes]]) -> RecordedResponse:
    """Return the response with this body in these chunks; empty ones are dropped."""
    kept = [(ms, data) for ms, data in chunks if data]
    body = b"".join(data for _, data in kept)
    return replace(response, body=body, cuts=tuple((ms, len(data)) for ms, data in kept))


def recut(response: RecordedResponse, body: bytes) -> RecordedResponse:
    """Return the response with its body as it was redacted, cut where it was cut before.

    A chunk of which nothing is left, for a secret lay across it, is one with the chunk before.
    """
    if body == response.body:
        return replace(response, body=body)
    parts = cut_alike([data for _, data in response.chunks], response.body, body)
    times = (ms for ms, _ in response.chunks)
    return in_chunks(replace(response, body=body), zip(times, parts, strict=True))


class Rechunk:
    """Cuts bodies anew: `bytes`, `merged`, `random` or `random:SEED`.

    A piece comes when the last of its bytes came.

    Raises:
        ConfigError: the way is not one of these.
    """

    def __init__(self, way: str) -> None:
        kind, _, seed = way.partition(":")
        if kind not in ("bytes", "merged", "random") or (seed and not (kind == "random" and seed.isdigit())):
            raise ConfigError(
                f"bodies cannot be cut the way {way!r}",
                where="use_cassette(rechunk=...)",
                fix='use one of "bytes", "merged", "random", "random:SEED" (a whole number)',
            )
        import random

        self._kind = kind
        self._random = random.Random(int(seed or 0))  # noqa: S311  # it shall be repeatable

    def __call__(self, response: RecordedResponse) -> RecordedResponse:
        """Return the response with its body cut anew."""
        lengths = self._lengths(len(response.body))
        return in_chunks(response, _cut(response.chunks, lengths))

    def _lengths(self, total: int) -> list[int]:
        if self._kind == "merged" or total < 2:
            return [total]
        if self._kind == "bytes":
            return [1] * total
        places = sorted(self._random.sample(range(1, total), self._random.randrange(total)))
        return [end - begin for begin, end in zip([0, *places], [*places, total], strict=True)]


def _cut(chunks: Chunks, lengths: list[int]) -> Chunks:
    body = b"".join(data for _, data in chunks)
    ends = iter(chunks)
    pieces: Chunks = []
    done, arrived, ms = 0, 0, 0.0
    for length in lengths:
        done += length
        while arrived < done:
            ms, data = next(ends)
            arrived += len(data)
        pieces.append((ms, body[done - length : done]))
    return pieces
