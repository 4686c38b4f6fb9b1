"""Where the documents of a file lie, found without reading what they say.

In the layout that we write, a document begins with `{` and ends with `}` at the beginning of a
line, nothing else stands there, and a take's key is on its second line. So a file of thousands of
takes is scanned in blocks, and only what is asked for is read and parsed. Documents that somebody
laid out anew are found by parsing the file.
"""

from __future__ import annotations

import json
import os
import re
import weakref
from array import array
from pathlib import Path

_BLOCK = 1 << 20
SMALL = 1 << 18
"""A file of up to this many bytes is read at once."""
_HEAD = 64
"""Bytes at the beginning of a document that hold its key."""
_END = b"\n}\n"
_BETWEEN = b"\n}\n{\n"
_KEY = re.compile(rb'\{\n  "key": "([0-9a-f]{32})"')
_ASTRAY = re.compile(rb"\n[^ {}\n]")
_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
BEGIN = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"format"\s*:\s*(\d+)')
"""How a file of this kind begins."""


class BrokenLayout(Exception):
    """The file does not consist of JSON documents: why, and on which line."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.why, self.line = why, line


class Documents:
    """The documents of one file, as it was when it was opened: a file that is replaced stays readable.

    Args:
        path: the file.
        start: its first bytes, `SMALL` and one more of a larger one; then a small one is not read again.
        torn: whether its end may be missing; a last document that is not whole is then passed over.

    Raises:
        OSError: it cannot be read.
        BrokenLayout: it does not consist of documents.
    """

    _closing: weakref.finalize[[int], Documents] | None = None

    def __init__(self, path: Path, start: bytes = b"", *, torn: bool = False) -> None:
        self._content: bytes | None = None
        if start and len(start) <= SMALL:
            self._content = start
        else:
            self._open(path, torn=torn)
        if self._content is not None:
            self._size = len(self._content)
        self._starts, self._keys, self._known = array("Q", [0]), bytearray(), bytearray()
        if not self._scan():
            self._parse()

    def _open(self, path: Path, *, torn: bool) -> None:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._file, self._size = file, os.fstat(file).st_size
        if torn:
            content = self._at(0, self._size)
            self._content = content[: content.rfind(_END) + len(_END)]
            os.close(file)
        else:
            self._closing = weakref.finalize(self, os.close, file)

    def __len__(self) -> int:
        return len(self._starts) - 2

    @property
    def is_small(self) -> bool:
        """Whether the file is so small that it is read at once."""
        return self._content is not None

    @property
    def header(self) -> bytes:
        """The first document."""
        return self._read(0)

    def __getitem__(self, number: int) -> bytes:
        """Return the bytes of a take, the first being 0."""
        return self._read(number + 1)

    def key(self, number: int) -> bytes | None:
        """Return the key that stands in a take, or None where it has none in its place."""
        return bytes(self._keys[16 * number : 16 * number + 16]) if self._known[number] else None

    def line(self, number: int) -> int:
        """Return the line on which a take begins."""
        lines, at, offset = 1, 0, self._starts[number + 1]
        while at < offset and (block := self._at(at, min(_BLOCK, offset - at))):
            lines += block.count(b"\n")
            at += len(block)
        return lines

    def close(self) -> None:
        """Let go of the file: nothing of it will be asked for any more."""
        if self._closing is not None:
            self._closing()

    def _at(self, offset: int, count: int) -> bytes:
        if self._content is not None:
            return self._content[offset : offset + count]
        return os.pread(self._file, count, offset)

    def _read(self, place: int) -> bytes:
        start, end = self._starts[place], self._starts[place + 1]
        return self._at(start, end - start)

    def _scan(self) -> bool:
        """Find the documents in our layout; return whether the file has it."""
        buffer, base = b"", 0
        while block := self._at(base + len(buffer), _BLOCK):
            buffer += block
            if _ASTRAY.search(buffer) or b"\r" in buffer:
                return False
            whole = base + len(buffer) >= self._size
            last = len(buffer) if whole else max(len(buffer) - _HEAD, 0)
            at = 0
            while (found := buffer.find(_BETWEEN, at, last)) >= 0:
                at = found + 3
                self._note(base + at, buffer[at : at + _HEAD])
            if whole:
                break
            kept = max(at, last - len(_BETWEEN))
            base, buffer = base + kept, buffer[kept:]
        if not buffer.endswith(b"\n}\n"):
            return False
        self._starts.append(self._size)
        return True

    def _note(self, start: int, head: bytes) -> None:
        found = _KEY.match(head)
        self._starts.append(start)
        self._known.append(found is not None)
        self._keys += bytes.fromhex(found[1].decode()) if found else bytes(16)

    def _parse(self) -> None:
        content = self._at(0, self._size)
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise BrokenLayout(f"is not UTF-8 text at byte {error.start}", line) from error
        starts, offset, done, decoder = array("Q"), 0, 0, json.JSONDecoder()
        while (at := _skip(text, done)) < len(text):
            offset += len(text[done:at].encode())
            starts.append(offset)
            try:
                done = decoder.raw_decode(text, at)[1]
            except json.JSONDecodeError as error:
                raise BrokenLayout(f"is broken at column {error.colno}: {error.msg}", error.lineno) from error
            except (ValueError, RecursionError) as error:
                raise BrokenLayout(f"is broken: {error}", text.count("\n", 0, at) + 1) from error
            offset += len(text[at:done].encode())
        starts.append(len(content))
        self._starts = starts
        self._known, self._keys = bytearray(len(self)), bytearray(16 * len(self))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
