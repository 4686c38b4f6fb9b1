"""Put what a failed or killed test recorded into its cassette after all, because somebody asks for it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import CassetteError
from .blobs import Blobs
from .journal import cassette_of, is_held, journals
from .loading import load_if_there, read_header, recovered
from .redaction import Redactor
from .storage import signature
from .take_file import TakeFile


def promote(journal: Path) -> tuple[Path, int]:
    """Add the takes of a journal to its cassette, and delete the journal.

    Returns:
        The cassette, and how many takes were added.

    Raises:
        CassetteError: it is no journal, its test still runs, or the cassette cannot be written.
    """
    path = cassette_of(journal)
    if path is None:
        raise CassetteError(
            f"{journal.name} is no journal of a recording",
            where=str(journal),
            fix="give a file whose name ends in .journal or .failed",
        )
    if is_held(journal):
        raise CassetteError(
            f"the test that writes {journal.name} is still running",
            where=str(journal),
            fix="wait for its end: if it passes, its cassette is written",
        )
    takes = recovered(journal)
    seen, cassette = signature(path), load_if_there(path)
    metadata = {**(cassette.metadata if cassette else {}), **read_header(journal)}
    file = TakeFile(path, seen, metadata, Redactor(), cassette)
    for number, take in enumerate(takes, 1):
        file.add(take, number)
    if takes:
        file.write()
    if file.unwritten is not None:
        raise file.unwritten
    with suppress(OSError):
        journal.unlink()
    Blobs(path).sweep([path, *journals(path)])
    return path, len(takes)
