"""A cassette's file: read whole, replaced whole, never seen half-written."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import CassetteError


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


def check_writable(path: Path) -> None:
    """Refuse before the first paid call what could not be written after it.

    Raises:
        CassetteError: the file or its folder may not be written.
    """
    target = _target(path)
    if os.path.exists(target) and not os.access(target, os.W_OK):  # this one never raises
        raise _unwritable(path, "the file is read-only")
    folder = target.parent
    while not os.path.exists(folder):
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
        raise _unwritable(path, f"{folder} is not a folder that can be written")


def replace_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Put new content in place of the file, at once: readers see the old or the new one.

    Raises:
        CassetteError: it cannot be written; the file is left as it was.
    """
    target = _target(path)
    temporary = target.parent / f".llmharness-{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines(pieces)
        with suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(path, error.strerror or repr(error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def broken(path: Path, why: str, *, line: int | None = None) -> CassetteError:
    """Return the error for a file that is there but is no cassette."""
    return CassetteError(
        f"the cassette {path.name} {why}",
        where=str(path) if line is None else f"{path}:{line}",
        fix=f"git checkout -- {path}   (or delete the file and record it again)",
    )


def _unwritable(path: Path, why: str) -> CassetteError:
    return CassetteError(
        f"the cassette {path.name} cannot be written: {why}",
        where=str(path),
        fix=f"make {path.parent} writable, or replay only: record_mode='none'",
    )


def _target(path: Path) -> Path:
    """Follow links, so that replacing keeps a linked cassette linked."""
    return Path(os.path.realpath(path))
