"""Large binary content beside the cassette: one file each, named by its hash, so that diffs stay text."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import CassetteError

LARGE = 8 * 1024
"""From this many bytes on, binary content gets a file of its own."""

_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,4}")
_NAMED = re.compile(rb'"(?:\$blob|blob)": "([0-9a-f]{64}\.[a-z0-9]{1,4})"')
_KINDS = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"%PDF", "pdf"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
)


def blob_folder(path: Path) -> Path:
    """Return where the blobs of a cassette lie: `<name>.blobs/` beside it."""
    return path.with_name(f"{path.stem}.blobs")


def blob_name(content: bytes) -> str:
    """Return the name of a blob: its SHA-256, and what kind of file it is."""
    return f"{hashlib.sha256(content).hexdigest()}.{_suffix(content)}"


def from_base64(text: str) -> tuple[str, bytes] | None:
    """Return the beginning (of a data URL, else "") and the bytes of a large base64 text, else None."""
    if len(text) < LARGE * 4 // 3:
        return None
    begin, comma, coded = text.partition(";base64,") if text.startswith("data:") else ("", "", text)
    try:
        content = base64.b64decode(coded, validate=True)
    except ValueError:
        return None
    if not content or base64.b64encode(content).decode() != coded:
        return None
    return f"{begin}{comma}", content


class Blobs:
    """The blobs of one cassette.

    Args:
        path: the cassette's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.folder = blob_folder(path)

    def read(self, name: str) -> bytes:
        """Return a blob's content.

        Raises:
            ValueError: it is not there, or is not what its name says.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a blob")
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise ValueError(
                f"the blob {self.folder.name}/{name} cannot be read: {error.strerror}"
            ) from error
        if hashlib.sha256(content).hexdigest() != name.partition(".")[0]:
            raise ValueError(f"the blob {self.folder.name}/{name} is not the content it is named by")
        return content

    def write(self, blobs: Mapping[str, bytes]) -> None:
        """Write those that are not there yet, each at once.

        Raises:
            CassetteError: they cannot be written.
        """
        try:
            for name, content in blobs.items():
                place = self.folder / name
                if not place.exists():
                    self.folder.mkdir(parents=True, exist_ok=True)
                    temporary = self.folder / f".{name}-{os.getpid()}.tmp"
                    temporary.write_bytes(content)
                    temporary.replace(place)
        except OSError as error:
            raise CassetteError(
                f"a blob of the cassette {self._path.name} cannot be written: {error.strerror or error!r}",
                where=str(self.folder),
                fix=f"make {self.folder} writable, or replay only: record_mode='none'",
            ) from error

    def sweep(self, files: Iterable[Path]) -> None:
        """Delete the blobs that none of the files names, and a folder that is left empty."""
        if not self.folder.is_dir():
            return
        named: set[str] = set()
        for file in files:
            with suppress(OSError):
                named |= {name.decode() for name in _NAMED.findall(file.read_bytes())}
        with suppress(OSError):  # a blob that stays harms nobody
            for each in self.folder.iterdir():
                if _NAME.fullmatch(each.name) and each.name not in named:
                    each.unlink()
            self.folder.rmdir()


def _suffix(content: bytes) -> str:
    if content[:4] == b"RIFF":
        return {b"WAVE": "wav", b"WEBP": "webp"}.get(content[8:12], "bin")
    return next((suffix for begin, suffix in _KINDS if content.startswith(begin)), "bin")
