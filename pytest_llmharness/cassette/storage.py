"""A cassette's file: read whole, replaced whole, never seen half-written."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from ..errors import CassetteError

AGAIN = "delete it and record it again"
"""The last resort for a file that is no cassette; whoever knows the command adds it."""

Signature: TypeAlias = tuple[int, int, int] | None
"""Tells one state of a file from another; None where there is no file."""


def read_text(path: Path) -> str | None:
    """Return the file's text, or None where there is no file.

    Raises:
        CassetteError: it is no regular file, cannot be read, is empty, or is not UTF-8.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise broken(path, "is not a regular file")
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror or repr(error)}") from error
    if not content.strip():
        raise broken(path, "is empty", line=1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise broken(path, f"is not UTF-8 text at byte {error.start}", line=line) from error


def begins(path: Path, count: int) -> bytes | None:
    """Return the first bytes of the file, so many or all there are, or None where there is no file.

    Raises:
        CassetteError: it is no regular file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise broken(path, "is not a regular file")
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror or repr(error)}") from error


def check_writable(path: Path) -> None:
    """Refuse before the first paid call what could not be written after it.

    Raises:
        CassetteError: the file or its folder may not be written.
    """
    target = _target(path)
    if os.path.exists(target) and not os.access(target, os.W_OK):  # this one never raises
        raise unwritable(path, "the file is read-only")
    folder = target.parent
    while not os.path.exists(folder):
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
        raise unwritable(path, f"{folder} is not a folder that can be written")


def signature(path: Path) -> Signature:
    """Return what changes whenever a file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes and threads from writing in the file's folder meanwhile.

    It locks the folder itself, so no lock file is left behind. Where the system has no such lock
    (Windows, some network file systems) two writers may still meet within the same millisecond.

    Raises:
        CassetteError: the folder cannot be made or opened.
    """
    try:
        import fcntl
    except ImportError:
        fcntl = None  # type: ignore[assignment]
    folder = _target(path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
    except OSError as error:
        raise unwritable(path, error.strerror or repr(error)) from error
    if descriptor is None:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a fork that was made meanwhile holds it, too
        os.close(descriptor)


def replace_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Put new content in place of the file, at once: readers see the old or the new one.

    It is handed to the system, which keeps it whatever becomes of this process; `force` keeps it
    through a loss of power.

    Raises:
        CassetteError: it cannot be written; the file is left as it was.
    """
    target = _target(path)
    temporary = target.parent / f".llmharness-{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
        with suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as error:
        raise unwritable(path, error.strerror or repr(error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def force(path: Path) -> None:
    """Have the file on the disk before going on: done once, when a recording has ended."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def broken(path: Path, why: str, *, line: int | None = None) -> CassetteError:
    """Return the error for a file that is there but is no cassette."""
    return CassetteError(
        f"the cassette {path.name} {why}",
        where=str(path) if line is None else f"{path}:{line}",
        fix=f"git checkout -- {path}   (or {AGAIN})",
    )


def refused(path: Path, number: int, why: str) -> CassetteError:
    """Return the error for a take that may not be written."""
    return CassetteError(
        f"take {number} of {path.name} is not written: {why}",
        where=str(path),
        fix="take it out before it is written: pytest_llmharness.cassette.add_redactor(function), "
        "or ask for another content coding",
    )


def unwritable(path: Path, why: str) -> CassetteError:
    """Return the error for a file that cannot be written."""
    return CassetteError(
        f"the cassette {path.name} cannot be written: {why}",
        where=str(path),
        fix=f"make {path.parent} writable, or replay only: record_mode='none'",
    )


def _target(path: Path) -> Path:
    """Follow links, so that replacing keeps a linked cassette linked."""
    return Path(os.path.realpath(path))
