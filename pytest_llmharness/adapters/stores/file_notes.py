"""Notes as text files in a folder, where a person can read them too."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import SharedStateUnavailable

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_OTHER = re.compile(r"[^a-z0-9_-]+")


class FileNotes:
    """Keeps each note in a file of its own: `<root>/<owner>/<name>.md`.

    Names that are more than lower-case letters, digits, "-" and "_" are written with a hash, so that no
    name leads out of the root or meets another one. Where the system has no file locks (Windows, some
    network file systems) two processes may swap one note within the same millisecond.

    Args:
        root: the folder; it is made with the first note.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root)
        self._lock = threading.Lock()

    async def read(self, owner: str, name: str) -> str:
        """Return the text; "" where there is none.

        Raises:
            SharedStateUnavailable: the file cannot be read, or lies outside of the root.
        """
        return await asyncio.to_thread(self._read, self._place(owner, name))

    async def swap(self, owner: str, name: str, old: str, new: str) -> bool:
        """Replace the text where it still reads `old`; return whether it did.

        Raises:
            SharedStateUnavailable: the file cannot be written, or lies outside of the root.
        """
        return await asyncio.to_thread(self._swap, self._place(owner, name), old, new)

    def _place(self, owner: str, name: str) -> Path:
        return self._root / _slug(owner) / f"{_slug(name)}.md"

    def _read(self, place: Path) -> str:
        if not place.resolve().is_relative_to(self._root.resolve()):
            raise self._failed("it is a link that leads out of its root", place)
        try:
            return place.read_bytes().decode()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise self._failed(getattr(error, "strerror", None) or str(error), place) from error

    def _swap(self, place: Path, old: str, new: str) -> bool:
        with self._alone(place):
            if self._read(place) != old:
                return False
            fresh = place.with_suffix(f".{os.getpid()}.tmp")
            try:
                with open(fresh, "wb") as file:
                    file.write(new.encode())
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, place)
            except (OSError, UnicodeEncodeError) as error:
                with suppress(OSError):
                    fresh.unlink()
                raise self._failed(getattr(error, "strerror", None) or str(error), place) from error
            return True

    @contextmanager
    def _alone(self, place: Path) -> Iterator[None]:
        """Keep other threads and processes from the owner's notes meanwhile."""
        try:
            import fcntl
        except ImportError:
            fcntl = None  # type: ignore[assignment]
        with self._lock:
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                folder = os.open(place.parent, os.O_RDONLY) if fcntl else None
            except OSError as error:
                raise self._failed(error.strerror or str(error), place) from error
            try:
                if folder is not None:
                    with suppress(OSError):
                        fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                if folder is not None:
                    os.close(folder)

    def _failed(self, why: str, place: Path) -> SharedStateUnavailable:
        return SharedStateUnavailable(
            f"the note cannot be used: {why}",
            where=str(place),
            fix="check that it is a text file in UTF-8, in a folder that you can write to",
        )


def _slug(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{_OTHER.sub('-', name.lower())[:32].strip('-')}.{digest}"
