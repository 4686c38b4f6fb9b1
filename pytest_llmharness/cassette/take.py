"""What a cassette holds: takes, each a request and the response it got."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise


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


DONE, CLIENT_CLOSED, CUT, TIMEOUT, CONNECT_ERROR = ENDS = (
    "done",
    "client_closed",
    "cut",
    "timeout",
    "connect_error",
)
"""How an answer can end: whole, left by the client, broken off by the server, out of time, never begun."""


@dataclass(frozen=True)
class RecordedResponse:
    """A response as it came in, its content coding (gzip, br, ...) undone.

    Attributes:
        status: the HTTP status code; 0 where the call ended before any came.
        headers: without those that are private or differ each time.
        body: the whole body; of a stream, all of its bytes in one.
        start_ms: when the headers came, in milliseconds after the request; None where not known.
        cuts: (ms, bytes) of each chunk: when it came and how long it is; () for a body that is
            known as a whole only.
        end: "done", "client_closed", "cut" (by the server), "timeout" or "connect_error".
        error: what the client raised at the end, "Class: words"; "" where it raised nothing.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    start_ms: float | None = None
    cuts: tuple[tuple[float, int], ...] = ()
    end: str = DONE
    error: str = ""

    @property
    def chunks(self) -> list[tuple[float, bytes]]:
        """The body as it came: (ms after the request, bytes) of each chunk."""
        if sum(length for _, length in self.cuts) != len(self.body):  # the body was changed since
            ms = self.cuts[-1][0] if self.cuts else self.start_ms or 0.0
            return [(ms, self.body)] if self.body else []
        ends = accumulate((length for _, length in self.cuts), initial=0)
        return [
            (ms, self.body[begin:end])
            for (ms, _), (begin, end) in zip(self.cuts, pairwise(ends), strict=True)
        ]


@dataclass(frozen=True)
class Take:
    """One recorded call.

    Attributes:
        request: what was asked.
        response: how it was answered.
        recorded_at: when, as an ISO time in UTC; "" where that is not known.
        client: which SDK asked, e.g. "OpenAI/Python 3.52.0"; "" where that is not known.
        test: the id of the test that asked, in a file that several tests share; else "".
    """

    request: RecordedRequest
    response: RecordedResponse
    recorded_at: str = ""
    client: str = ""
    test: str = ""
