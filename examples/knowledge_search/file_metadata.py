"""The tool that looks at files: under one folder, and never outside it."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_llmharness import ToolSpec

DEFAULT_CONTENT, MOST_CONTENT = 8192, 1024 * 1024
MOST_ENTRIES = 200


class FileMetadata:
    """The tool `fs_metadata`: says what a file or folder is, and on request what is in it.

    Paths are relative to the root. What leads out of it is refused, whether by `..`, as an absolute path
    or through a link; links inside a listed folder are named and not followed. The tool guards against
    what a model asks for, not against somebody who swaps files for links at that very moment.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve(strict=True)
        self.spec = ToolSpec(
            "fs_metadata",
            "Show what a file or folder is: type, size, time of change, and on request its content.",
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "path": {"type": "string", "minLength": 1, "description": "Such as . or runbooks/x.md"},
                    "include_contents": {"type": "boolean", "default": False},
                    "recursive": {"type": "boolean", "default": False},
                    "max_content_size": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": MOST_CONTENT,
                        "default": DEFAULT_CONTENT,
                        "description": "The most bytes of content in all.",
                    },
                },
                "required": ["path"],
                "additionalProperties": False,
            },
            read_only=True,
        )

    async def invoke(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Look, in a thread, because disks make one wait."""
        return await asyncio.to_thread(self.look, **arguments)

    def look(
        self,
        path: str,
        include_contents: bool = False,
        recursive: bool = False,
        max_content_size: int = DEFAULT_CONTENT,
    ) -> dict[str, Any]:
        """Return what there is at a path.

        Raises:
            PermissionError: the path leads out of the root.
            FileNotFoundError: there is nothing at it.
        """
        found = self._inside(path)
        content = _Content(max_content_size if include_contents else 0)
        told = self._told(found, content)
        if found.is_dir():
            below = list(self._below(found, recursive))
            told["entries"] = [self._told(one, content) for one in below[:MOST_ENTRIES]]
            told["more_entries"] = len(below) > MOST_ENTRIES
        return told

    def _inside(self, path: str) -> Path:
        pure = PurePosixPath(path.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts:
            raise PermissionError(
                f"{path!r} leads out of the folder; name a path below it, such as notes/x.txt"
            )
        try:
            found = self._root.joinpath(pure).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            # Said anew, because the system's own words name folders that are nobody's business.
            raise FileNotFoundError(f"there is nothing at {path!r}") from None
        if not found.is_relative_to(self._root):
            raise PermissionError(f"{path!r} is a link that leads out of the folder")
        return found

    def _below(self, folder: Path, recursive: bool) -> Iterator[Path]:
        """Yield what is in a folder in the order of names, one more than can be shown at most."""
        count = 0
        for place, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted([*folders, *files]):
                yield Path(place, name)
                count += 1
                if count > MOST_ENTRIES:
                    return
            if not recursive:
                return

    def _told(self, path: Path, content: _Content) -> dict[str, Any]:
        told: dict[str, Any] = {"path": path.relative_to(self._root).as_posix()}
        try:
            facts = path.lstat()
        except OSError:
            return told | {"type": "gone"}  # since the folder was read
        told |= {"type": _kind(facts.st_mode), "modified": _moment(facts.st_mtime)}
        if told["type"] == "file":
            told |= {"size": facts.st_size} | (content.of(path) if content.left else {})
        return told


class _Content:
    """Reads files until there is no room left for what is in them."""

    def __init__(self, room: int) -> None:
        self.left = room

    def of(self, path: Path) -> dict[str, Any]:
        # Without blocking and without following: what was a file a moment ago may be something else now.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            with open(os.open(path, flags), "rb") as file:
                found = file.read(self.left + 1)
        except OSError as error:
            return {"unreadable": error.strerror}
        kept = found[: self.left]
        self.left -= len(kept)
        is_cut = len(found) > len(kept)
        # A character that is cut in two is left out; bytes that are no text at all show as such.
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(kept, final=not is_cut)
        return {"content": text, "content_truncated": is_cut}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "directory"
    return "file" if stat.S_ISREG(mode) else "other"
