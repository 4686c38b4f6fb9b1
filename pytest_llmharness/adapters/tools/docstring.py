"""What a docstring says: its first paragraph, and a line about each argument."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Google: "name (type): text". Sphinx: ":param type name: text". numpy: "name : type" over a text.
_SECTION = re.compile(r"(Args|Arguments|Parameters|Params|Attributes|Keyword Args|Other Parameters):?\s*$")
_HEADING = re.compile(r"[A-Z][A-Za-z ]*:\s*$")
_GOOGLE = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?:\s*(.*)")
_SPHINX = re.compile(r":(param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+):\s*(.*)")
_NUMPY = re.compile(r"([\w, *]+?)(?:\s*:.*)?$")
_RULE = re.compile(r"-{3,}\s*$")


def summary(text: str) -> str:
    """Return the first paragraph on one line, without the sections that follow it."""
    lines = []
    for line in text.split("\n"):
        if not line.strip() or _SECTION.match(line) or line.startswith(":"):
            break
        lines.append(line)
    return " ".join(" ".join(lines).split())


def argument_notes(text: str) -> dict[str, str]:
    """Return what a docstring in Google, Sphinx or numpy style says about each argument.

    Args:
        text: the docstring as `inspect.getdoc` gives it, without common indentation.
    """
    lines = text.split("\n")
    notes = dict(_sphinx(lines))
    for number, line in enumerate(lines):
        below = lines[number + 1 :]
        if not _SECTION.match(line) or not below:
            continue
        if _RULE.match(below[0]):
            notes.update(_numpy(below[1:]))
        elif number == 0 and not below[0].startswith(" "):  # its indentation was the common one
            notes.update(_google(f" {line}" for line in below))
        else:
            notes.update(_google(below))
    return {name: " ".join(note.split()) for name, note in notes.items() if note.strip()}


def _google(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Entries are indented alike; what is indented deeper, or blank, continues one."""
    name, note, margin = "", "", None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and not indent:
            break
        margin = indent if margin is None and line.strip() else margin
        entry = _GOOGLE.match(line.strip()) if indent == margin else None
        if entry:
            yield name, note
            name, note = entry.groups()
        else:
            note += " " + line
    yield name, note


def _sphinx(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """An entry begins with a colon and ends at the next one, or at a blank line."""
    name, note = "", ""
    for line in lines:
        entry = _SPHINX.match(line.strip())
        if entry or line.strip().startswith(":") or not line.strip():
            yield name, note
            name, note = (entry[2], entry[3]) if entry else ("", "")
        else:
            note += " " + line
    yield name, note


def _numpy(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Names stand at the margin, one or several with commas; their text is indented below."""
    names, note = "", ""
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if _RULE.match(below) or _HEADING.match(line):
            break
        if line.strip() and not line.startswith(" "):
            yield from ((name.strip(" *"), note) for name in names.split(","))
            entry = _NUMPY.match(line)
            names, note = (entry[1] if entry else ""), ""
        else:
            note += " " + line
    yield from ((name.strip(" *"), note) for name in names.split(","))
