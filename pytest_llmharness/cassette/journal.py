"""The journal of a test that records: each call is in it before the client goes on.

It lies beside the cassette, has the cassette's form, and belongs to one recording, which holds a
lock on it for as long as it lives. So a journal that nobody holds was left by a process that died,
and the next recording of that cassette takes it over. One write a call, handed to the system: a
process that is killed loses at most the call in flight. A loss of power may cost more of it: only the
cassette is forced to the disk, once, when the recording has ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from .storage import replace_file, unwritable

PENDING, FAILED = ".journal", ".failed"
"""The suffix of a journal, and of one whose test has failed."""

_numbers = count(1)


class Journal:
    """Not safe for threads: the recording holds its lock.

    Args:
        cassette: the file that the journal is for.

    Attributes:
        path: the journal.
        failed_path: what it is called once its test has failed.
    """

    def __init__(self, cassette: Path) -> None:
        name = f"{cassette.name}.{os.getpid()}-{next(_numbers)}"
        self.cassette = cassette
        self.path = cassette.with_name(name + PENDING)
        self.failed_path = cassette.with_name(name + FAILED)
        self._file = -1

    @property
    def is_begun(self) -> bool:
        """Whether anything was written."""
        return self._file >= 0

    def append(self, documents: Sequence[bytes]) -> None:
        """Add documents, each in one write.

        Raises:
            CassetteError: they cannot be written.
        """
        try:
            if self._file < 0:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                _hold(self._file)
            for each in documents:
                _write(self._file, each)
        except OSError as error:
            raise unwritable(self.cassette, error.strerror or repr(error)) from error

    def rewrite(self, documents: Sequence[bytes]) -> None:
        """Put other documents in place of those that are there: a secret was learned that they hold.

        Raises:
            CassetteError: they cannot be written.
        """
        if self.is_begun:
            replace_file(self.path, documents)
            self._reopen()

    def keep_failed(self) -> Path:
        """Let go of the journal, but leave it for whoever wants to look; return where."""
        self._close()
        with suppress(OSError):
            self.path.replace(self.failed_path)
            return self.failed_path
        return self.path

    def discard(self) -> None:
        """Delete it: what it holds is in the cassette, or is not wanted."""
        self._close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _reopen(self) -> None:
        self._close()
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise unwritable(self.cassette, error.strerror or repr(error)) from error
        _hold(self._file)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class LeftBehind:
    """A journal whose process died, taken over: nobody else takes it as long as we hold it.

    Args:
        path: the journal.
        file: its open file, locked.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    def discard(self) -> None:
        """Delete it: what was wanted of it stands elsewhere by now."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Leave it to whoever comes next."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def left_behind(cassette: Path) -> list[LeftBehind]:
    """Take over the journals of a cassette whose processes died, oldest first."""
    found = ((path, _taken(path)) for path in _beside(cassette, PENDING))
    return [LeftBehind(path, file) for path, file in found if file is not None]


def journals(cassette: Path) -> list[Path]:
    """Return every journal beside a cassette, oldest first."""
    return [*_beside(cassette, PENDING), *_beside(cassette, FAILED)]


def drop_failed(cassette: Path, before: float) -> None:
    """Delete the journals of failed tests that are older than this moment (seconds of the epoch)."""
    for path in _beside(cassette, FAILED):
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def is_held(journal: Path) -> bool:
    """Whether the recording that writes a journal lives."""
    if not journal.exists():
        return False
    file = _taken(journal)
    if file is not None:
        os.close(file)
    return file is None and journal.suffix == PENDING


def cassette_of(journal: Path) -> Path | None:
    """Return the cassette that a journal is for, or None where the file is no journal by its name."""
    stem, dot, writer = journal.stem.rpartition(".")
    named = journal.suffix in (PENDING, FAILED) and dot and writer.replace("-", "").isdigit()
    return journal.with_name(stem) if named else None


def _beside(cassette: Path, suffix: str) -> Iterator[Path]:
    try:
        names = os.listdir(cassette.parent)
    except OSError:
        return
    found = [cassette.with_name(name) for name in names if name.endswith(suffix)]
    yield from sorted((path for path in found if cassette_of(path) == cassette), key=_age)


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except OSError:
        return 0.0, path.name


def _write(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _hold(file: int) -> None:
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _taken(path: Path) -> int | None:
    """Return the locked file, or None where its recording lives, or the system has no such lock."""
    try:
        import fcntl

        file = os.open(path, os.O_RDWR)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
