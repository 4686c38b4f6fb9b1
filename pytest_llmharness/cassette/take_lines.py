"""On which line of its file a take stands, so that a place can be clicked."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

_IN_JSON = re.compile(r'^[ \t{]*"request"\s*:\s*\{', re.MULTILINE)
_IN_YAML = re.compile(r"^( *)- ", re.MULTILINE)


def take_line(path: Path, place: int) -> int | None:
    """Return the line where the request of the take at this place begins, counted from 1.

    None where the file is gone, or written in a way that has no line for each take.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    found = next(islice(_starts(text), place, None), None)
    return None if found is None else text.count("\n", 0, found) + 1


def _starts(text: str) -> list[int] | map[int]:
    if text.lstrip()[:1] == "{":
        return map(re.Match.start, _IN_JSON.finditer(text))
    begin = re.search(r"^interactions:", text, re.MULTILINE)
    items = list(_IN_YAML.finditer(text, begin.end() if begin else 0))
    indent = items[0][1] if items else ""
    return [each.start() for each in items if each[1] == indent]
