"""What a cassette holds: takes, each a request and the response it got."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


class Headers(Mapping[str, str]):
    """Header fields; names ignore case, and repeated fields read as one, joined by ", ".

    Args:
        pairs: (name, value) in order; names are kept in lower case.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: tuple[tuple[str, str], ...] = tuple((name.lower(), value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        wanted = name.lower()
        values = [value for each, value in self.pairs if each == wanted]
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    def __len__(self) -> int:
        return len(dict(self.pairs))

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"

    def lists(self) -> dict[str, list[str]]:
        """Return every value of every name, in order."""
        found: dict[str, list[str]] = {}
        for name, value in self.pairs:
            found.setdefault(name, []).append(value)
        return found

    def without(self, name: str) -> Headers:
        """Return these headers less one."""
        return Headers(pair for pair in self.pairs if pair[0] != name)


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it went out; in a cassette, without its secrets.

    Attributes:
        method: in upper case.
        url: absolute.
        headers: all of them while a call runs, the few kept ones in a cassette.
        body: the bytes sent, b"" where there were none.
    """

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


@dataclass(frozen=True)
class RecordedResponse:
    """A response as it came in, its content coding (gzip, br, ...) undone.

    Attributes:
        status: the HTTP status code.
        headers: without those that are private or differ each time.
        body: the whole body; of a stream, all of its bytes in one.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


@dataclass(frozen=True)
class Take:
    """One recorded call."""

    request: RecordedRequest
    response: RecordedResponse
