"""Why no take answers a request, in the form that a miss, a report and a machine read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .differences import Difference, parts_of
from .fingerprint import request_path
from .index import TakeIndex
from .nearest import Neighbours, request_differences
from .take import RecordedRequest
from .take_lines import take_line
from .words import in_words

PLAYED, ABSENT, DEEP = "repeated beyond the takes", "no cassette", "too deep to compare"
_SHOWN = 6


@dataclass(frozen=True)
class Drift:
    """Why one request had no take.

    Attributes:
        call: method and path of the request.
        takes: how many takes the cassette has.
        nearest: the number of the nearest take, from 1; None where there is none.
        line: where that take stands in the cassette's file; None where that is not known.
        differences: between that take and the request, () where `why` says it all.
        why: "repeated beyond the takes", "no cassette" or "too deep to compare", else "".
        note: what may have led to it, e.g. another release of the SDK; "" for nothing.
    """

    call: str
    takes: int
    nearest: int | None = None
    line: int | None = None
    differences: tuple[Difference, ...] = ()
    why: str = ""
    note: str = ""

    @property
    def causes(self) -> tuple[str, ...]:
        """The parts that drifted, e.g. ("system", "parameters")."""
        return (self.why,) if self.why else tuple(parts_of(self.differences))

    @property
    def summary(self) -> str:
        """The cause in words: "the nearest take differs in system and parameters"."""
        if self.why == PLAYED:
            return "every take that equals it has been played"
        if not self.causes:
            return "the cassette holds no take"
        *most, last = self.causes
        parts = f"{', '.join(most)} and {last}" if most else last
        return self.why or f"the nearest take differs in {parts}"

    @property
    def nearest_words(self) -> str:
        """Return e.g. "3 takes; nearest is #2, differs at messages[1].content"."""
        count = "1 take" if self.takes == 1 else f"{self.takes} takes"
        if self.nearest is None:
            return count
        if self.why == PLAYED:
            return f"{count}; nearest is #{self.nearest}, equals it, but has been played"
        first = self.differences[0] if self.differences else None
        if first is None or self.why:
            return f"{count}; nearest is #{self.nearest}, {self.why or 'equals it'}"
        if first.part == "endpoint":
            return f"{count}; none is a {self.call.replace(' ', ' to ', 1)}"
        where = f"at {first.place}" if first.place else f"in the {first.part}"
        return f"{count}; nearest is #{self.nearest}, differs {where}"

    def lines(self) -> Iterator[str]:
        """Yield one line for each difference: `system: messages[0].content: Be [-brief-]{+terse+}`."""
        for each in self.differences[:_SHOWN]:
            yield f"{each.part}: {told(each)}"
        if len(self.differences) > _SHOWN:
            yield f"... and {len(self.differences) - _SHOWN} more"
        if self.note:
            yield self.note


def told(difference: Difference) -> str:
    """Return where and how something differs, in a line."""
    place = f"{difference.place}: " if difference.place else ""
    if difference.was is None:
        return f"{place}added {_clipped(difference.now or '')}"
    if difference.now is None:
        return f"{place}removed {_clipped(difference.was)}"
    return (place + in_words(difference.was, difference.now)).replace("\n", "\\n")


def drift_of(
    request: RecordedRequest,
    index: TakeIndex,
    neighbours: Neighbours,
    *,
    path: Path,
    client: str,
    clean: Callable[[str], str],
) -> Drift:
    """Explain why no take answers a request.

    Args:
        request: as it went out, or as it would be written.
        index: the takes.
        neighbours: of the same takes.
        path: the cassette's file.
        client: which SDK sends the request, "" where that is not known.
        clean: takes the secrets out of a text.
    """
    call, count = f"{request.method} {clean(request_path(request.url))}", len(index.takes)
    drift = Drift(call, count)
    if not count:
        return drift
    try:
        place = neighbours.nearest(request)
        if place is None:
            place = next(index.unplayed(), 0)
        take = index.takes[place]
        found = request_differences(take.request, request, index.eyes)
    except RecursionError:
        return replace(drift, why=DEEP)
    drift = replace(drift, nearest=place + 1, line=take_line(path, place), note=_note(take.client, client))
    if not found:
        return replace(drift, why=PLAYED)
    return replace(drift, differences=tuple(_cleaned(found, clean)))


def _cleaned(differences: Sequence[Difference], clean: Callable[[str], str]) -> Iterator[Difference]:
    for each in differences[:50]:
        was, now = (None if text is None else clean(text) for text in (each.was, each.now))
        yield replace(each, place=clean(each.place), was=was, now=now)


def _note(recorded: str, asked: str) -> str:
    if recorded and asked and recorded != asked:
        return f"recorded with {recorded}, asked with {asked}"
    return ""


def _clipped(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= 120 else f"{text[:80]} ... {text[-30:]}"
