"""`llmharness cassette prune`."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from ..cassette import Cassette
from ..cassette.age import parse_age
from ..cassette.blobs import Blobs
from ..cassette.journal import journals
from ..errors import CassetteError
from .checking import gone
from .files import cassette_files, readable
from .screen import Screen


def run(given: Namespace, screen: Screen) -> bool:
    """List what may go; with --yes delete it, and the folders that it leaves empty."""
    max_age = parse_age(given.max_age) if given.max_age else None
    loaded = ((file, found) for file, found in readable(cassette_files(given.paths)))
    faults = [
        fault for file, found in loaded if isinstance(found, Cassette) for fault in gone(file, found, max_age)
    ]
    files = list(dict.fromkeys(Path(fault.path) for fault in faults))
    if given.yes:
        for file in files:
            _delete(file)
    if given.json:
        screen.json([{**fault._asdict(), "deleted": given.yes} for fault in faults])
    else:
        for fault in faults:
            screen.line(screen.paint(fault.path, "bold"), ": ", screen.clean(f"{fault.kind}: {fault.what}"))
        end = "deleted" if given.yes else "to delete; llmharness cassette prune --yes does it"
        screen.say(f"{len(files)} cassettes {end}" if files else "nothing to delete")
    return bool(files) and not given.yes


def _delete(file: Path) -> None:
    try:
        file.unlink()
        for beside in journals(file):
            beside.unlink()
    except OSError as error:
        raise CassetteError(
            f"{file.name} cannot be deleted: {error.strerror}", where=str(file), fix=f"rm {file}"
        ) from error
    Blobs(file).sweep([])
    with suppress(OSError):  # the first that is not empty ends it
        for folder in file.parents:
            if folder.name == "cassettes":
                break
            folder.rmdir()
