"""The takes of a file, each read when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

from .blobs import Blobs
from .bodies import ReadBlob, names_blobs
from .content_coding import decoded
from .documents import Documents
from .journal import cassette_of
from .native import read_response, read_take
from .storage import broken
from .take import DONE, RecordedResponse, Take

SHAPE_ERRORS = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What a document that has not the shape of a take raises."""

Read = TypeVar("Read")


class Takes(Sequence[Take]):
    """A sequence of takes, equal to a list of the same ones.

    Args:
        path: the cassette's file.
        documents: where they lie in it.

    Raises:
        CassetteError: one that is asked for is no take; of a small file, any of them.
    """

    def __init__(self, path: Path, documents: Documents) -> None:
        self._path, self._documents = path, documents
        self._read: dict[int, Take] = {}
        if documents.is_small:
            for number in range(len(documents)):
                self._take(number)

    def __len__(self) -> int:
        return len(self._documents)

    @overload
    def __getitem__(self, place: int) -> Take: ...

    @overload
    def __getitem__(self, place: slice) -> list[Take]: ...

    def __getitem__(self, place: int | slice) -> Take | list[Take]:
        if isinstance(place, slice):
            return [self._take(number) for number in range(*place.indices(len(self)))]
        number = place + len(self) if place < 0 else place
        if not 0 <= number < len(self):
            raise IndexError(f"there is no take {place}, only {len(self)}")
        return self._take(number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} takes of {self._path.name}>"

    def keys(self) -> list[bytes | None]:
        """Return the key that stands in each take, None where none does."""
        return [self._documents.key(number) for number in range(len(self))]

    def documents(self) -> Iterator[bytes]:
        """Yield each take as it stands in the file."""
        return (self._documents[number] for number in range(len(self)))

    def close(self) -> None:
        """Let go of the file; what was read stays."""
        self._documents.close()

    def response(self, number: int) -> RecordedResponse:
        """Return the response of a take, without the work of reading what was asked."""
        if number in self._read:
            return self._read[number].response
        return self._parsed(number, self._answered)

    def _take(self, number: int) -> Take:
        take = self._read.get(number)
        if take is None:
            take = self._read[number] = self._parsed(number, self._whole)
        return take

    def _parsed(self, number: int, read: Callable[[Any, ReadBlob], Read]) -> Read:
        document = self._documents[number]
        try:
            return read(json.loads(document), self._blob if names_blobs(document) else None)
        except SHAPE_ERRORS as error:
            what = f"is no cassette: take {number + 1}: {why(error)}"
            raise broken(self._path, what, line=self._documents.line(number)) from error

    def _whole(self, document: Any, read_blob: ReadBlob) -> Take:
        take = read_take(document, read_blob)
        check(take)
        return replace(take, response=decoded(take.response))

    def _answered(self, document: Any, read_blob: ReadBlob) -> RecordedResponse:
        response = read_response(document["response"], read_blob)
        check_response(response)
        return decoded(response)

    def _blob(self, name: str) -> bytes:
        return Blobs(cassette_of(self._path) or self._path).read(name)


def check(take: Take) -> None:
    """Refuse what would only fail later, in the middle of a test.

    Raises:
        ValueError, TypeError: a part of the take cannot be.
    """
    request: Any = take.request
    if not isinstance(request.url, str):
        raise TypeError("url must be a text and status a number")
    check_response(take.response)
    urlsplit(take.request.url)
    for name, value in take.request.headers.pairs:
        name.encode("ascii")
        value.encode()


def check_response(response: RecordedResponse) -> None:
    """Refuse a response that cannot be.

    Raises:
        ValueError, TypeError: a part of it cannot be.
    """
    status: Any = response.status
    if not isinstance(status, int):
        raise TypeError("url must be a text and status a number")
    if not 100 <= status <= 999 and (status or response.end == DONE):
        raise ValueError(f"{status} is no HTTP status")
    for name, value in response.headers.pairs:
        name.encode("ascii")
        value.encode()


def why(error: BaseException) -> str:
    """Say what is wrong with the shape of a take."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
