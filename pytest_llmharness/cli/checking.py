"""`llmharness cassette check`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ..cassette import Cassette
from ..cassette.age import parse_age, recorded_at
from ..cassette.orphans import orphaned
from ..cassette.redaction import Redactor
from ..errors import CassetteError
from .files import cassette_files, readable
from .screen import Screen


class Fault(NamedTuple):
    """What is wrong with a cassette, and how to mend it."""

    path: str
    kind: str
    what: str
    fix: str


def run(given: Namespace, screen: Screen) -> bool:
    """Check each cassette; say what is wrong with it and how to mend it."""
    max_age = parse_age(given.max_age) if given.max_age else None
    files = cassette_files(given.paths)
    faults = [fault for file, found in readable(files) for fault in _faults(file, found, max_age)]
    if given.json:
        screen.json([fault._asdict() for fault in faults])
        return bool(faults)
    for fault in faults:
        screen.line(
            screen.paint(fault.path, "bold"),
            ": ",
            screen.paint(fault.kind, "red"),
            screen.clean(f": {fault.what}"),
        )
        screen.say(f"  fix:   {fault.fix}")
    screen.say(f"{len(files)} cassettes checked, {len({fault.path for fault in faults})} with faults")
    return bool(faults)


def _faults(file: Path, found: Cassette | CassetteError, max_age: timedelta | None) -> Iterator[Fault]:
    if isinstance(found, CassetteError):
        yield Fault(str(file), "broken", found.what, found.fix)
        return
    if not found.interactions:
        yield Fault(str(file), "empty", "it has no takes", f"rm {file}")
    redactor = Redactor()
    for number, take in enumerate(found.interactions, 1):
        for place in redactor.secrets_in(take):
            yield Fault(str(file), "secret", f"take {number}: {place}", f"llmharness cassette scrub {file}")
    yield from gone(file, found, max_age)


def gone(file: Path, cassette: Cassette, max_age: timedelta | None) -> Iterator[Fault]:
    """Yield why a cassette may be deleted: it has expired, or no test owns it."""
    if max_age is not None:
        moment, source = recorded_at(cassette)
        age = datetime.now(UTC) - moment
        if age > max_age:
            what = f"recorded {age.days} days ago by {source}"
            yield Fault(
                str(file),
                "expired",
                what,
                "pytest --llm-record-mode=rewrite its test, live where it is marked so",
            )
    if (why := orphaned(file)) is not None:
        yield Fault(str(file), "orphan", why, f"llmharness cassette prune --yes {file}")
